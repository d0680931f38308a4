"""The shop's RSA key pairs: private ones to sign with, public ones for its customers' programs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from flask_licensing.signing import generate_private_key

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE_KEY_FOLDER = "private-keys"
PUBLIC_KEY_FOLDER = "public-keys"

NAMES = ("global.pem", "product-1.pem")
"""One key pair for the whole shop, and one for its product; each answer says which of them signed it."""


def create_key_pairs(instance_folder: Path) -> None:
    """Make the key pairs that are missing."""
    for name in NAMES:
        private_file = instance_folder / PRIVATE_KEY_FOLDER / name
        public_file = instance_folder / PUBLIC_KEY_FOLDER / name
        if not private_file.exists():
            _write_private(private_file, generate_private_key())
        public_file.parent.mkdir(exist_ok=True)
        public_file.write_bytes(_public_key_of(private_file.read_bytes()))


def _write_private(file: Path, pem: bytes) -> None:
    file.parent.mkdir(mode=0o700, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(pem)


def _public_key_of(private_pem: bytes) -> bytes:
    public_key = load_pem_private_key(private_pem, password=None).public_key()
    return public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
