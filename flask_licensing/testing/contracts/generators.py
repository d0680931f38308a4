"""What a key store has to do that keeps generators of license keys, as a class of tests."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from flask_licensing.generators.store import Generator, GeneratorMethod
from flask_licensing.license_keys.store import LicenseKeyStatus, LicenseKeyTerms
from flask_licensing.testing.contracts.key_store import DAY, NOW, StoreContract

if TYPE_CHECKING:
    from collections.abc import Callable

Add: TypeAlias = "Callable[..., Generator]"


class GeneratorStoreContract(StoreContract):
    """Tests of :class:`~flask_licensing.hooks.GeneratorStore`; subclass it, supply ``key_store`` and ``product_id``."""

    @pytest.fixture
    def add_generator(self, key_store: Any, product_id: int) -> Callable[..., Generator]:
        """Store a generator, in a transaction of its own."""
        described = Generator(
            id=0,
            product_id=product_id,
            method=GeneratorMethod.CHUNK_SYSTEM,
            prefix="Zoë-",
            suffix="-日本 😀",
            function_name="make",
            number_of_chunks=3,
            chunk_length=7,
            charset="aAäÄ😀",
            activation_limit=2,
            validity=365,
            active=True,
            created_at=NOW,
            updated_at=NOW + DAY,
        )

        def add_generator(**changes: Any) -> Generator:
            with key_store.transaction():
                added: Generator = key_store.add_generator(dataclasses.replace(described, **changes))
            return added

        return add_generator

    def test_generators_are_listed_by_id_as_they_were_added(self, key_store: Any, add_generator: Add) -> None:
        added = [
            add_generator(),
            add_generator(method=GeneratorMethod.READABLE, active=False),
            add_generator(charset="b" * 255),
        ]
        assert [generator.id for generator in added] == sorted({generator.id for generator in added})
        assert (added[1].charset, added[1].suffix) == ("aAäÄ😀", "-日本 😀")
        with key_store.transaction():
            assert list(key_store.list_generators()) == added
            assert [key_store.find_generator(generator.id) for generator in added] == added
            assert key_store.find_generator(added[-1].id + 1) is None

    def test_everything_of_one_generator_is_changed(self, key_store: Any, add_generator: Add) -> None:
        other, generator = add_generator(), add_generator()
        changed = dataclasses.replace(generator, prefix="", validity=0, active=False, updated_at=NOW + 2 * DAY)
        with key_store.transaction():
            key_store.update_generator(changed)
        with key_store.transaction():
            assert list(key_store.list_generators()) == [other, changed]

    def test_the_active_generator_of_a_product_is_the_newest(
        self, key_store: Any, product_id: int, add_generator: Add
    ) -> None:
        with key_store.transaction():
            assert key_store.find_active_generator(product_id) is None
        add_generator()
        newest_active = add_generator()
        newest = add_generator(active=False)
        with key_store.transaction():
            assert key_store.find_active_generator(product_id) == newest_active
            assert key_store.find_active_generator(product_id + 1) is None
            key_store.update_generator(dataclasses.replace(newest, active=True))
            assert key_store.find_active_generator(product_id).id == newest.id

    def test_license_keys_are_counted_and_found_by_their_exact_texts(self, key_store: Any, product_id: int) -> None:
        terms = LicenseKeyTerms(product_id, 1, 30, LicenseKeyStatus.AVAILABLE)
        texts = sorted(f"KEY-{number:04}" for number in range(1000))
        with key_store.transaction():
            assert key_store.count_all_license_keys() == 0
            key_store.add_license_keys(sorted(["abc", *texts]), terms, NOW)
            key_store.add_license_keys(["ABC"], dataclasses.replace(terms, status=LicenseKeyStatus.BLOCKED), NOW)
            assert key_store.count_all_license_keys() == 1002
            found = key_store.find_license_keys_of([*texts, "abc", "Abc", "unknown"])
        assert sorted(key.license_key for key in found) == sorted(["abc", *texts])
        assert {key.terms for key in found} == {terms}

    def test_what_a_transaction_did_is_gone_with_it(self, key_store: Any, add_generator: Add) -> None:
        generator = add_generator()

        def change_and_fail() -> None:
            with key_store.transaction():
                key_store.add_generator(generator)
                key_store.update_generator(dataclasses.replace(generator, validity=1))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            change_and_fail()
        with key_store.transaction():
            assert list(key_store.list_generators()) == [generator]

    def test_a_product_is_deleted_with_its_generators(self, key_store: Any, add_generator: Add) -> None:
        kept = add_generator()
        with key_store.transaction():
            other = key_store.add_product("Video Editor", NOW).id
        add_generator(product_id=other)
        with key_store.transaction():
            assert key_store.lock_product(other) is not None
            assert key_store.delete_product(other)
        with key_store.transaction():
            assert key_store.find_active_generator(other) is None
            assert list(key_store.list_generators()) == [kept]
