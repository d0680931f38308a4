"""From what a private-key source answers to private keys that are ready for use."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from flask_licensing.core.public_keys import key_id_of
from flask_licensing.errors import PrivateKeyError
from flask_licensing.private_keys.remote_signing import RemoteSigner, TimeLimit
from flask_licensing.private_keys.signing import RsaSigner, load_public_part, load_signer
from flask_licensing.private_keys.versions import PrivateKeyInfo, PrivateKeyState, PrivateKeyVersion

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask_licensing.private_keys.versions import PrivateKey

_SIGNING_STATES = frozenset({PrivateKeyState.PENDING, PrivateKeyState.ACTIVE})


@dataclass(frozen=True)
class LoadedPrivateKey:
    """A :class:`~flask_licensing.hooks.PrivateKeyVersion`, ready for use or with the ``problem`` that prevented it.

    ``signer`` is ``None`` for a key that only verifies; ``public_key`` and ``key_id`` are ``None`` for that of a remote
    signer which keeps its public key to itself. ``fingerprint`` identifies what the source answered with.
    """

    state: PrivateKeyState
    origin: str
    fingerprint: object
    signer: RsaSigner | RemoteSigner | None = None
    public_key: RSAPublicKey | None = None
    key_id: str | None = None
    problem: str | None = None

    def sign(self, data: bytes) -> bytes:
        """Return the signature of ``data``; raises whatever the signer raises."""
        if self.signer is None:
            raise PrivateKeyError("This is a public key.")
        return self.signer.sign(data)

    @property
    def is_remote(self) -> bool:
        """Whether the private key stays elsewhere, so that signing may take long."""
        return isinstance(self.signer, RemoteSigner)

    @property
    def marks(self) -> tuple[object, ...]:
        """What the key has in common with the same key in another state; nothing where it could not be loaded."""
        return () if self.problem else (self.fingerprint, self.key_id or self.fingerprint)

    def is_same_key(self, other: LoadedPrivateKey) -> bool:
        """Whether both are one key, as far as that is known."""
        return not {*self.marks}.isdisjoint(other.marks)

    def info(self, product_id: int | None, *, signs: bool = False) -> PrivateKeyInfo:
        """Return what may be shown of the key, which is a product's or a global one."""
        bits = self.public_key.key_size if self.public_key else None
        return PrivateKeyInfo(self.key_id, self.state, product_id, self.origin, signs, self.problem, bits)

    def serves(self, state: PrivateKeyState) -> bool:
        """Whether the key needs no loading to be used in this state."""
        if self.problem or (isinstance(self.signer, RemoteSigner) and self.signer.withholds_public_key):
            return False
        return self.signer is not None or state not in _SIGNING_STATES


class PrivateKeyLoader:
    """Loads keys; ``passphrase`` opens encrypted ones, remote signers may take ``timeout_seconds`` for each call."""

    def __init__(self, *, passphrase: str | None, timeout_seconds: float) -> None:
        self.passphrase = passphrase
        self._signing = TimeLimit(timeout_seconds)
        # Strangers have public keys asked for: calls of theirs that never end must not use up those for signing.
        self._asking = TimeLimit(timeout_seconds)

    def load_all(
        self,
        answer: PrivateKey | Sequence[PrivateKeyVersion] | None,
        *,
        origin: str,
        known: Iterable[LoadedPrivateKey] = (),
        to_sign: bool = True,
    ) -> tuple[LoadedPrivateKey, ...]:
        """Return what a source answered with, loaded, in its order.

        ``origin`` is used for keys that come without their own. What is among those ``known`` from before is not loaded
        again: loading costs a hundred times what signing does, unless the keys are not ``to_sign`` with.
        """
        before = {key.fingerprint: key for key in known}
        return tuple(
            self._load(version, version.origin or origin, before, to_sign=to_sign) for version in _versions_of(answer)
        )

    def _load(
        self, version: PrivateKeyVersion, origin: str, before: dict[object, LoadedPrivateKey], *, to_sign: bool
    ) -> LoadedPrivateKey:
        fingerprint = _fingerprint(version.material)
        known = before.get(fingerprint)
        if known and known.serves(version.state):
            return replace(known, state=version.state, origin=origin)
        unloaded = LoadedPrivateKey(version.state, origin, fingerprint)
        try:
            return self._with_key(unloaded, version.material, to_sign=to_sign)
        except PrivateKeyError as problem:
            return replace(unloaded, problem=str(problem))

    def _with_key(
        self, unloaded: LoadedPrivateKey, material: PrivateKey | RSAPublicKey | PrivateKeyError, *, to_sign: bool
    ) -> LoadedPrivateKey:
        signer: RsaSigner | RemoteSigner | None = None
        origin = unloaded.origin
        if isinstance(material, PrivateKeyError):
            raise material
        if unloaded.state not in _SIGNING_STATES and isinstance(material, str | bytes | RSAPrivateKey | RSAPublicKey):
            public_key: RSAPublicKey | None = load_public_part(material, passphrase=self.passphrase, origin=origin)
        else:
            loaded = load_signer(material, passphrase=self.passphrase, origin=origin, to_sign=to_sign)
            if isinstance(loaded, RsaSigner):
                signer, public_key = loaded, loaded.public_key()
            else:
                signer = RemoteSigner(loaded, signing=self._signing, asking=self._asking, origin=origin)
                public_key = signer.public_key
        key_id = key_id_of(public_key) if public_key else None
        return replace(unloaded, signer=signer, public_key=public_key, key_id=key_id)


class _Identity:
    """Equal for one object alone, and keeps it alive; objects of a host need be neither comparable nor hashable."""

    def __init__(self, thing: object) -> None:
        self._thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and self._thing is other._thing

    def __hash__(self) -> int:
        return id(self._thing)


def _versions_of(answer: PrivateKey | Sequence[PrivateKeyVersion] | None) -> Sequence[PrivateKeyVersion]:
    if answer is None:
        return ()
    if isinstance(answer, Sequence) and not isinstance(answer, str | bytes):
        return answer
    return (PrivateKeyVersion(answer, PrivateKeyState.ACTIVE),)


def _fingerprint(material: object) -> object:
    """Return what identifies an answer of a source, without keeping the text of a key."""
    if isinstance(material, str | bytes):
        return hashlib.sha256(material.encode() if isinstance(material, str) else material).digest()
    return _Identity(material)
