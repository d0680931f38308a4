"""From what a private-key source answers to keys that are ready for use."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from flask_licensing.domain import PrivateKeyState
from flask_licensing.errors import PrivateKeyError
from flask_licensing.hooks import PrivateKeyVersion
from flask_licensing.public_keys import key_id_of
from flask_licensing.remote_signing import RemoteSigner, TimeLimit
from flask_licensing.signing import RsaSigner, load_public_part, load_signer

if TYPE_CHECKING:
    from flask_licensing.hooks import PrivateKey

_SIGNING_STATES = frozenset({PrivateKeyState.PENDING, PrivateKeyState.ACTIVE})


@dataclass(frozen=True)
class LoadedKey:
    """A key ready for use.

    ``signer`` is ``None`` for a key that only verifies; ``public_key`` and ``key_id`` are ``None`` for that of a remote
    signer which does not tell them.
    """

    signer: RsaSigner | RemoteSigner | None
    public_key: RSAPublicKey | None
    key_id: str | None

    def sign(self, data: bytes) -> bytes:
        """Return the signature of ``data``; whatever the signer raises goes on."""
        if self.signer is None:
            raise PrivateKeyError("This is a public key.")
        return self.signer.sign(data)

    @property
    def is_remote(self) -> bool:
        """Whether the private key stays elsewhere, so that signing may take long."""
        return isinstance(self.signer, RemoteSigner)


@dataclass(frozen=True)
class LoadedVersion:
    """One of the keys that a source tells of, with the key, or the ``problem`` that kept it from loading."""

    state: PrivateKeyState
    origin: str
    fingerprint: object
    key: LoadedKey | None = None
    problem: str | None = None

    def has_same_key(self, other: LoadedVersion) -> bool:
        """Whether both are one key, as far as that is known."""
        if self.key is None or other.key is None:
            return False
        return self.fingerprint == other.fingerprint or (self.key.key_id or "") == other.key.key_id


class PrivateKeyLoader:
    """Loads keys; ``passphrase`` opens encrypted ones, remote signers may take ``timeout_seconds`` for each call."""

    def __init__(self, *, passphrase: str | None, timeout_seconds: float) -> None:
        self._passphrase = passphrase
        self._signing = TimeLimit(timeout_seconds)
        # Strangers have public keys asked for: calls of theirs that never end must not use up those for signing.
        self._telling = TimeLimit(timeout_seconds)

    def load_all(
        self,
        answer: PrivateKey | Sequence[PrivateKeyVersion] | None,
        *,
        origin: str,
        known: Sequence[LoadedVersion] = (),
    ) -> tuple[LoadedVersion, ...]:
        """Return what a source answered with, loaded, in its order.

        ``origin`` says where a key is from that does not say so itself. What is among those ``known`` from before is
        not loaded again: loading costs a hundred times what signing does.
        """
        return tuple(self._load(version, version.origin or origin, known) for version in _versions_of(answer))

    def _load(self, version: PrivateKeyVersion, origin: str, known: Sequence[LoadedVersion]) -> LoadedVersion:
        fingerprint = _fingerprint(version.material)
        for before in known:
            if before.key and before.fingerprint == fingerprint and _serves(before.key, version.state):
                return LoadedVersion(version.state, origin, fingerprint, before.key)
        try:
            key = self._load_key(version, origin)
        except PrivateKeyError as problem:
            return LoadedVersion(version.state, origin, fingerprint, problem=str(problem))
        return LoadedVersion(version.state, origin, fingerprint, key)

    def _load_key(self, version: PrivateKeyVersion, origin: str) -> LoadedKey:
        material = version.material
        if isinstance(material, PrivateKeyError):
            raise material
        if version.state not in _SIGNING_STATES and isinstance(material, str | bytes | RSAPrivateKey | RSAPublicKey):
            public_key = load_public_part(material, passphrase=self._passphrase, origin=origin)
            return LoadedKey(None, public_key, key_id_of(public_key))
        signer = load_signer(material, passphrase=self._passphrase, origin=origin)
        if isinstance(signer, RsaSigner):
            return LoadedKey(signer, signer.public_key(), key_id_of(signer.public_key()))
        remote = RemoteSigner(signer, signing=self._signing, telling=self._telling, origin=origin)
        return LoadedKey(remote, remote.public_key, key_id_of(remote.public_key) if remote.public_key else None)


def _versions_of(answer: PrivateKey | Sequence[PrivateKeyVersion] | None) -> Sequence[PrivateKeyVersion]:
    if answer is None:
        return ()
    if isinstance(answer, Sequence) and not isinstance(answer, str | bytes):
        return answer
    return (PrivateKeyVersion(answer, PrivateKeyState.ACTIVE),)


def _serves(key: LoadedKey, state: PrivateKeyState) -> bool:
    """Whether a key loaded before does in this state too."""
    if isinstance(key.signer, RemoteSigner) and key.signer.withholds_public_key:
        return False
    return key.signer is not None or state not in _SIGNING_STATES


def _fingerprint(material: object) -> object:
    """Return what tells two answers of a source apart, without keeping the text of a key."""
    if isinstance(material, str | bytes):
        return hashlib.sha256(material.encode() if isinstance(material, str) else material).digest()
    return material
