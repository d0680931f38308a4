"""The shop's extensions: its database and its licensing."""

from __future__ import annotations

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase

from flask_licensing import Licensing


class Base(DeclarativeBase):
    """The base of the shop's own models."""


db = SQLAlchemy(model_class=Base)
licensing = Licensing(db=db)
