"""What the fixtures hand out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from flask_licensing.core.domain import naive_utc
from flask_licensing.core.public_keys import public_key_pem
from flask_licensing.private_keys.signing import generate_private_key

__all__ = ["FrozenClock", "KeyPair", "generate_private_key"]

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


@dataclass(frozen=True)
class KeyPair:
    """A private key and its public key, as PEM."""

    pem: str = field(repr=False)
    public_pem: str

    @classmethod
    def generate(cls) -> KeyPair:
        """Return a new pair of 2048 bits."""
        pem = generate_private_key()
        loaded = cast("RSAPrivateKey", load_pem_private_key(pem, None))
        return cls(pem.decode("ascii"), public_key_pem(loaded.public_key()))

    def __call__(self, product_id: int | None) -> str | None:
        """Answer as a private-key source that has this key as the global one."""
        return self.pem if product_id is None else None


class FrozenClock:
    """A clock that stands still until it is moved; naive UTC, as :data:`flask_licensing.hooks.Clock` wants it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1)

    def __call__(self) -> datetime:
        """Return what time it is."""
        return self.now

    def move(self, **timedelta_arguments: float) -> None:
        """Move by a :class:`~datetime.timedelta`: ``clock.move(days=1, seconds=-5)``."""
        self.now += timedelta(**timedelta_arguments)

    def move_to(self, moment: datetime) -> None:
        """Move to a moment, aware or naive UTC."""
        self.now = naive_utc(moment)
