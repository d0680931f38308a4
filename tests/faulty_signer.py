"""A private-key source for a real server, whose remote signers do what a file tells them to.

``FLASK_FAULTY_SIGNER_FOLDER`` names a folder with ``global.pem`` and ``product-1.pem``, the keys, and ``behaviour``.
"""

from __future__ import annotations

import os
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from flask_licensing.private_keys.signing import RsaSigner

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

LATE_SECONDS = 1.0


class FaultySigner:
    """Signs with a key of its own unless the file says otherwise."""

    def __init__(self, folder: Path, name: str) -> None:
        self._behaviour = folder / "behaviour"
        self._rsa = RsaSigner(load_pem_private_key((folder / name).read_bytes(), None))  # type: ignore[arg-type] # RSA

    def public_key(self) -> RSAPublicKey:
        return self._rsa.public_key()

    def sign(self, data: bytes) -> Any:
        signature = self._rsa.sign(data)
        match self._behaviour.read_text():
            case "sign":
                return signature
            case "raise":
                raise ConnectionError("the service is away")
            case "hang":
                while self._behaviour.read_text() == "hang":
                    time.sleep(0.01)
            case "late":
                time.sleep(LATE_SECONDS)
                return signature
            case "wrong type":
                return signature.hex()
            case "wrong length":
                return signature[1:]
            case "another signature":
                return self._rsa.sign(b"another text")
        return b""


@cache
def _signer(name: str) -> FaultySigner:
    return FaultySigner(Path(os.environ["FLASK_FAULTY_SIGNER_FOLDER"]), name)


def of_product(product_id: int | None) -> Any:
    """Answer with a remote signer for the product, and with a key in memory as the global one."""
    if product_id is None:
        return (Path(os.environ["FLASK_FAULTY_SIGNER_FOLDER"]) / "global.pem").read_bytes()
    return _signer("product-1.pem")


def of_site(product_id: int | None) -> Any:
    """Answer with a remote signer as the global key, and with none for products."""
    return _signer("global.pem") if product_id is None else None
