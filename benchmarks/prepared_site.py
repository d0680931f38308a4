"""A site to measure: a fresh database with the package's tables, a product, an API key and a private key."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from benchmarks.host_app import create_host, db, licensing
from flask_licensing.signing import generate_private_key
from tests.databases import SERVER_URL_VARIABLES, fresh_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

DATABASE_URL_VARIABLE = "BENCHMARK_DATABASE_URL"
PRIVATE_KEY_FILE_VARIABLE = "BENCHMARK_PRIVATE_KEY_FILE"


@dataclass(frozen=True)
class Site:
    """What an app needs to serve a prepared database, and what a client needs to ask it."""

    database_url: str
    private_key_file: Path
    product_id: int
    secret: str

    @property
    def environment(self) -> dict[str, str]:
        """What the apps of this package read when a server starts them."""
        return {
            DATABASE_URL_VARIABLE: self.database_url,
            PRIVATE_KEY_FILE_VARIABLE: str(self.private_key_file),
        }

    @classmethod
    def from_environment(cls) -> Site:
        """Return the site that a server was started for; it asks nobody, so it has no API key."""
        url, file = os.environ[DATABASE_URL_VARIABLE], Path(os.environ[PRIVATE_KEY_FILE_VARIABLE])
        return cls(url, file, product_id=1, secret="")


def why_not(database: str) -> str | None:
    """Return what is missing to measure a kind of database, or ``None``."""
    variable = SERVER_URL_VARIABLES.get(database)
    if variable is None or variable in os.environ:
        return None
    return f"{variable} does not name a server"


def server_version(database: str) -> str:
    """Return the version of what keeps a kind of database."""
    url = os.environ[SERVER_URL_VARIABLES[database]] if database in SERVER_URL_VARIABLES else "sqlite://"
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect():
        return ".".join(map(str, engine.dialect.server_version_info or ()))


@contextmanager
def prepared_site(database: str, folder: Path) -> Iterator[Site]:
    """Yield a site over a fresh database of this kind, which is dropped afterwards; its files are in ``folder``."""
    own_folder = folder / secrets.token_hex(4)
    own_folder.mkdir()
    private_key_file = own_folder / "global.pem"
    private_key_file.write_bytes(generate_private_key())
    with fresh_database(database, own_folder) as url:
        with running_host(url, private_key_file):
            db.create_all()
            product = licensing.create_product("Photo Editor")
            secret = licensing.create_api_key("benchmarks").secret
        yield Site(url, private_key_file, product.id, secret)


@contextmanager
def running_host(database_url: str, private_key_file: Path) -> Iterator[Flask]:
    """Yield the host app, inside its app context; its connections are closed afterwards."""
    app = create_host(database_url, private_key_file)
    with app.app_context():
        try:
            yield app
        finally:
            db.session.remove()
            db.engine.dispose()
