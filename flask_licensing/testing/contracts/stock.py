"""What a key store has to do whose available license keys are assigned without being named, as a class of tests."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from flask_licensing.errors import TransactionConflict
from flask_licensing.license_keys.store import LicenseKeyStatus, LicenseKeyTerms
from flask_licensing.testing.contracts.key_store import DAY, NOW, RolledBack, StoreContract

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flask_licensing.license_keys.store import LicenseKey

LATER = NOW + DAY
BUYERS = 8


class StockStoreContract(StoreContract):
    """Tests of :class:`~flask_licensing.hooks.StockStore`; subclass it and supply both fixtures.

    The store needs :class:`~flask_licensing.hooks.LicenseKeyStore` too.
    """

    def _add(self, key_store: Any, product_id: int, *license_keys: str, status: str = "available") -> None:
        terms = LicenseKeyTerms(product_id, 3, 30, LicenseKeyStatus(status))
        with key_store.transaction():
            key_store.add_license_keys(sorted(license_keys), terms, NOW)

    def _available(self, key_store: Any, product_id: int) -> list[str]:
        with key_store.transaction():
            return [key.license_key for key in key_store.lock_available_license_keys(product_id, 1000)]

    def test_only_so_many_available_license_keys_of_the_product_are_returned(
        self, key_store: Any, product_id: int
    ) -> None:
        for status in ("assigned", "reserved", "blocked"):
            self._add(key_store, product_id, status, status=status)
        self._add(key_store, product_id, *(f"KEY-{number}" for number in range(5)))
        with key_store.transaction():
            two = key_store.lock_available_license_keys(product_id, 2)
            assert len({key.license_key for key in two}) == 2
            assert {key.license_key[:4] for key in two} == {"KEY-"}
            assert two[0].terms == LicenseKeyTerms(product_id, 3, 30, LicenseKeyStatus.AVAILABLE)
            assert len(key_store.lock_available_license_keys(product_id, 5)) == 5
            assert len(key_store.lock_available_license_keys(product_id, 6)) == 5
            assert key_store.lock_available_license_keys(product_id + 1, 1) == []

    def test_license_keys_are_assigned_together_and_no_others(self, key_store: Any, product_id: int) -> None:
        self._add(key_store, product_id, "A", "B", "C")
        with key_store.transaction():
            assigned = self._assign(key_store, key_store.lock_available_license_keys(product_id, 2), "Zoë")
        left = {"A", "B", "C"} - {key.license_key for key in assigned}
        assert self._available(key_store, product_id) == sorted(left)

    def test_an_assignment_is_gone_with_its_transaction(self, key_store: Any, product_id: int) -> None:
        self._add(key_store, product_id, "A")
        with suppress(RolledBack), key_store.transaction():
            self._assign(key_store, key_store.lock_available_license_keys(product_id, 1), "Zoë")
            raise RolledBack
        assert self._available(key_store, product_id) == ["A"]

    def test_buyers_at_the_same_moment_get_different_license_keys_and_the_last_is_told_how_many_are_left(
        self, key_store: Any, product_id: int, in_threads: Callable[..., list[Any]]
    ) -> None:
        self._add(key_store, product_id, *(f"KEY-{number:02}" for number in range(BUYERS * 3 - 1)))

        def buy(number: int) -> list[str]:
            while True:
                # A transaction that the database ended for another is done again.
                with suppress(TransactionConflict), key_store.transaction():
                    keys = key_store.lock_available_license_keys(product_id, 3)
                    if len(keys) == 3:
                        self._assign(key_store, keys, f"buyer {number}")
                    return [key.license_key for key in keys]

        *bought, left = sorted(in_threads(buy, BUYERS), key=len, reverse=True)
        assert [len(keys) for keys in bought] == [3] * (BUYERS - 1)
        assert len({key for keys in bought for key in keys}) == 3 * (BUYERS - 1)
        assert self._available(key_store, product_id) == sorted(left)
        assert len(left) == 2

    def _assign(self, key_store: Any, keys: Sequence[LicenseKey], owner: str) -> Sequence[LicenseKey]:
        assigned = [
            dataclasses.replace(
                key,
                terms=dataclasses.replace(
                    key.terms, status=LicenseKeyStatus.ASSIGNED, owner_name=owner, assigned_at=LATER
                ),
                updated_at=LATER,
            )
            for key in keys
        ]
        key_store.assign_license_keys(assigned)
        return assigned
