"""Changing the metadata of license keys and products: every change with its codes, in the order of the contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from flask_licensing.activations.service import verify_and_lock
from flask_licensing.core.metadata import Metadata, MetadataOwner, MetadataStore
from flask_licensing.core.signals import signals
from flask_licensing.core.store import require_group
from flask_licensing.errors import Code, IncorrectData
from flask_licensing.metadata.store import MetadataChangeStore
from flask_licensing.products.service import changes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flask_licensing.core.fields import LoadedFields
    from flask_licensing.core.work import Work

KEY_REQUIRED = "Meta key is required"
VALUE_REQUIRED = "Meta value is required"

metadata_changed = signals.signal("metadata-changed")
"""Metadata was created, changed or deleted: ``action`` is what the audit log says, ``owner`` and ``owner_id`` whose it
is, ``key`` which."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One way to change metadata, and its codes in the order in which they are looked for.

    ``unknown_product`` is the first where the metadata is a product's; before that of a license key is what ``verify``
    refuses.
    ``do`` answers with the id of the metadata, or with ``None`` where ``impossible`` is the answer.
    """

    action: str
    owner: MetadataOwner
    unknown_product: Code | None = None
    key_required: Code
    value_required: Code | None = None
    impossible: Code
    done: Code
    do: Callable[[MetadataChangeStore, MetadataOwner, int, str, Any], int | None]

    @property
    def outcomes(self) -> Sequence[Code]:
        """Its codes, but for those of ``verify``."""
        codes = (self.unknown_product, self.key_required, self.value_required, self.impossible, self.done)
        return [code for code in codes if code is not None]


class MetadataVerdict(NamedTuple):
    """What is answered about metadata: ``meta_id`` is its id where that was created or changed."""

    code: Code
    meta_id: int | None = None
    product_id: int | None = None


def _add(store: MetadataChangeStore, owner: MetadataOwner, owner_id: int, key: str, value: Any) -> int | None:
    return store.add_metadata(owner, owner_id, key, value)


def _update(store: MetadataChangeStore, owner: MetadataOwner, owner_id: int, key: str, value: Any) -> int | None:
    return store.update_metadata(owner, owner_id, key, value)


def _delete(store: MetadataChangeStore, owner: MetadataOwner, owner_id: int, key: str, _: Any) -> int | None:
    return store.delete_metadata(owner, owner_id, key)


def _code(number: int, message: str) -> Code:
    return Code(number, message, signed_for_product=True)


CREATE_LICENSE_KEY_META = Change(
    action="license-key-meta-created",
    owner=MetadataOwner.LICENSE_KEY,
    key_required=_code(450, KEY_REQUIRED),
    value_required=_code(451, VALUE_REQUIRED),
    impossible=_code(452, "Meta key already exists"),
    done=_code(453, "Metadata created"),
    do=_add,
)
UPDATE_LICENSE_KEY_META = Change(
    action="license-key-meta-updated",
    owner=MetadataOwner.LICENSE_KEY,
    key_required=_code(350, KEY_REQUIRED),
    value_required=_code(351, VALUE_REQUIRED),
    impossible=_code(352, "Meta key doesn't exist"),
    done=_code(353, "Metadata updated"),
    do=_update,
)
DELETE_LICENSE_KEY_META = Change(
    action="license-key-meta-deleted",
    owner=MetadataOwner.LICENSE_KEY,
    key_required=_code(250, KEY_REQUIRED),
    impossible=_code(251, "Meta key doesn't exist"),
    done=_code(252, "Metadata deleted"),
    do=_delete,
)
CREATE_PRODUCT_META = Change(
    action="product-meta-created",
    owner=MetadataOwner.PRODUCT,
    unknown_product=Code(274, "Product not found"),
    key_required=_code(270, KEY_REQUIRED),
    value_required=_code(271, VALUE_REQUIRED),
    impossible=_code(272, "Meta key already exists"),
    done=_code(273, "Product meta created"),
    do=_add,
)
UPDATE_PRODUCT_META = Change(
    action="product-meta-updated",
    owner=MetadataOwner.PRODUCT,
    unknown_product=Code(374, "Product not found"),
    key_required=_code(370, KEY_REQUIRED),
    value_required=_code(371, VALUE_REQUIRED),
    impossible=_code(372, "Meta key doesn't exists"),
    done=_code(373, "Product meta updated"),
    do=_update,
)
DELETE_PRODUCT_META = Change(
    action="product-meta-deleted",
    owner=MetadataOwner.PRODUCT,
    unknown_product=Code(483, "Product not found"),
    key_required=_code(480, KEY_REQUIRED),
    impossible=_code(481, "Meta key doesn't exist"),
    done=_code(482, "Product meta deleted"),
    do=_delete,
)

CHANGES = (
    CREATE_LICENSE_KEY_META,
    UPDATE_LICENSE_KEY_META,
    DELETE_LICENSE_KEY_META,
    CREATE_PRODUCT_META,
    UPDATE_PRODUCT_META,
    DELETE_PRODUCT_META,
)


def change_license_key_meta(work: Work, change: Change, fields: LoadedFields) -> MetadataVerdict:
    """Change the metadata of a license key that is valid for an identifier.

    Raises:
        IncorrectData: key or value is wrong; nothing is changed.

    """
    sent = _readable(fields)
    verdict = verify_and_lock(work, sent.get("license_key", ""), sent.get("identifier", ""))
    if verdict.state is None or not verdict.is_valid:
        return MetadataVerdict(verdict.code, product_id=verdict.product_id)
    key = verdict.state.license_key
    return _change(work, change, key.id, key.terms.product_id, fields)


def change_product_meta(work: Work, change: Change, fields: LoadedFields) -> MetadataVerdict:
    """Change the metadata of a product, an inactive one too.

    Raises:
        IncorrectData: key or value is wrong; nothing is changed.

    """
    product_id = _readable(fields).get("product_id")
    if product_id is None or changes_of(work).lock_product(product_id) is None:
        assert change.unknown_product is not None  # noqa: S101 - for mypy: it is the change of a product's metadata
        return MetadataVerdict(change.unknown_product)
    return _change(work, change, product_id, product_id, fields)


def list_metadata(work: Work, owner: MetadataOwner, owner_id: int) -> Sequence[Metadata]:
    """Return the metadata of a license key or product, oldest first."""
    store = require_group(work.store, MetadataStore, "keeps no metadata")
    return store.list_metadata(owner, [owner_id]).get(owner_id, ())


def _change(work: Work, change: Change, owner_id: int, product_id: int, fields: LoadedFields) -> MetadataVerdict:
    wrong = {name: fields.errors[name] for name in ("key", "value") if name in fields.errors}
    if wrong:
        raise IncorrectData(wrong, product_id=product_id)
    sent = _readable(fields)
    key, value = sent["key"], sent.get("value")
    if key is None:
        return MetadataVerdict(change.key_required, product_id=product_id)
    if change.value_required is not None and value is None:
        return MetadataVerdict(change.value_required, product_id=product_id)
    store = require_group(work.store, MetadataChangeStore, "does not change metadata")
    meta_id = change.do(store, change.owner, owner_id, key, value)
    if meta_id is None:
        return MetadataVerdict(change.impossible, product_id=product_id)
    target = f"license-key:{owner_id}" if change.owner is MetadataOwner.LICENSE_KEY else None
    work.record(change.action, product_id=product_id, target=target)
    work.send(metadata_changed, action=change.action, owner=change.owner, owner_id=owner_id, key=key)
    return MetadataVerdict(change.done, meta_id, product_id)


def _readable(fields: LoadedFields) -> Mapping[str, Any]:
    return fields.readable if fields.errors else fields.value
