"""The shop's licensing object."""

from __future__ import annotations

from example_app.database import db
from flask_licensing import Licensing

licensing = Licensing(db=db)
