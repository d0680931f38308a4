"""A small shop that sells software, with licensing in it as any site would have it.

``python -m example_app`` shows the licensing at work; ``flask --app example_app run`` serves the shop on this machine.
Its API key is a published one, so that the documented request works as written: do not serve it to a network.
"""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask

from example_app.extensions import db, licensing
from example_app.shop import page_not_found, pages
from example_app.stock import stock_up

INSTANCE_FOLDER = Path("instance")
"""Where the shop keeps its files, below the current folder."""

DATABASE_URL_VARIABLE = "EXAMPLE_APP_DATABASE_URL"
"""Environment variable with the SQLAlchemy URL of the shop's database; by default SQLite in the instance folder."""


def create_app(instance_folder: Path = INSTANCE_FOLDER, database_url: str | None = None) -> Flask:
    """Return the shop, ready to serve: its tables, private keys, product and API key are made where they are missing.

    Args:
        instance_folder: where the shop keeps its files.
        database_url: an SQLAlchemy URL; by default that of ``EXAMPLE_APP_DATABASE_URL``, or else an SQLite file.

    Raises:
        OSError: the instance folder can't be written.
        sqlalchemy.exc.SQLAlchemyError: the database can't be used.

    """
    app = Flask("example_app", instance_path=str(instance_folder.absolute()))
    app.config.update(
        SQLALCHEMY_DATABASE_URI=database_url or os.environ.get(DATABASE_URL_VARIABLE) or "sqlite:///shop.sqlite",
        LICENSING_PRIVATE_KEY_SOURCE="file:private-keys",
    )
    db.init_app(app)
    licensing.init_app(app)
    app.register_blueprint(pages)
    app.register_error_handler(404, page_not_found)
    with app.app_context():
        stock_up()
    return app
