"""What a source of private keys answers with: keys of which one signs, and the others verify or wait."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

    from flask_licensing.errors import PrivateKeyError


class PrivateKeyState(StrEnum):
    """How far the life of a private key is, in this order.

    A pending key is published and does not sign yet. Of the active ones the newest signs. A verify-only key is
    published and no longer signs. A retired one is kept, and neither published nor used.
    """

    PENDING = "pending"
    ACTIVE = "active"
    VERIFY_ONLY = "verify-only"
    RETIRED = "retired"

    @classmethod
    def furthest(cls, states: Iterable[PrivateKeyState]) -> PrivateKeyState:
        """Return the latest of several states, which counts where one key is found in all of them."""
        return max(states, key=list(cls).index)


@dataclass(frozen=True, slots=True)
class PrivateKeyInfo:
    """What is known of a private key without showing anything of it.

    ``product_id`` is ``None`` for a global key. ``key_id`` is ``None`` where the key can't be read, or is a remote one
    that does not tell its public part. ``signs`` is true for the one key that signs. ``problem`` says why it can't be
    read. ``bits`` is its size, where the public part is known.
    """

    key_id: str | None
    state: PrivateKeyState
    product_id: int | None
    origin: str
    signs: bool = False
    problem: str | None = None
    bits: int | None = None


class SupportsSign(Protocol):
    """A private key that stays elsewhere, such as in a KMS or an HSM.

    It may also have a method ``public_key`` that returns an ``RSAPublicKey``, called when the key is loaded. With it
    each signature is verified, and the key has an id.
    """

    def sign(self, data: bytes, /) -> bytes:
        """Return the RSASSA-PKCS1-v1_5 signature with SHA-256 (RFC 8017 section 8.2) of ``data``.

        Called inside the request's transaction, in a thread of its own and a copy of the request's context, and waited
        for up to ``LICENSING_SIGNING_TIMEOUT_SECONDS``. Taking longer, raising anything or returning something that is
        no signature means that the answer can't be signed: nothing is created and the client sees code 9500.
        """
        ...


PrivateKey: TypeAlias = "str | bytes | RSAPrivateKey | SupportsSign"
"""What a private-key source answers with: a PEM, a loaded RSA key of at least 2048 bits, or a remote signer."""


@dataclass(frozen=True)
class PrivateKeyVersion:
    """One of several keys that a private-key source answers with.

    ``material`` is a :data:`PrivateKey`. If it no longer signs, its public key is enough, as PEM or loaded. A
    ``PrivateKeyError`` stands for a private key that can't be read: the others are used and the log says why.
    ``origin`` says where it is from. Raises ``ValueError`` for an unknown state.
    """

    material: PrivateKey | RSAPublicKey | PrivateKeyError = field(repr=False)
    state: PrivateKeyState
    origin: str | None = None

    def __post_init__(self) -> None:
        # A source reads states from elsewhere, as text.
        object.__setattr__(self, "state", PrivateKeyState(self.state))


PrivateKeySource: TypeAlias = "Callable[[int | None], PrivateKey | Sequence[PrivateKeyVersion] | None]"
"""Called with a product id, or ``None`` for the global keys; answers with the private key or ``None`` for no such key.

A source of several keys answers with a list of :class:`PrivateKeyVersion`, oldest first: the last active one signs.
Where one key is there twice, the state that is furthest along counts.

Called at start-up for the global key, then once per product and refresh interval, and for each request for public keys.
Answer with the same objects as long as nothing changed: new ones are taken for new keys. Raising at start-up stops
the app; later, the key loaded before goes on signing and the log says why. The default source has no keys.
"""
