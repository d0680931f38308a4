"""The shop's database object."""

from __future__ import annotations

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """The base of the shop's own models."""


db = SQLAlchemy(model_class=Base)
