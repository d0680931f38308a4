"""Every key store passes the contract that is shipped for hosts."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.base import SQLiteTypeCompiler
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from flask_licensing import Licensing
from flask_licensing.core.domain import Caller
from flask_licensing.hooks import LicenseKeyStatus, LicenseKeyTerms
from flask_licensing.models import LicenseKey, project_models
from flask_licensing.stores.memory import MemoryKeyStore
from flask_licensing.stores.sqlalchemy import SQLAlchemyKeyStore
from flask_licensing.testing import (
    ApiKeyStoreContract,
    AuditStoreContract,
    KeyStoreContract,
    LicenseKeyPageStoreContract,
    LicenseKeyRowStoreContract,
    LicenseKeyStoreContract,
    ProductManagementStoreContract,
    ProductStoreContract,
    assert_signed,
    find_license_key,
)
from flask_licensing.testing.contracts.key_store import NOW
from tests.host_key_store import HostKeyStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from flask_licensing.hooks import LicenseKey as LicenseKeyValue


class _TypesOfOneInteger(SQLiteTypeCompiler):
    def visit_BIGINT(self, *_: object, **__: object) -> str:  # noqa: N802 - so named by SQLAlchemy
        # SQLite chooses ids of this type alone.
        return "INTEGER"


class UnknownDialect(SQLiteDialect_pysqlite):
    """A database that the package has no statement of its own for."""

    name = "unknown"
    type_compiler_cls = _TypesOfOneInteger
    supports_statement_cache = True


registry.register("unknown", __name__, "UnknownDialect")


class _AllContracts(
    KeyStoreContract,
    ProductStoreContract,
    ProductManagementStoreContract,
    ApiKeyStoreContract,
    LicenseKeyStoreContract,
    LicenseKeyRowStoreContract,
    LicenseKeyPageStoreContract,
    AuditStoreContract,
):
    @pytest.fixture
    def product_id(self, key_store: Any) -> int:
        with key_store.transaction():
            product_id: int = key_store.add_product("Photo Editor", NOW).id
        return product_id


class TestMemoryKeyStore(_AllContracts):
    @pytest.fixture
    def key_store(self) -> MemoryKeyStore:
        return MemoryKeyStore()


class TestSQLAlchemyKeyStore(_AllContracts):
    @pytest.fixture
    def app(self, database_url: str) -> Flask:
        app = Flask("site")
        app.config["SQLALCHEMY_DATABASE_URI"] = database_url
        return app

    @pytest.fixture
    def key_store(self, app: Flask) -> Iterator[SQLAlchemyKeyStore]:
        db = SQLAlchemy(app)
        project_models(db.metadata)
        with app.app_context():
            db.create_all()
            yield SQLAlchemyKeyStore(lambda: db.session)
            db.session.remove()
            db.engine.dispose()

    @pytest.fixture
    def thread_context(self, app: Flask) -> Callable[[], AbstractContextManager[object]]:
        return app.app_context


@pytest.fixture
def session_on_another_database(tmp_path: Path) -> Iterator[scoped_session[Session]]:
    engine = sa.create_engine(f"unknown:///{tmp_path / 'site.db'}?timeout=30")
    # Python's driver begins no transaction for a SAVEPOINT, as other databases do, unless told when to begin.
    sa.event.listen(engine, "connect", lambda driver, _: setattr(driver, "isolation_level", None))
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    metadata = sa.MetaData()
    project_models(metadata)
    metadata.create_all(engine)
    session = scoped_session(sessionmaker(engine))
    yield session
    session.remove()
    engine.dispose()


class TestSQLAlchemyKeyStoreOnAnotherDatabase(_AllContracts):
    @pytest.fixture
    def key_store(self, session_on_another_database: scoped_session[Session]) -> SQLAlchemyKeyStore:
        return SQLAlchemyKeyStore(lambda: session_on_another_database)


def test_on_another_database_a_key_stored_between_look_and_insert_is_a_duplicate(
    session_on_another_database: scoped_session[Session],
) -> None:
    store = SQLAlchemyKeyStore(lambda: session_on_another_database)
    with store.transaction():
        terms = LicenseKeyTerms(store.add_product("Photo Editor", NOW).id, 0, 0, LicenseKeyStatus.AVAILABLE)

    def store_one_of_them(connection: sa.Connection, *_: Any) -> None:
        row = {"license_key": "B", "product_id": terms.product_id, "activation_limit": 0, "validity": 7}
        connection.execute(sa.insert(LicenseKey), {**row, "status": "reserved", "created_at": NOW, "updated_at": NOW})

    with store.transaction():
        engine = session_on_another_database().connection().engine
        sa.event.listen(engine, "after_cursor_execute", store_one_of_them, once=True)
        assert store.add_license_keys(["A", "B", "C"], terms, NOW) == 2
    with store.transaction():
        found = [find_license_key(store, license_key) for license_key in "ABC"]
    assert [key.terms.validity for key in found if key] == [0, 7, 0]


class TestHostKeyStore(KeyStoreContract, ProductStoreContract, LicenseKeyStoreContract):
    @pytest.fixture
    def key_store(self, tmp_path: Path) -> HostKeyStore:
        store = HostKeyStore(str(tmp_path / "shop.db"))
        with closing(sqlite3.connect(tmp_path / "shop.db")) as shop, shop:
            shop.execute("INSERT INTO software VALUES (7, 'Photo Editor')")
        return store

    @pytest.fixture
    def product_id(self) -> int:
        return 7

    @pytest.fixture
    def find_license_key(self, key_store: HostKeyStore) -> Callable[[str], LicenseKeyValue | None]:
        def find(license_key: str) -> LicenseKeyValue | None:
            with key_store.transaction():
                return key_store.find_license_key(license_key)

        return find


def test_a_host_serves_requests_from_its_own_store(tmp_path: Path, private_key: str, public_key: str) -> None:
    store = HostKeyStore(str(tmp_path / "shop.db"))
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop, shop:
        shop.execute("INSERT INTO software VALUES (7, 'Photo Editor')")
    app = Flask("shop")
    Licensing(
        app,
        key_store=store,
        private_key_source=lambda _: private_key,
        authenticator=lambda _: Caller("the shop itself"),
    )
    fields = {"license_keys": '["A"]', "product_id": 7, "activation_limit": 0, "validity": 0, "status": "available"}
    answer = app.test_client().post("/api/v1/create-license-keys", data=fields)
    assert_signed(answer, public_key, code=900, created=1, duplicate=0)
