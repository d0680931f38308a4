"""What a key store has to do whose license keys can be activated, as a class of tests."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from flask_licensing.activations.store import Activation
from flask_licensing.errors import ConstraintViolation, TransactionConflict
from flask_licensing.license_keys.store import LicenseKeyStatus, LicenseKeyTerms
from flask_licensing.testing.contracts.key_store import DAY, NOW, StoreContract

if TYPE_CHECKING:
    from collections.abc import Callable

LATER = NOW + DAY
ACTIVATION = Activation("zoe.example", NOW, NOW, "192.0.2.7", "Zoë's Editor 😀", active=True)


class ActivationStoreContract(StoreContract):
    """Tests of :class:`~flask_licensing.hooks.ActivationStore`; subclass it, supply ``key_store`` and ``product_id``.

    The license keys are changed through the methods of :class:`~flask_licensing.hooks.LicenseKeyChangeStore` too.
    """

    @pytest.fixture
    def key_id(self, key_store: Any, product_id: int) -> int:
        """Return the id of the license key ``A``; there is a license key ``B`` too."""
        terms = LicenseKeyTerms(product_id, 1, 30, LicenseKeyStatus.ASSIGNED, assigned_at=NOW)
        with key_store.transaction():
            key_store.add_license_keys(["A", "B"], terms, NOW)
            found: int = key_store.find_license_key_state("A", "").license_key.id
        return found

    def test_a_license_key_is_read_with_its_product_and_without_an_activation(
        self, key_store: Any, product_id: int, key_id: int
    ) -> None:
        with key_store.transaction():
            state = key_store.find_license_key_state("A", "zoe.example")
            assert key_store.find_license_key_state("a", "zoe.example") is None
        assert state.license_key.id == key_id
        assert state.license_key.terms.validity == 30
        assert (state.product.id, state.product.is_active) == (product_id, True)
        assert state.activation is None

    @pytest.mark.parametrize("method", ["find_license_key_state", "lock_license_key_state"])
    def test_an_activation_is_read_as_it_was_put(self, key_store: Any, key_id: int, method: str) -> None:
        ended = dataclasses.replace(ACTIVATION, active=False, last_seen_at=LATER, remote_address=None, user_agent=None)
        for activation in (ACTIVATION, ended, ACTIVATION):
            with key_store.transaction():
                key_store.put_activation(key_id, activation)
            with key_store.transaction():
                assert getattr(key_store, method)("A", "zoe.example").activation == activation
                assert key_store.list_activations(key_id) == [activation]

    def test_identifiers_compare_exactly(self, key_store: Any, key_id: int) -> None:
        identifiers = sorted(["abc", "ABC", "ábc", "a\u0301bc", "日本", "日木", "😀", "😁", "ß", "ss"])
        with key_store.transaction():
            for identifier in identifiers:
                key_store.put_activation(key_id, dataclasses.replace(ACTIVATION, identifier=identifier))
        with key_store.transaction():
            assert {activation.identifier for activation in key_store.list_activations(key_id)} == set(identifiers)
            assert key_store.find_license_key_state("A", "Abc").activation is None

    def test_activations_of_one_license_key_are_counted_while_they_are_active(
        self, key_store: Any, key_id: int
    ) -> None:
        with key_store.transaction():
            for identifier in ("a", "b", "c"):
                key_store.put_activation(key_id, dataclasses.replace(ACTIVATION, identifier=identifier))
            key_store.put_activation(key_id, dataclasses.replace(ACTIVATION, identifier="b", active=False))
        with key_store.transaction():
            assert key_store.count_active(key_id) == 2
            assert key_store.count_active(key_store.find_license_key_state("B", "a").license_key.id) == 0

    def test_when_an_activation_was_seen_changes_nothing_else_of_it(self, key_store: Any, key_id: int) -> None:
        ended = dataclasses.replace(ACTIVATION, active=False)
        with key_store.transaction():
            key_store.put_activation(key_id, ended)
            key_store.record_seen(key_id, "zoe.example", LATER)
        with key_store.transaction():
            assert key_store.list_activations(key_id) == [dataclasses.replace(ended, last_seen_at=LATER)]

    def test_activations_can_be_ended_all_at_once(self, key_store: Any, key_id: int) -> None:
        with key_store.transaction():
            key_store.put_activation(key_id, ACTIVATION)
            key_store.end_activations(key_id)
        with key_store.transaction():
            assert key_store.count_active(key_id) == 0
            assert key_store.list_activations(key_id) == [dataclasses.replace(ACTIVATION, active=False)]

    def test_a_deleted_license_key_takes_its_activations_along(self, key_store: Any, key_id: int) -> None:
        with key_store.transaction():
            terms = key_store.find_license_key_state("A", "").license_key.terms
            key_store.put_activation(key_id, ACTIVATION)
            key_store.delete_license_key(key_id)
        with key_store.transaction():
            key_store.add_license_keys(["C"], terms, NOW)
            assert key_store.find_license_key_state("C", "zoe.example").activation is None

    def test_of_those_that_lock_a_license_key_at_once_each_sees_what_the_one_before_did(
        self, key_store: Any, key_id: int, in_threads: Callable[..., list[None]]
    ) -> None:
        def activate_if_there_is_a_place(number: int) -> None:
            for _ in range(100):
                # As an endpoint does it: what the database ended for another is tried again.
                with suppress(TransactionConflict, ConstraintViolation):
                    self._take_a_place(key_store, key_id, f"machine-{number}")
                    return

        in_threads(activate_if_there_is_a_place)
        with key_store.transaction():
            assert key_store.count_active(key_id) == 1

    def _take_a_place(self, key_store: Any, key_id: int, identifier: str) -> None:
        with key_store.transaction():
            key_store.find_license_key_state("A", identifier)
            key_store.lock_license_key_state("A", identifier)
            if key_store.count_active(key_id) < 1:
                key_store.put_activation(key_id, dataclasses.replace(ACTIVATION, identifier=identifier))
