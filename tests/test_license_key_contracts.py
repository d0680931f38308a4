"""The shipped key stores keep what the contracts of listing, changing and activating ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flask_licensing.stores.memory import MemoryKeyStore
from flask_licensing.testing import (
    ActivationStoreContract,
    GeneratorStoreContract,
    LicenseKeyChangeStoreContract,
    LicenseKeySearchStoreContract,
    MetadataImportStoreContract,
    MetadataStoreContract,
    OrderStoreContract,
    ProductChangeStoreContract,
    QueueStoreContract,
    StockStoreContract,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.hosts import Host


class _Contracts(
    LicenseKeySearchStoreContract,
    LicenseKeyChangeStoreContract,
    ActivationStoreContract,
    StockStoreContract,
    GeneratorStoreContract,
    OrderStoreContract,
    ProductChangeStoreContract,
    MetadataImportStoreContract,
    MetadataStoreContract,
    QueueStoreContract,
):
    """Those of the groups that list, change and use license keys and products, and of the queue."""


class TestMemoryKeyStore(_Contracts):
    @pytest.fixture
    def key_store(self) -> Any:
        return MemoryKeyStore()

    @pytest.fixture
    def product_id(self, key_store: Any) -> int:
        with key_store.transaction():
            return int(key_store.add_product("Photo Editor", None).id)


class TestSQLAlchemyKeyStore(_Contracts):
    @pytest.fixture
    def key_store(self, host_on_each_database: Host) -> Iterator[Any]:
        with host_on_each_database.app.app_context():
            yield host_on_each_database.licensing.state.key_store

    @pytest.fixture
    def product_id(self, host_on_each_database: Host) -> int:
        return host_on_each_database.product_id

    @pytest.fixture
    def thread_context(self, host_on_each_database: Host) -> Callable[[], AbstractContextManager[object]]:
        return host_on_each_database.app.app_context
