"""The part of the extension object that makes, lists, rotates and retires private keys."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flask_licensing.core.domain import MAX_INTEGER
from flask_licensing.core.public_keys import MIN_KEY_BITS
from flask_licensing.core.state import current_state
from flask_licensing.core.work import run_work
from flask_licensing.errors import LicensingError
from flask_licensing.http.origins import current_origin
from flask_licensing.private_keys.ring import ring_of
from flask_licensing.private_keys.rotation import PrivateKeyRotator
from flask_licensing.private_keys.service import (
    list_private_keys,
    require_folder,
    show_public_key,
    write_pending_private_key,
    write_private_key,
)
from flask_licensing.private_keys.signing import PRIVATE_KEY_BITS

if TYPE_CHECKING:
    from pathlib import Path

    from flask_licensing.core.state import LicensingState
    from flask_licensing.private_keys.rotation import PrivateKeyRotation
    from flask_licensing.private_keys.versions import PrivateKeyInfo

PRIVATE_KEY_GENERATED = "private-key-generated"
PRIVATE_KEY_ROTATED = "private-key-rotated"
PRIVATE_KEY_RETIRED = "private-key-retired"

_logger = logging.getLogger(__name__)


class PrivateKeyMethods:
    """What :class:`flask_licensing.Licensing` does with private keys. Each method needs an app context."""

    def generate_private_key(
        self,
        product_id: int | None = None,
        *,
        bits: int | None = None,
        overwrite: bool = False,
        pending: bool = False,
    ) -> Path:
        """Make an RSA private key for a product, or the global one, and return its file.

        The private-key source has to be ``"file:PATH"``. The file is readable by its owner alone, and encrypted where a
        passphrase is set.

        Args:
            product_id: the product; by default the key is the global one.
            bits: 2048, 3072 or 4096; by default 2048, or for a pending key as many as the key has that signs.
            overwrite: replace the key that signs, instead of refusing where there is one.
            pending: make a key that is published and signs from the next :meth:`rotate_private_key` on.

        Raises:
            ConfigurationError: the source is one file and can't hold a product's key.
            LicensingError: the source reads no files, or no folder for a pending key; or an argument is wrong.
            PrivateKeyError: there is an active key already and ``overwrite`` is false, or the file can't be written.

        """
        if overwrite and pending:
            raise LicensingError("A pending key is made beside the others; there is nothing to overwrite.")
        _require_product_id(product_id)
        _require_size(bits)
        state = current_state()
        source, passphrase = ring_of(state).source, ring_of(state).loader.passphrase
        if pending:
            folder = require_folder(source)
            bits = bits or PrivateKeyRotator(folder, ring_of(state).loader).bits_that_sign(product_id)
            file = write_pending_private_key(folder, product_id, passphrase=passphrase, bits=bits, now=state.clock())
        else:
            bits = bits or MIN_KEY_BITS
            file = write_private_key(source, product_id, passphrase=passphrase, bits=bits, overwrite=overwrite)
        ring_of(state).ask_again()
        _record(state, PRIVATE_KEY_GENERATED, product_id, file.name)
        return file

    def rotate_private_key(self, product_id: int | None = None, *, bits: int | None = None) -> PrivateKeyRotation:
        """Change the key that signs for a product, or the global one, and return what changed.

        The oldest pending key, or else a new one, becomes active; those active before become verify-only. Other
        processes notice within ``LICENSING_PRIVATE_KEY_REFRESH_SECONDS``; until then they sign with a key that is still
        published. The source has to be ``"file:PATH"`` with a folder. Of two rotations at once, the second is refused.

        A new key has as many ``bits`` (2048, 3072 or 4096), by default those of the key that signed. A pending key has
        those that it was made with.

        Raises:
            LicensingError: the source reads no folder, the product's id can't be one, or ``bits`` are given and are no
                size that is made, or there is a pending key.
            PrivateKeyError: the pending key can't be used, another process is changing the keys, or a file can't be
                written; whatever state that leaves, answers are signed and verify.

        """
        _require_product_id(product_id)
        _require_size(bits)
        state = current_state()
        rotator = PrivateKeyRotator(require_folder(ring_of(state).source), ring_of(state).loader)
        rotation = rotator.rotate(product_id, now=state.clock(), bits=bits)
        ring_of(state).ask_again()
        _record(state, PRIVATE_KEY_ROTATED, product_id, rotation.active.key_id)
        return rotation

    def retire_private_key(self, key_id: str) -> list[PrivateKeyInfo]:
        """Retire the key with this id, pending or verify-only, and return each file of it that there was.

        It is kept, and neither published nor used any more: what it signed no longer verifies.

        Raises:
            LicensingError: the source reads no folder; there is no such key; it is active or retired already; or
                it was active so recently that another process may still sign with it.
            PrivateKeyError: another process is changing the keys, or a file can't be written.

        """
        state = current_state()
        rotator = PrivateKeyRotator(require_folder(ring_of(state).source), ring_of(state).loader)
        retired = rotator.retire(
            key_id, ring_of(state).product_ids(), refresh_seconds=state.settings.private_key_refresh_seconds
        )
        ring_of(state).ask_again()
        for of_file in retired:
            _record(state, PRIVATE_KEY_RETIRED, of_file.product_id, key_id)
        return retired

    def list_private_keys(self) -> list[PrivateKeyInfo]:
        """Return what is known of every private key: the global ones, then those of products, each oldest first.

        If the source does not list its products, only the global private keys are known.

        Raises:
            PrivateKeyError: the source can't be asked.

        """
        return list_private_keys(ring_of(current_state()))

    def public_key(self, product_id: int | None = None) -> str:
        """Return as PEM the public key that verifies a product's answers, or global ones.

        Raises:
            LicensingError: there is no private key, or it is kept elsewhere and does not tell its public key.

        """
        return show_public_key(ring_of(current_state()), product_id)


def _record(state: LicensingState, action: str, product_id: int | None, name: str | None) -> None:
    try:
        target = f"private-key:{name}"
        run_work(state, current_origin(), lambda work: work.record(action, product_id=product_id, target=target))
    except Exception as error:  # noqa: BLE001 - the files are changed, whatever the database says to that
        _logger.warning("%s of private-key:%s is not in the audit log: %s", action, name, type(error).__name__)


def _require_product_id(product_id: int | None) -> None:
    if product_id is not None and not 1 <= product_id <= MAX_INTEGER:
        raise LicensingError(f"The id of a product is a number from 1 to {MAX_INTEGER}.")


def _require_size(bits: int | None) -> None:
    if bits is not None and bits not in PRIVATE_KEY_BITS:
        raise LicensingError(f"Private keys are made of {', '.join(map(str, PRIVATE_KEY_BITS))} bits.")
