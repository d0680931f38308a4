"""The shipped contract notices what is wrong with a key store."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

NOTICED_BY = {
    "IgnoresCase": "test_keys_compare_exactly",
    "IgnoresComposition": "test_keys_compare_exactly",
    "IgnoresAccents": "test_keys_compare_exactly",
    "TakesAllEmojiForOne": "test_keys_compare_exactly",
    "ComparesTheFirst191Characters": "test_the_longest_keys_and_awkward_characters_are_kept",
    "CountsWhatWasSent": "test_new_keys_are_counted_and_known_ones_are_not",
    "OverwritesKnownKeys": "test_a_key_that_is_there_stays_as_it_is",
    "StoresTheFirst999Keys": "test_ten_thousand_keys_at_once",
    "ForgetsTheOwner": "test_all_terms_are_stored_as_given",
    "NeverRollsBack": "test_a_transaction_that_raises_leaves_nothing[RolledBack]",
    "RollsBackOnErrorsAlone": "test_a_transaction_that_raises_leaves_nothing[KeyboardInterrupt]",
    "SwallowsExceptions": "test_a_transaction_that_raises_leaves_nothing[RolledBack]",
    "OverwritesIdempotencyRecords": "test_a_second_record_of_one_key_is_a_conflict_and_rolls_back",
    "ForgetsTheSigningKey": "test_an_idempotency_record_is_found_as_it_was_added[known]",
    "RemembersOutsideTheTransaction": "test_a_transaction_that_raises_leaves_nothing[RolledBack]",
    "KnowsNoProduct": "test_a_product_is_found_by_its_id",
    "RecordsOutsideTheTransaction": "test_an_event_is_gone_with_its_transaction",
    "ListsTheOldestRecordsFirst": "test_pages_are_newest_first_and_hold_every_record_once",
    "ListsEveryAction": "test_pages_are_of_one_action_and_of_events_since_then_where_asked",
    "ForgetsTheRequestId": "test_everything_about_an_event_is_kept",
    "PurgesWithoutATrace": "test_a_purge_deletes_what_is_older_counts_it_and_stays",
    "PurgesEverything": "test_a_purge_deletes_what_is_older_counts_it_and_stays",
    "DeletesEveryIdempotencyRecord": "test_older_records_are_deleted_and_counted",
}
"""Stores of ``tests/defective_key_stores.py``, and the test of the contract that each has to fail."""

IMPORTS = """
import pytest
from flask_licensing.testing import (
    AuditStoreContract, KeyStoreContract, LicenseKeyStoreContract, ProductStoreContract
)
from tests import defective_key_stores
"""

CONTRACT_OF_A_STORE = """
class Test{name}(KeyStoreContract, ProductStoreContract, LicenseKeyStoreContract, AuditStoreContract):
    @pytest.fixture
    def key_store(self):
        return defective_key_stores.{name}()

    @pytest.fixture
    def product_id(self, key_store):
        return key_store.add_product("Photo Editor", None).id
"""


def test_every_defect_is_noticed_by_the_test_that_is_there_for_it(pytester: pytest.Pytester) -> None:
    contracts = "".join(CONTRACT_OF_A_STORE.format(name=name) for name in NOTICED_BY)
    module = pytester.makepyfile(IMPORTS + contracts).name
    chosen = [f"{module}::Test{name}::{noticed_by}" for name, noticed_by in NOTICED_BY.items()]
    failures = pytester.inline_run(*chosen).getfailures()
    assert sorted((report.nodeid, report.when) for report in failures) == sorted((test, "call") for test in chosen)
