"""The part of the extension object that creates, changes, deletes and lists products."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from flask_licensing.core.fields import load_fields
from flask_licensing.core.state import current_state
from flask_licensing.core.work import run_work
from flask_licensing.http.origins import current_origin
from flask_licensing.products import service
from flask_licensing.products.fields import ProductChangesSchema, ProductSchema

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Unpack

    from flask_licensing.core.work import Result, Work
    from flask_licensing.products.store import Product


class GivenDetails(TypedDict, total=False):
    """What host code may say of a product beside its name, to be checked: what is not given, or ``None``, is absent."""

    description: str | None
    source: str | None
    status: str | None
    require_non_expired: bool | None
    external_reference: str | None


class ProductMethods:
    """What :class:`flask_licensing.Licensing` does with products. Each method needs an app context.

    What changes something commits, or with ``commit=False`` joins the transaction of the host's session.
    """

    def create_product(self, name: str, *, commit: bool = True, **details: Unpack[GivenDetails]) -> Product:
        """Create a product and return it, as ``create-product`` does; here no description is needed.

        Raises:
            IncorrectData: something given is wrong, as an empty name.

        """
        fields = load_fields(ProductSchema(partial=("description",)), _as_sent({"name": name, **details}))
        return _run(lambda work: service.create_product(work, fields), commit=commit)

    def update_product(
        self, product_id: int, *, name: str | None = None, commit: bool = True, **details: Unpack[GivenDetails]
    ) -> Product:
        """Change what is given of a product, as ``update-product`` does, and return it.

        Raises:
            IncorrectData: something given is wrong, or there is no such product; nothing was changed.
            TransactionConflict: the database ended the transaction for another; it may be tried again.

        """
        given = _as_sent({"product_id": product_id, "name": name, **details})
        fields = load_fields(ProductChangesSchema(), given)
        return _run(lambda work: service.update_product(work, fields), commit=commit)

    def delete_product(self, product_id: int, *, commit: bool = True) -> bool:
        """Delete a product; answer whether there was one.

        Raises:
            ProductInUse: it has license keys, or tables of the site's own refer to it.
            TransactionConflict: the database ended the transaction for another; it may be tried again.

        """
        return _run(lambda work: service.delete_product(work, product_id), commit=commit) is not None

    def list_products(self) -> Sequence[Product]:
        """Return all products, by id."""
        return _run(lambda work: service.require_product_store(work.store).list_products())


def _as_sent(given: dict[str, Any]) -> dict[str, Any]:
    return {name: int(value) if isinstance(value, bool) else value for name, value in given.items()}


def _run(operation: Callable[[Work], Result], *, commit: bool = True) -> Result:
    state = current_state()
    service.require_product_store(state.key_store)
    return run_work(state, current_origin(), operation, commit=commit)
