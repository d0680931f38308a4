"""A host app for a real WSGI server, configured by ``FLASK_…`` environment variables alone."""

from __future__ import annotations

from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_licensing import Licensing


def create_app() -> Flask:
    """Return the app; tables, product and API key are made by whoever starts the server."""
    app = Flask("served_host")
    app.config.from_prefixed_env()
    db = SQLAlchemy()
    licensing = Licensing(db=db)
    db.init_app(app)
    licensing.init_app(app)
    return app
