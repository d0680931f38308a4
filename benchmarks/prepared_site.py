"""Making a site to measure: a fresh database with the package's tables, a product, an API key and a private key."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa

from benchmarks.host_app import create_host, db, licensing
from benchmarks.site import Site
from flask_licensing.private_keys.signing import generate_private_key
from tests.databases import SERVER_URL_VARIABLES, fresh_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Flask


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
