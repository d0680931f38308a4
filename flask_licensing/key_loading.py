"""From what a private-key source answers to a key that is ready for use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask_licensing.public_keys import key_id_of
from flask_licensing.remote_signing import RemoteSigner
from flask_licensing.signing import RsaSigner, load_signer

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from flask_licensing.hooks import PrivateKey
    from flask_licensing.remote_signing import TimeLimit


@dataclass(frozen=True)
class LoadedKey:
    """A key ready for use; ``public_key`` and ``key_id`` are ``None`` where a remote signer does not tell them."""

    signer: RsaSigner | RemoteSigner
    public_key: RSAPublicKey | None
    key_id: str | None

    @property
    def is_remote(self) -> bool:
        """Whether the private key stays elsewhere, so that signing may take long."""
        return isinstance(self.signer, RemoteSigner)


class KeyLoader:
    """Loads keys; ``passphrase`` opens encrypted ones, ``time_limit`` is that of remote signers."""

    def __init__(self, *, passphrase: str | None, time_limit: TimeLimit) -> None:
        self._passphrase = passphrase
        self._time_limit = time_limit

    def load(self, material: PrivateKey, *, origin: str) -> LoadedKey:
        """Return the key; ``origin`` says in errors and in the log where it came from.

        Raises:
            PrivateKeyError: it is not an RSA private key of at least 2048 bits, or the passphrase does not open it.

        """
        signer = load_signer(material, passphrase=self._passphrase, origin=origin)
        if isinstance(signer, RsaSigner):
            public_key = signer.public_key()
            return LoadedKey(signer, public_key, key_id_of(public_key))
        remote = RemoteSigner(signer, self._time_limit, origin=origin)
        return LoadedKey(remote, remote.public_key, key_id_of(remote.public_key) if remote.public_key else None)
