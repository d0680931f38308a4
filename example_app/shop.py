"""The application factory."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask

from example_app.database import db
from example_app.key_pairs import PRIVATE_KEY_FOLDER, create_key_pairs
from example_app.licenses import licensing
from example_app.pages import page_not_found, pages
from example_app.stock import stock_up

INSTANCE_FOLDER = Path("instance")
"""Where the shop keeps its files, below the current folder."""

DATABASE_URL_VARIABLE = "EXAMPLE_APP_DATABASE_URL"
"""Environment variable with the SQLAlchemy URL of the shop's database; by default SQLite in the instance folder."""


def create_app(instance_folder: Path = INSTANCE_FOLDER, database_url: str | None = None) -> Flask:
    """Return the shop, ready to serve: its key pairs, tables, product and API key are made where they are missing.

    Args:
        instance_folder: where the shop keeps its files.
        database_url: an SQLAlchemy URL; by default that of ``EXAMPLE_APP_DATABASE_URL``, or else an SQLite file.

    Raises:
        OSError: the instance folder can't be written.
        sqlalchemy.exc.SQLAlchemyError: the database can't be used.

    """
    folder = instance_folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    create_key_pairs(folder)
    app = Flask("example_app", instance_path=str(folder))
    app.config.update(
        SQLALCHEMY_DATABASE_URI=database_url or os.environ.get(DATABASE_URL_VARIABLE) or "sqlite:///shop.sqlite",
        LICENSING_PRIVATE_KEY_SOURCE=f"file:{PRIVATE_KEY_FOLDER}",
        LICENSING_PRIVATE_KEY_REQUIRED=True,
    )
    db.init_app(app)
    licensing.init_app(app)
    app.register_blueprint(pages)
    app.register_error_handler(404, page_not_found)
    with app.app_context():
        stock_up()
    return app
