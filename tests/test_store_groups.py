"""A key store has a group of methods, or has not, or is refused; two methods are enough over a host's own tables."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.dialects import sqlite

from flask_licensing import ConfigurationError, Licensing
from flask_licensing.errors import IncorrectData, LicensingError
from flask_licensing.hooks import LicenseKey, LicenseKeyStatus, LicenseKeyTerms, Product, ProductDetails
from flask_licensing.stores.memory import MemoryKeyStore
from flask_licensing.stores.session import SessionStore
from flask_licensing.stores.sqlalchemy import SQLAlchemyKeyStore
from flask_licensing.testing import (
    ApiKeyStoreContract,
    AuditStoreContract,
    KeyStoreContract,
    LicenseKeyStoreContract,
    ProductStoreContract,
)
from tests.code_blocks import code_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from tests.hosts import Host

db = SQLAlchemy()


software = db.Table("software", sa.Column("id", sa.Integer, primary_key=True), sa.Column("title", sa.String(255)))
serials = db.Table(
    "serials",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("serial", sa.String(255), unique=True),
    sa.Column("software_id", sa.ForeignKey(software.c.id)),
    sa.Column("seats", sa.Integer),
    sa.Column("days", sa.Integer),
    sa.Column("state", sa.String(16)),
    sa.Column("customer", sa.String(255)),
    sa.Column("mail", sa.String(255)),
    sa.Column("sold", sa.DateTime),
    sa.Column("entered", sa.DateTime),
)


class ShopKeyStore(SessionStore):
    """License keys in the shop's own tables; everything else in those of the package."""

    def find_product(self, product_id: int) -> Product | None:
        row = db.session.execute(sa.select(software).where(software.c.id == product_id)).one_or_none()
        return None if row is None else Product(row.id, row.title)

    def add_license_keys(self, license_keys: Sequence[str], terms: LicenseKeyTerms, created_at: datetime) -> int:
        shared = {
            "software_id": terms.product_id,
            "seats": terms.activation_limit,
            "days": terms.validity,
            "state": terms.status.value,
            "customer": terms.owner_name,
            "mail": terms.owner_email,
            "sold": terms.assigned_at,
            "entered": created_at,
        }
        rows = [{"serial": license_key, **shared} for license_key in license_keys]
        insert = sqlite.insert(serials).on_conflict_do_nothing(index_elements=["serial"])
        return db.session.connection().execute(insert, rows).rowcount


licensing = Licensing(db=db, key_store=ShopKeyStore(lambda: db.session))


class TestShopKeyStore(
    KeyStoreContract, ProductStoreContract, LicenseKeyStoreContract, ApiKeyStoreContract, AuditStoreContract
):
    @pytest.fixture
    def app(self, tmp_path: Any) -> Iterator[Flask]:
        app = Flask("shop")
        app.config.update(SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / 'shop.db'}?timeout=30", TESTING=True)
        db.init_app(app)
        licensing.init_app(app)
        with app.app_context():
            db.create_all()
            db.session.execute(sa.insert(software), {"id": 7, "title": "Photo Editor"})
            db.session.commit()
            yield app
            db.session.remove()
            db.engine.dispose()

    @pytest.fixture
    def key_store(self, app: Flask) -> ShopKeyStore:
        return app.extensions["licensing"].key_store  # type: ignore[no-any-return]

    @pytest.fixture
    def product_id(self) -> int:
        return 7

    @pytest.fixture
    def thread_context(self, app: Flask) -> Callable[[], AbstractContextManager[object]]:
        return app.app_context

    @pytest.fixture
    def find_license_key(self, key_store: ShopKeyStore) -> Callable[[str], LicenseKey | None]:
        def find(license_key: str) -> LicenseKey | None:
            with key_store.transaction():
                row = db.session.execute(sa.select(serials).where(serials.c.serial == license_key)).one_or_none()
                if row is None:
                    return None
                owner = (row.customer, row.mail, row.sold)
                terms = LicenseKeyTerms(row.software_id, row.seats, row.days, LicenseKeyStatus(row.state), *owner)
                return LicenseKey(row.id, row.serial, terms, row.entered, row.entered)

        return find

    def test_it_has_api_keys_idempotency_and_the_audit_log(self, app: Flask) -> None:
        secret = licensing.create_api_key("a partner").secret
        fields = {"license_keys": '["A"]', "product_id": 7, "activation_limit": 0, "validity": 0, "status": "available"}
        headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "order-1"}
        first, again = (
            app.test_client().post("/api/v1/create-license-keys", data=fields, headers=headers) for _ in range(2)
        )
        assert '"created":1' in first.text
        assert first.data == again.data
        assert [record.event.action for record in licensing.audit_log()] == ["license-keys-created", "api-key-created"]
        with pytest.raises(LicensingError, match="ShopKeyStore does not list license keys"):
            licensing.export_license_keys("unused.csv")


class Wrapped:
    """A store behind a wrapper that passes on what it does not have."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def test_a_store_behind_a_wrapper_has_every_group() -> None:
    app = Flask("shop")
    app.testing = True
    licensing = Licensing(app, key_store=Wrapped(MemoryKeyStore()))
    with app.app_context():
        product = licensing.create_product("Photo Editor")
        licensing.create_api_key("a partner")
        licensing.create_license_keys(["A"], product_id=product.id, activation_limit=0, validity=0, status="available")
        assert len(list(licensing.audit_log())) == 3


def test_a_store_without_license_keys_has_no_endpoint_for_them(host: Host) -> None:
    app = Flask("books")
    app.config.update(SQLALCHEMY_DATABASE_URI=host.app.config["SQLALCHEMY_DATABASE_URI"], TESTING=True)
    books = SQLAlchemy(app)
    licensing = Licensing(app, db=books, key_store=SessionStore(lambda: books.session))
    assert app.test_client().post("/api/v1/create-license-keys").status_code == 404
    with app.app_context():
        assert "/create-license-keys" not in licensing.openapi()["paths"]
        with pytest.raises(LicensingError, match="SessionStore knows no products"):
            licensing.create_license_keys(["A"], product_id=1, activation_limit=0, validity=0, status="available")
        with pytest.raises(IncorrectData, match="Unknown capabilities"):
            licensing.create_api_key("a partner", capabilities=["create-license-keys"])
        messages = {check.name: check.message for check in licensing.check()}
        books.engine.dispose()
    assert messages["key store"] == (
        "SessionStore does without what needs find_product, add_product, list_products, lock_product,"
        " update_product, delete_product, add_license_keys,"
        " add_license_key_rows, list_license_keys, find_license_keys, count_license_keys, lock_license_key,"
        " update_license_key, delete_license_key, end_activations, find_license_key_state, lock_license_key_state,"
        " count_active, put_activation, record_seen, list_activations,"
        " list_metadata, add_metadata, update_metadata, delete_metadata,"
        " find_license_key_ids, add_license_key_metadata,"
        " add_generator, update_generator, find_generator,"
        " find_active_generator, list_generators, count_all_license_keys, find_license_keys_of,"
        " lock_available_license_keys, assign_license_keys, add_order, find_order, lock_orders, put_sold_license_keys,"
        " set_refunded, delete_order, update_sold_license_keys"
    )
    with host.app.app_context():
        messages = {check.name: check.message for check in host.licensing.check()}
    assert messages["key store"] == "SQLAlchemyKeyStore has all there is"


@pytest.mark.parametrize(
    ("group", "missing"),
    [
        ("AuditStore", "purge_audit_records"),
        ("ApiKeyStore", "record_api_key_use"),
        ("ProductManagementStore", "list_products"),
        ("ProductChangeStore", "delete_product"),
    ],
)
def test_a_store_with_half_a_group_is_refused_with_what_is_missing(group: str, missing: str) -> None:
    """A store with three of the four methods of the audit log started, and kept none."""

    class Half(Wrapped):
        def __getattr__(self, name: str) -> Any:
            if name == missing:
                raise AttributeError(name)
            return super().__getattr__(name)

    with pytest.raises(ConfigurationError, match=f"Half has some methods of {group} and no {missing}:"):
        Licensing(Flask("shop"), key_store=Half(MemoryKeyStore()))


def test_a_store_that_replaces_half_of_what_works_in_one_table_is_refused() -> None:
    """A host's own ``add_license_keys`` on top of the package's tables created keys that no export found."""

    class ShopStore(SQLAlchemyKeyStore):
        def find_product(self, product_id: int) -> Product | None:
            return Product(product_id, "Photo Editor")

    with pytest.raises(ConfigurationError, match=r"find_product and leaves add_product, .*, update_product to Product"):
        Licensing(Flask("shop"), key_store=ShopStore(lambda: db.session))

    class WholeStore(ShopStore):
        def add_product(self, name: str, created_at: datetime, **details: Unpack[ProductDetails]) -> Product:
            raise NotImplementedError

        def list_products(self) -> list[Product]:
            return []

        def lock_product(self, product_id: int) -> Product | None:
            return None

        def update_product(self, product: Product) -> None:
            raise NotImplementedError

        def delete_product(self, product_id: int) -> bool:
            return False

    Licensing(Flask("shop"), key_store=WholeStore(lambda: db.session))


def test_the_store_of_the_docs_is_the_one_that_is_tested_here() -> None:
    page = Path(__file__).parent.parent / "docs" / "key-stores.md"
    assert any(inspect.getsource(ShopKeyStore) in block for block in code_blocks(page, "python"))
