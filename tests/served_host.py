"""A host app for a real WSGI server, configured by ``FLASK_…`` environment variables alone."""

from __future__ import annotations

import logging

import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_licensing import Licensing


def create_app() -> Flask:
    """Return the app; tables, product and API key are made by whoever starts the server.

    ``FLASK_SQLITE_BEGIN`` is the statement that begins a transaction on SQLite; without it Python's driver begins one
    at the first statement that writes.
    """
    logging.basicConfig(level=logging.INFO)
    app = Flask("served_host")
    app.config.from_prefixed_env()
    db = SQLAlchemy()
    licensing = Licensing(db=db)
    db.init_app(app)
    licensing.init_app(app)
    if begin := app.config.get("SQLITE_BEGIN"):
        with app.app_context():
            _begin_with(begin, db.engine)
    return app


def _begin_with(statement: str, engine: sa.Engine) -> None:
    """Begin transactions as SQLAlchemy's documentation of the SQLite dialect says."""

    @sa.event.listens_for(engine, "connect")
    def leave_it_to_us(connection: object, _: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined] # a connection of Python's sqlite3

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(statement)
