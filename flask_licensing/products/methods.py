"""The part of the extension object that creates and lists products."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_licensing.core.state import current_state
from flask_licensing.core.work import run_work
from flask_licensing.http.origins import current_origin
from flask_licensing.products.service import create_product, require_product_store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flask_licensing.core.work import Result, Work
    from flask_licensing.products.store import Product


class ProductMethods:
    """What :class:`flask_licensing.Licensing` does with products. Each method needs an app context."""

    def create_product(self, name: str) -> Product:
        """Create a product, commit and return it. Needs an app context.

        Raises:
            IncorrectData: the name is empty, longer than 255 characters or not text.

        """
        return _run(lambda work: create_product(work, name))

    def list_products(self) -> Sequence[Product]:
        """Return all products, by id. Needs an app context."""
        return _run(lambda work: require_product_store(work.store).list_products())


def _run(operation: Callable[[Work], Result]) -> Result:
    state = current_state()
    require_product_store(state.key_store)
    return run_work(state, current_origin(), operation)
