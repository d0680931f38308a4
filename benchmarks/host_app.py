"""A minimal site with the extension, as a host developer writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from benchmarks.site import Site
from flask_licensing import Licensing

if TYPE_CHECKING:
    from pathlib import Path

db = SQLAlchemy()
licensing = Licensing(db=db)


def create_host(database_url: str, private_key_file: Path) -> Flask:
    """Return the site over a database; nothing but what it must say is set."""
    app = Flask("host")
    app.config["SQLALCHEMY_DATABASE_URI"] = database_url
    app.config["LICENSING_PRIVATE_KEY_SOURCE"] = f"file:{private_key_file}"
    db.init_app(app)
    licensing.init_app(app)
    return app


def create_app() -> Flask:
    """Return the site that the environment names."""
    site = Site.from_environment()
    return create_host(site.database_url, site.private_key_file)
