"""Exporting license keys as a stream, page by page; memory stays flat however many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_licensing.errors import LicensingError
from flask_licensing.hooks import LicenseKeyPageStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask_licensing.domain import LicenseKey, LicenseKeyStatus

PAGE_SIZE = 10_000
"""License keys asked for at once."""


def list_license_keys(
    store: object, *, product_id: int | None, status: LicenseKeyStatus | None
) -> Iterator[LicenseKey]:
    """Yield the license keys of a product (``None``: of all) with a status (``None``: any), oldest first.

    Each page is a transaction of its own: license keys that are created meanwhile come at the end.

    Raises:
        LicensingError: the key store can't list license keys.

    """
    if not isinstance(store, LicenseKeyPageStore):
        raise LicensingError(f"{type(store).__name__} does not list license keys.")
    last_id = 0
    while True:
        with store.transaction():
            page = store.list_license_keys(last_id, PAGE_SIZE, product_id=product_id, status=status)
        yield from page
        if len(page) < PAGE_SIZE:
            return
        last_id = page[-1].id
