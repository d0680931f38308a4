"""The part of the extension object that imports and exports license keys."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from flask_licensing.core.state import current_state
from flask_licensing.core.work import run_work
from flask_licensing.http.origins import current_origin
from flask_licensing.inventory.files import open_for_license_keys, open_rows
from flask_licensing.inventory.service import DEFAULT_BATCH_SIZE, LicenseKeyImport, export_license_keys
from flask_licensing.license_keys.fields import refuse_unknown_terms
from flask_licensing.license_keys.store import LicenseKeyStatus

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from typing import BinaryIO, Unpack

    from flask_licensing.inventory.formats import Row
    from flask_licensing.inventory.service import ImportSummary
    from flask_licensing.license_keys.store import GivenTerms


def _ignore(*_: object) -> None:
    """Do nothing with what is reported."""


class InventoryMethods:
    """What :class:`flask_licensing.Licensing` does with files of license keys. Each method needs an app context."""

    def import_license_keys(
        self,
        file: str | os.PathLike[str] | BinaryIO,
        *,
        file_format: str | None = None,
        batch_size: int = DEFAULT_BATCH_SIZE,
        dry_run: bool = False,
        reject: Callable[[Row, str], None] = _ignore,
        progress: Callable[[ImportSummary], None] = _ignore,
        warn: Callable[[str], None] = _ignore,
        **terms: Unpack[GivenTerms],
    ) -> ImportSummary:
        """Import the license keys of a file, batch by batch, and return what came of its rows. Needs an app context.

        No signal is sent. An import that was interrupted can be started again: what is there counts as duplicate.

        Args:
            file: its path, or a binary stream; gzip is recognised.
            file_format: ``"csv"``, ``"ndjson"`` or ``"text"``; by default what the path ends in, and ``"text"`` where
                it has no suffix. A file with another suffix, or whose first lines say otherwise, is refused then.
            batch_size: rows in one transaction.
            dry_run: count what would be created, and create nothing.
            reject: called with each row that can't be imported, and the reason.
            progress: called after each batch with the summary so far.
            warn: called with a sentence for each unknown column, and for characters in license keys that nobody sees.
            terms: those of rows that do not say theirs, as in :meth:`create_license_keys`: without ``product_id`` such
                rows are rejected; ``activation_limit`` and ``validity`` are 0 by default, ``status`` is
                ``"available"``, and ``assigned_at`` the time of the import where the status is ``"assigned"``.

        Raises:
            IncorrectData: one of the terms given here is wrong.
            FileError: the file can't be read, or is not of the format; batches before that stay.
            StoreUnavailable: the database can't be reached; batches before that stay.

        """
        refuse_unknown_terms(terms)
        defaults = {"activation_limit": 0, "validity": 0, "status": LicenseKeyStatus.AVAILABLE, **terms}
        importer = LicenseKeyImport(
            partial(run_work, current_state(), current_origin()),
            defaults=defaults,
            reject=reject,
            progress=progress,
            warn=warn,
        )
        with open_rows(file, file_format, warn) as rows:
            return importer.run(rows, batch_size=batch_size, dry_run=dry_run)

    def export_license_keys(
        self,
        file: str | os.PathLike[str] | BinaryIO,
        *,
        file_format: str | None = None,
        product_id: int | None = None,
        status: str | None = None,
    ) -> int:
        """Write license keys to a file, oldest first, and return how many. Needs an app context.

        What is written as CSV or NDJSON imports again unchanged; the text format holds no terms and no metadata.

        Args:
            file: its path, or a binary stream. A path ending in ``.gz`` is compressed. A file of that name appears
                when it is whole, for its owner alone; one that was there keeps its owner and mode. What a symbolic link
                points to is replaced, not the link; a pipe or device is written to, and a file with several hard links
                refused.
            file_format: as in :meth:`import_license_keys`.
            product_id: the product whose license keys are written; by default all.
            status: the status of those that are written; by default any.

        Raises:
            LicensingError: the key store does not list license keys.
            FileError: the file can't be written.
            StoreUnavailable: the database can't be reached.

        """
        wanted = None if status is None else LicenseKeyStatus(status)
        export = partial(export_license_keys, current_state().key_store, product_id=product_id, status=wanted)
        with open_for_license_keys(file, file_format) as write:
            return write(export)
