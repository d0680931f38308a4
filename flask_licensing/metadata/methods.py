"""What :class:`flask_licensing.Licensing` does with metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_licensing.core.fields import load_fields
from flask_licensing.core.metadata import MetadataOwner
from flask_licensing.core.state import current_state
from flask_licensing.core.store import require_group
from flask_licensing.core.work import run_work
from flask_licensing.errors import UnknownLicenseKey
from flask_licensing.http.origins import current_origin
from flask_licensing.license_keys.store import LicenseKeyFilter, LicenseKeySearchStore
from flask_licensing.metadata import service
from flask_licensing.metadata.fields import LicenseKeyMetaSchema, ProductMetaSchema

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flask_licensing.core.metadata import Metadata
    from flask_licensing.core.work import Result, Work
    from flask_licensing.metadata.service import Change, MetadataVerdict


class MetadataMethods:
    """What :class:`flask_licensing.Licensing` does with metadata. Each method needs an app context.

    What changes something commits, or with ``commit=False`` joins the transaction of the host's session. It does what
    the endpoint of its name does: the answer has its ``code``, with the ``number`` and the ``message`` of the contract.
    ``value`` is a text, or what JSON can say but ``None``.

    Raises:
        IncorrectData: the key or the value can't be kept, as one that is too long.
        TransactionConflict: the database ended the transaction for another; it may be tried again.

    """

    def create_license_key_meta(
        self, license_key: str, identifier: str, key: str, value: Any, *, commit: bool = True
    ) -> MetadataVerdict:
        """Keep a value with a license key that is valid for an identifier; the code is 453 where it is kept."""
        sent = {"license_key": license_key, "identifier": identifier, "key": key, "value": value}
        return _of_license_key(service.CREATE_LICENSE_KEY_META, sent, commit=commit)

    def update_license_key_meta(
        self, license_key: str, identifier: str, key: str, value: Any, *, commit: bool = True
    ) -> MetadataVerdict:
        """Change a value that is kept with a license key; the code is 353 where it was there."""
        sent = {"license_key": license_key, "identifier": identifier, "key": key, "value": value}
        return _of_license_key(service.UPDATE_LICENSE_KEY_META, sent, commit=commit)

    def delete_license_key_meta(
        self, license_key: str, identifier: str, key: str, *, commit: bool = True
    ) -> MetadataVerdict:
        """Delete a value that is kept with a license key; the code is 252 where it was there."""
        sent = {"license_key": license_key, "identifier": identifier, "key": key}
        return _of_license_key(service.DELETE_LICENSE_KEY_META, sent, commit=commit)

    def list_license_key_meta(self, license_key: str) -> Sequence[Metadata]:
        """Return the metadata of a license key, whatever its status, oldest first.

        Raises:
            UnknownLicenseKey: there is no such license key.

        """

        def list_of(work: Work) -> Sequence[Metadata]:
            store = require_group(work.store, LicenseKeySearchStore, "does not search license keys")
            wanted = LicenseKeyFilter(license_key=license_key.strip())
            for key in store.find_license_keys(wanted, after_id=0, offset=0, limit=1):
                return service.list_metadata(work, MetadataOwner.LICENSE_KEY, key.id)
            raise UnknownLicenseKey

        return _run(list_of)

    def create_product_meta(self, product_id: int, key: str, value: Any, *, commit: bool = True) -> MetadataVerdict:
        """Keep a value with a product; the code is 273 where it is kept."""
        sent = {"product_id": product_id, "key": key, "value": value}
        return _of_product(service.CREATE_PRODUCT_META, sent, commit=commit)

    def update_product_meta(self, product_id: int, key: str, value: Any, *, commit: bool = True) -> MetadataVerdict:
        """Change a value that is kept with a product; the code is 373 where it was there."""
        sent = {"product_id": product_id, "key": key, "value": value}
        return _of_product(service.UPDATE_PRODUCT_META, sent, commit=commit)

    def delete_product_meta(self, product_id: int, key: str, *, commit: bool = True) -> MetadataVerdict:
        """Delete a value that is kept with a product; the code is 482 where it was there."""
        sent = {"product_id": product_id, "key": key}
        return _of_product(service.DELETE_PRODUCT_META, sent, commit=commit)

    def list_product_meta(self, product_id: int) -> Sequence[Metadata]:
        """Return the metadata of a product, oldest first; none of one that does not exist."""
        return _run(lambda work: service.list_metadata(work, MetadataOwner.PRODUCT, product_id))


def _of_license_key(change: Change, sent: dict[str, Any], *, commit: bool) -> MetadataVerdict:
    fields = load_fields(LicenseKeyMetaSchema(), sent)
    return _run(lambda work: service.change_license_key_meta(work, change, fields), commit=commit)


def _of_product(change: Change, sent: dict[str, Any], *, commit: bool) -> MetadataVerdict:
    fields = load_fields(ProductMetaSchema(), sent)
    return _run(lambda work: service.change_product_meta(work, change, fields), commit=commit)


def _run(operation: Callable[[Work], Result], *, commit: bool = True) -> Result:
    return run_work(current_state(), current_origin(), operation, commit=commit)
