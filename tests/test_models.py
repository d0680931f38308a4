"""The package's tables in the metadata of a host."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from flask_licensing import ConfigurationError, Licensing
from flask_licensing.models import Base, IdempotencyRecord, LicenseKey, Product, project_models

TABLES = {
    "licensing_products",
    "licensing_license_keys",
    "licensing_activations",
    "licensing_metadata",
    "licensing_generators",
    "licensing_orders",
    "licensing_sold_license_keys",
    "licensing_queue_jobs",
    "licensing_api_keys",
    "licensing_idempotency_records",
    "licensing_audit_records",
}


def test_the_tables_are_in_the_hosts_metadata_once_licensing_is_made() -> None:
    db = SQLAlchemy()
    Licensing(db=db)
    assert set(db.metadata.tables) == TABLES


def test_several_databases_and_extension_objects_share_one_process() -> None:
    first, second = SQLAlchemy(), SQLAlchemy()
    for db in (first, first, second):
        Licensing(db=db)
    assert set(first.metadata.tables) == set(second.metadata.tables) == TABLES
    assert first.metadata.tables["licensing_products"] is not second.metadata.tables["licensing_products"]


def test_a_hosts_own_table_by_one_of_the_names_is_refused() -> None:
    metadata = sa.MetaData()
    sa.Table("licensing_products", metadata, sa.Column("id", sa.Integer))
    with pytest.raises(ConfigurationError, match="licensing_products"):
        project_models(metadata)


def test_a_metadata_with_a_schema_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="leave the schema out"):
        project_models(sa.MetaData(schema="site"))


def test_every_constraint_has_a_name() -> None:
    for table in Base.metadata.tables.values():
        assert all(constraint.name for constraint in table.constraints), table


def test_a_hosts_naming_convention_leaves_the_names_as_they_are() -> None:
    convention = {kind: f"site_{kind}_%(table_name)s" for kind in ("uq", "pk", "ix", "fk")}
    convention["ck"] = "site_ck_%(table_name)s_%(constraint_name)s"
    metadata = sa.MetaData(naming_convention=convention)
    project_models(metadata)
    for name, table in metadata.tables.items():
        assert _names(table) == _names(Base.metadata.tables[name])


def _names(table: sa.Table) -> set[str]:
    return {str(constraint.name) for constraint in table.constraints} | {str(index.name) for index in table.indexes}


def test_emoji_and_long_answers_fit_whatever_the_databases_character_set(database_url: str) -> None:
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    if engine.dialect.name == "mysql":
        with engine.connect() as connection:
            connection.execute(sa.text("ALTER DATABASE CHARACTER SET latin1"))
    metadata = sa.MetaData()
    project_models(metadata)
    metadata.create_all(engine)
    body = "x" * 2**16
    now = datetime(2026, 1, 1)
    with Session(engine) as session:
        session.add(Product(name="é 日本 😀", created_at=now, updated_at=now))
        session.add(IdempotencyRecord(key_digest="k", payload_digest="p", status=200, body=body, created_at=now))
        session.commit()
        assert session.scalars(sa.select(Product.name)).one() == "é 日本 😀"
        assert session.scalars(sa.select(IdempotencyRecord.body)).one() == body


@pytest.mark.parametrize("written_as", ["column", "text"])
def test_a_host_table_refers_to_license_keys(database_url: str, written_as: str) -> None:
    app = Flask("site")
    app.config["SQLALCHEMY_DATABASE_URI"] = database_url

    class SiteBase(DeclarativeBase):
        pass

    db = SQLAlchemy(model_class=SiteBase)
    licensing = Licensing(db=db)
    db.init_app(app)
    licensing.init_app(app)
    target: Any = LicenseKey.id
    join: dict[str, Any] = {}
    if written_as == "text":
        target = "licensing_license_keys.id"
        join = {"primaryjoin": lambda: sa.orm.foreign(Order.license_key_id) == LicenseKey.id}

    class Order(db.Model):  # type: ignore[name-defined,misc] # Flask-SQLAlchemy makes the base at run time
        __tablename__ = "a_hosts_orders"
        id: Mapped[int] = mapped_column(primary_key=True)
        license_key_id: Mapped[int] = mapped_column(sa.ForeignKey(target))
        license_key: Mapped[LicenseKey] = relationship(LicenseKey, **join)

    with app.app_context():
        db.create_all()
        product = licensing.create_product("Photo Editor")
        licensing.create_license_keys(
            ["K-1"], product_id=product.id, activation_limit=0, validity=0, status="available", commit=False
        )
        key = db.session.scalars(sa.select(LicenseKey)).one()
        db.session.add(Order(license_key=key))
        db.session.commit()
        assert db.session.scalars(sa.select(Order)).one().license_key.license_key == "K-1"
        constraints = sa.inspect(db.engine).get_foreign_keys("a_hosts_orders")
        assert constraints[0]["referred_table"] == "licensing_license_keys"
        db.session.remove()
        db.engine.dispose()
