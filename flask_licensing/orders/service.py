"""Selling license keys for the orders of a site, once each, and what becomes of them: refunds and renewals."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

from flask_licensing.assignment.stock import Shortfall, assign_from_stock, assign_generated
from flask_licensing.core.domain import Caller, SignedAnswer
from flask_licensing.core.idempotency import IdempotentRequest
from flask_licensing.core.signals import signals
from flask_licensing.core.store import require_group
from flask_licensing.errors import (
    IdempotencyConflict,
    IdempotencyKeyReused,
    InactiveProduct,
    IncorrectData,
    InsufficientLicenseKeys,
    LicensingError,
    OtherQuantity,
    TransactionConflict,
    UnknownOrder,
)
from flask_licensing.license_keys.fields import NO_EXPIRY_DATE
from flask_licensing.license_keys.store import LicenseKeyStatus
from flask_licensing.orders.store import Order, OrderStore
from flask_licensing.products.fields import UNKNOWN_PRODUCT
from flask_licensing.products.service import find_product

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from blinker import NamedSignal

    from flask_licensing.assignment.service import Owner
    from flask_licensing.core.work import Work
    from flask_licensing.license_keys.store import LicenseKey, LicenseKeyTerms

ORDER_SOLD = "order-sold"
ORDER_REFUNDED = "order-refunded"
ORDER_RENEWED = "order-renewed"

order_sold = signals.signal(ORDER_SOLD)
"""License keys were sold: ``order`` is the :class:`~flask_licensing.hooks.Order` with them."""

order_refunded = signals.signal(ORDER_REFUNDED)
"""The license keys of an order were blocked: ``order`` as for :data:`order_sold`."""

order_renewed = signals.signal(ORDER_RENEWED)
"""The license keys of an order were lengthened: ``order`` as for :data:`order_sold`."""

_DAY = timedelta(days=1)


def sell(work: Work, product_id: int, order_id: str, owner: Owner, quantity: int) -> Sequence[LicenseKey]:
    """Assign so many license keys of a product to the owner, once for each order; return those of the order.

    Raises:
        IncorrectData: the product does not exist.
        InactiveProduct: it is not active.
        InsufficientLicenseKeys: there are not as many available, and no generator makes them.
        OtherQuantity: another number of them was sold for this order before.

    """
    store = orders_of(work)
    now = work.now.replace(microsecond=0)
    order = store.add_order(Order(0, order_id, product_id, quantity, owner.name, owner.email, now))
    if order is None:
        return _sold_before(store, order_id, product_id, quantity)
    try:
        keys = _take(work, product_id, quantity, owner)
    except LicensingError:
        # The site may catch this and commit what else it did: the order must not be there then.
        store.delete_order(order)
        raise
    sold = dataclasses.replace(order, license_keys=tuple(keys))
    store.put_sold_license_keys(sold)
    _note(work, ORDER_SOLD, order_sold, sold)
    return sold.license_keys


def refund(work: Work, order_id: str) -> Sequence[LicenseKey]:
    """Block the license keys of an order that was not refunded before, and return all of them.

    Raises:
        UnknownOrder: nothing was sold for it.

    """
    orders = _locked(work, order_id)
    blocked = [_refunded(work, order) if order.refunded_at is None else order for order in orders]
    return [key for order in blocked for key in order.license_keys]


def renew(work: Work, order_id: str, days: int, renewal_id: str | None) -> Sequence[LicenseKey]:
    """Lengthen the license keys of an order, once for each ``renewal_id``, and return all of them.

    The days begin when a license key expires, or now if it has expired. A license key that never expires stays so.

    Raises:
        UnknownOrder: nothing was sold for it.
        IncorrectData: a license key would expire after the year 9999, or this renewal was for other days.

    """
    orders = _locked(work, order_id)
    renewal = IdempotentRequest(
        work.store, caller=Caller(ORDER_RENEWED), endpoint=order_id, key=renewal_id or "", payload=days
    )
    if renewal_id is not None and _was_made(renewal):
        return [key for order in orders for key in order.license_keys]
    renewed = [_renewed(work, order, days) for order in orders]
    if renewal_id is not None:
        _remember(renewal, work.now)
    return [key for order in renewed for key in order.license_keys]


def orders_of(work: Work) -> OrderStore:
    """Return the store of the work as one that knows orders."""
    return require_group(work.store, OrderStore, "knows no orders")


def _sold_before(store: OrderStore, order_id: str, product_id: int, quantity: int) -> Sequence[LicenseKey]:
    order = store.find_order(order_id, product_id)
    if order is None:
        raise TransactionConflict("An order was deleted while it came again.")
    if order.quantity != quantity:
        raise OtherQuantity(sold=order.quantity, wanted=quantity)
    return order.license_keys


def _take(work: Work, product_id: int, quantity: int, owner: Owner) -> Sequence[LicenseKey]:
    """Assign license keys from stock, or else new ones."""
    product = find_product(work.store, product_id)
    if product is None:
        raise IncorrectData({"product_id": [UNKNOWN_PRODUCT]})
    if not product.is_active:
        raise InactiveProduct(product_id)
    taken = assign_from_stock(work, product_id, quantity, owner)
    if not isinstance(taken, Shortfall):
        return taken
    generated = assign_generated(work, product_id, quantity, owner)
    if generated is None:
        raise InsufficientLicenseKeys(product_id, wanted=quantity, available=taken.available)
    return generated


def _locked(work: Work, order_id: str) -> Sequence[Order]:
    orders = orders_of(work).lock_orders(order_id)
    if not orders:
        raise UnknownOrder
    return orders


def _refunded(work: Work, order: Order) -> Order:
    blocked = _change(work, order, lambda key: dataclasses.replace(key.terms, status=LicenseKeyStatus.BLOCKED))
    refunded = dataclasses.replace(blocked, refunded_at=work.now.replace(microsecond=0))
    orders_of(work).set_refunded(refunded)
    _note(work, ORDER_REFUNDED, order_refunded, refunded)
    return refunded


def _renewed(work: Work, order: Order, days: int) -> Order:
    renewed = _change(work, order, lambda key: _lengthened(key, days, work.now))
    _note(work, ORDER_RENEWED, order_renewed, renewed)
    return renewed


def _was_made(renewal: IdempotentRequest) -> bool:
    try:
        return renewal.find_answer() is not None
    except IdempotencyKeyReused:
        raise IncorrectData({"days": ["The renewal id was used with another number of days."]}) from None


def _remember(renewal: IdempotentRequest, now: datetime) -> None:
    try:
        renewal.remember(SignedAnswer("", 200), now)
    except IdempotencyConflict as error:
        # On MariaDB a site's transaction that has read before does not see what was stored since.
        raise TransactionConflict("The renewal was made by another transaction.") from error


def _change(work: Work, order: Order, change: Callable[[LicenseKey], LicenseKeyTerms]) -> Order:
    """Store and return an order whose license keys have new terms: those that are still its owner's.

    A license key that went back to stock is not changed, nor one that was assigned again, to another owner and at
    another time.
    """
    changed = {
        key.id: dataclasses.replace(key, terms=change(key), updated_at=work.now)
        for key in order.license_keys
        if key.terms.status is not LicenseKeyStatus.AVAILABLE
        and (
            (key.terms.owner_name, key.terms.owner_email) == (order.owner_name, order.owner_email)
            or key.terms.assigned_at == order.sold_at
        )
    }
    orders_of(work).update_sold_license_keys(list(changed.values()))
    return dataclasses.replace(order, license_keys=tuple(changed.get(key.id, key) for key in order.license_keys))


def _lengthened(key: LicenseKey, days: int, now: datetime) -> LicenseKeyTerms:
    """Return the terms of a license key with as many days more, from when it expires, or now where it has."""
    terms = key.terms
    if terms.validity == 0:
        return terms
    begun = terms.validity
    if terms.assigned_at is not None and key.is_expired_at(now):
        begun = -((terms.assigned_at - now) // _DAY)  # in whole days, rounded up
    lengthened = dataclasses.replace(terms, validity=begun + days)
    if not lengthened.have_an_expiry_date:
        raise IncorrectData({"days": [NO_EXPIRY_DATE]})
    return lengthened


def _note(work: Work, action: str, signal: NamedSignal, order: Order) -> None:
    work.record(action, product_id=order.product_id, target=f"order:{order.id}")
    work.send(signal, order=order)
