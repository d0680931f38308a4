"""Orders: what a key store does so that license keys are sold once for each order, and the same in memory."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from flask_licensing.license_keys.store import MemoryLicenseKeys

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from flask_licensing.license_keys.store import LicenseKey


@dataclass(frozen=True, slots=True)
class Order:
    """What was sold of one product for one order of the site, whose own id for it is ``order_id``.

    ``license_keys`` are those that are left of what was sold, in the order in which they were sold. Times are naive
    UTC without microseconds.
    """

    id: int
    order_id: str
    product_id: int
    quantity: int
    owner_name: str | None
    owner_email: str | None
    sold_at: datetime
    refunded_at: datetime | None = None
    license_keys: tuple[LicenseKey, ...] = ()


class OrderStore(Protocol):
    """A key store that knows which license keys were sold for which order."""

    def add_order(self, order: Order) -> Order | None:
        """Store a new order, whose id and license keys do not count, and return it with its id.

        Return ``None`` where there is one with the same ``order_id``, compared exactly, and the same product. One that
        another transaction is storing at this moment is waited for.
        """
        ...

    def find_order(self, order_id: str, product_id: int) -> Order | None:
        """Return what was sold of a product for an order, or ``None``, as it is at this moment.

        It does not change before the end of the transaction; others may get it too meanwhile.
        """
        ...

    def lock_orders(self, order_id: str) -> Sequence[Order]:
        """Return all that was sold for an order, by id, as it is at this moment: it and its license keys are locked."""
        ...

    def put_sold_license_keys(self, order: Order) -> None:
        """Store the license keys of an order, at least one, in their order; none of them is any other order's then."""
        ...

    def set_refunded(self, order: Order) -> None:
        """Store when an order was refunded."""
        ...

    def delete_order(self, order: Order) -> None:
        """Delete an order that has no license keys."""
        ...

    def update_sold_license_keys(self, license_keys: Sequence[LicenseKey]) -> None:
        """Store status, validity and ``updated_at`` of locked license keys, in few statements for any number."""
        ...


class MemoryOrders(MemoryLicenseKeys):
    """Orders in memory."""

    def __init__(self) -> None:
        super().__init__()
        self._orders: dict[tuple[str, int], Order] = {}
        self._last_order_id = 0

    def add_order(self, order: Order) -> Order | None:
        """Store a new order, unless there is one of the same id and product."""
        name = (order.order_id, order.product_id)
        if name in self._orders:
            return None
        self._last_order_id += 1
        self._orders[name] = dataclasses.replace(order, id=self._last_order_id)
        return self._orders[name]

    def find_order(self, order_id: str, product_id: int) -> Order | None:
        """Return what was sold of a product for an order, or ``None``."""
        return next((order for order in self.lock_orders(order_id) if order.product_id == product_id), None)

    def lock_orders(self, order_id: str) -> Sequence[Order]:
        """Return all that was sold for an order: one transaction runs at a time."""
        keys = {key.id: key for key in self._license_keys.values()}
        return [
            dataclasses.replace(order, license_keys=tuple(keys[one.id] for one in order.license_keys if one.id in keys))
            for order in self._orders.values()
            if order.order_id == order_id
        ]

    def put_sold_license_keys(self, order: Order) -> None:
        """Store the license keys of an order, which are no other order's from here on."""
        sold = {key.id for key in order.license_keys}
        for name, other in self._orders.items():
            left = tuple(key for key in other.license_keys if key.id not in sold)
            self._orders[name] = dataclasses.replace(other, license_keys=left)
        self._orders[order.order_id, order.product_id] = order

    def set_refunded(self, order: Order) -> None:
        """Store when an order was refunded."""
        self._orders[order.order_id, order.product_id] = order

    def delete_order(self, order: Order) -> None:
        """Delete an order."""
        del self._orders[order.order_id, order.product_id]

    def update_sold_license_keys(self, license_keys: Sequence[LicenseKey]) -> None:
        """Store the changes of license keys."""
        self._license_keys.update({key.license_key: key for key in license_keys})
