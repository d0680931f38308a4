"""What a key store has to do that knows what was sold for which order, as a class of tests."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from flask_licensing.license_keys.store import LicenseKeyStatus, LicenseKeyTerms
from flask_licensing.orders.store import Order
from flask_licensing.testing.contracts.key_store import DAY, NOW, StoreContract, with_retries

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask_licensing.license_keys.store import LicenseKey


class OrderStoreContract(StoreContract):
    """Tests of :class:`~flask_licensing.hooks.OrderStore`; subclass it, supply ``key_store`` and ``product_id``.

    The license keys are changed through the methods of :class:`~flask_licensing.hooks.LicenseKeyChangeStore` too.
    """

    @pytest.fixture
    def order(self, product_id: int) -> Order:
        """Return an order that is not stored yet."""
        return Order(0, "Bestellung ö-1 😀", product_id, 2, "Zoë", "zoe@example.org", NOW)

    @pytest.fixture
    def sold(self, key_store: Any, product_id: int) -> dict[str, LicenseKey]:
        """Return the license keys ``A``, ``B`` and ``C``, by text."""
        terms = LicenseKeyTerms(product_id, 1, 30, LicenseKeyStatus.ASSIGNED, "Zoë", "zoe@example.org", NOW)
        with key_store.transaction():
            key_store.add_license_keys(["A", "B", "C"], terms, NOW)
            return {text: key_store.lock_license_key(text) for text in ("A", "B", "C")}

    def _put(self, key_store: Any, order: Order, *license_keys: LicenseKey) -> Order:
        with key_store.transaction():
            put: Order = dataclasses.replace(key_store.add_order(order), license_keys=license_keys)
            key_store.put_sold_license_keys(put)
        return put

    def test_an_order_is_read_as_it_was_put_with_its_license_keys_in_their_order(
        self, key_store: Any, order: Order, sold: dict[str, LicenseKey]
    ) -> None:
        put = self._put(key_store, order, sold["C"], sold["A"])
        with key_store.transaction():
            assert key_store.find_order(order.order_id, order.product_id) == put
            assert key_store.find_order(order.order_id, order.product_id + 1) is None
            assert key_store.find_order(order.order_id.upper(), order.product_id) is None
            assert list(key_store.lock_orders(order.order_id)) == [put]
            assert list(key_store.lock_orders(order.order_id.upper())) == []
        assert dataclasses.replace(put, id=0, license_keys=()) == order

    def test_an_order_of_one_product_is_stored_once(self, key_store: Any, order: Order) -> None:
        with key_store.transaction():
            assert key_store.add_order(order)
            assert not key_store.add_order(dataclasses.replace(order, quantity=7))
            assert key_store.add_order(dataclasses.replace(order, product_id=order.product_id + 1))
            assert key_store.add_order(dataclasses.replace(order, order_id=order.order_id.lower()))
        with key_store.transaction():
            assert not key_store.add_order(order)
            found = key_store.lock_orders(order.order_id)
        assert [(one.product_id, one.quantity) for one in found] == [(order.product_id, 2), (order.product_id + 1, 2)]
        assert [one.id for one in found] == sorted({one.id for one in found})

    def test_of_orders_that_threads_store_at_once_one_is_stored(
        self, key_store: Any, order: Order, in_threads: Callable[..., list[bool]]
    ) -> None:
        def add(quantity: int) -> bool:
            def attempt() -> bool:
                with key_store.transaction():
                    return key_store.add_order(dataclasses.replace(order, quantity=quantity)) is not None

            return with_retries(attempt)

        stored = in_threads(add)
        with key_store.transaction():
            (found,) = key_store.lock_orders(order.order_id)
        assert stored == [quantity == found.quantity for quantity in range(len(stored))]

    def test_a_license_key_that_is_sold_again_is_no_longer_the_first_orders(
        self, key_store: Any, order: Order, sold: dict[str, LicenseKey]
    ) -> None:
        self._put(key_store, order, sold["A"], sold["B"])
        again = self._put(key_store, dataclasses.replace(order, order_id="2"), sold["B"], sold["C"])
        with key_store.transaction():
            assert [one.license_keys for one in key_store.lock_orders(order.order_id)] == [(sold["A"],)]
            assert list(key_store.lock_orders("2")) == [again]

    def test_an_order_goes_on_without_a_license_key_that_is_deleted(
        self, key_store: Any, order: Order, sold: dict[str, LicenseKey]
    ) -> None:
        self._put(key_store, order, sold["A"], sold["B"])
        with key_store.transaction():
            key_store.delete_license_key(key_store.lock_license_key("A").id)
        with key_store.transaction():
            assert [one.license_keys for one in key_store.lock_orders(order.order_id)] == [(sold["B"],)]

    def test_what_changes_of_an_order_changes_nothing_else(
        self, key_store: Any, order: Order, sold: dict[str, LicenseKey]
    ) -> None:
        other = self._put(key_store, dataclasses.replace(order, order_id="2"), sold["C"])
        put = self._put(key_store, order, sold["A"], sold["B"])
        blocked = dataclasses.replace(sold["A"].terms, status=LicenseKeyStatus.BLOCKED)
        longer = dataclasses.replace(sold["B"].terms, validity=60)
        refunded = dataclasses.replace(
            put,
            refunded_at=NOW + DAY,
            license_keys=(
                dataclasses.replace(sold["A"], terms=blocked, updated_at=NOW + DAY),
                dataclasses.replace(sold["B"], terms=longer, updated_at=NOW + 2 * DAY),
            ),
        )
        with key_store.transaction():
            key_store.update_sold_license_keys(refunded.license_keys)
            key_store.set_refunded(refunded)
            key_store.update_sold_license_keys([])
        with key_store.transaction():
            assert list(key_store.lock_orders(order.order_id)) == [refunded]
            assert list(key_store.lock_orders("2")) == [other]

    def test_an_order_that_is_deleted_can_be_stored_again(self, key_store: Any, order: Order) -> None:
        with key_store.transaction():
            key_store.delete_order(key_store.add_order(order))
            assert list(key_store.lock_orders(order.order_id)) == []
            assert key_store.add_order(order)
