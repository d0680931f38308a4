"""What :class:`flask_licensing.Licensing` does for the orders of a site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_licensing.assignment.service import Owner
from flask_licensing.core.fields import load_fields
from flask_licensing.core.state import current_state
from flask_licensing.core.work import run_work
from flask_licensing.errors import IncorrectData
from flask_licensing.http.origins import current_origin
from flask_licensing.orders import service
from flask_licensing.orders.fields import OrderSchema, RenewalSchema, SaleSchema

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flask_licensing.core.work import Work
    from flask_licensing.license_keys.store import LicenseKey


class OrderMethods:
    """What :class:`flask_licensing.Licensing` does for orders. Each method needs an app context.

    A shop's webhooks come twice, or at once: what is done for an order is done once. With ``commit=False`` a change
    joins the transaction of the host's session, as with what the host stores of its order.
    """

    def sell(
        self,
        product_id: int,
        *,
        order_id: str,
        owner_email: str | None,
        owner_name: str | None = None,
        quantity: int = 1,
        commit: bool = True,
    ) -> Sequence[LicenseKey]:
        """Assign license keys from stock, or else new ones, and return them: the same ones again for the same order.

        Args:
            product_id: the product. An order may have several, each sold by a call of its own.
            order_id: the site's own id of the order, up to 255 characters, compared exactly.
            owner_email: to whom; free text.
            owner_name: likewise.
            quantity: how many, from 1 to 1000.
            commit: whether to commit.

        Raises:
            IncorrectData: something is wrong, or the product does not exist.
            InactiveProduct: the product is not active.
            InsufficientLicenseKeys: there are not as many available, and the product has no active generator.
            OtherQuantity: another number of them was sold for this order before.
            GeneratorTooSmall: the generator makes too few different license keys.
            GeneratorFailed: the site's function did not return license keys that can be stored.
            TransactionConflict: the database ended the transaction for another; it may be tried again.

        """
        sale = _checked(
            SaleSchema(),
            product_id=product_id,
            order_id=order_id,
            owner_email=owner_email,
            owner_name=owner_name,
            quantity=quantity,
        )
        owner = Owner(sale["owner_name"], sale["owner_email"])
        return _run(
            lambda work: service.sell(work, sale["product_id"], sale["order_id"], owner, sale["quantity"]),
            commit=commit,
        )

    def refund(self, order_id: str, *, commit: bool = True) -> Sequence[LicenseKey]:
        """Block the license keys of an order and return them; one that was refunded stays as it is.

        Raises:
            UnknownOrder: nothing was sold for it.
            TransactionConflict: the database ended the transaction for another; it may be tried again.

        """
        order = _checked(OrderSchema(), order_id=order_id)
        return _run(lambda work: service.refund(work, order["order_id"]), commit=commit)

    def renew(
        self, order_id: str, *, days: int, renewal_id: str | None = None, commit: bool = True
    ) -> Sequence[LicenseKey]:
        """Lengthen the license keys of an order and return them.

        The days begin when a license key expires, or now if it has expired. A license key that never expires stays so.

        Args:
            order_id: the order.
            days: for how many days more.
            renewal_id: what they are paid with, such as the id of an invoice: the same one counts once. Without it,
                each call lengthens.
            commit: whether to commit.

        Raises:
            UnknownOrder: nothing was sold for it.
            IncorrectData: something is wrong, or the renewal was made for another number of days.
            TransactionConflict: the database ended the transaction for another; it may be tried again.

        """
        renewal = _checked(RenewalSchema(), order_id=order_id, days=days, renewal_id=renewal_id)
        return _run(
            lambda work: service.renew(work, renewal["order_id"], renewal["days"], renewal["renewal_id"]),
            commit=commit,
        )


def _checked(schema: OrderSchema, **given: object) -> dict[str, Any]:
    loaded = load_fields(schema, given)
    if loaded.errors:
        raise IncorrectData(loaded.errors)
    checked: dict[str, Any] = loaded.value
    return checked


def _run(operation: Callable[[Work], Sequence[LicenseKey]], *, commit: bool) -> Sequence[LicenseKey]:
    return run_work(current_state(), current_origin(), operation, commit=commit)
