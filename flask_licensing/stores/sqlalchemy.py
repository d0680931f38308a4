"""The default key store: everything in the package's tables, in the session of a host."""

from __future__ import annotations

from flask_licensing.activations.tables import ActivationTables
from flask_licensing.assignment.tables import StockTables
from flask_licensing.generators.tables import GeneratorTables
from flask_licensing.license_keys.tables import LicenseKeyTables
from flask_licensing.metadata.tables import MetadataTables
from flask_licensing.orders.tables import OrderTables
from flask_licensing.products.tables import ProductTables
from flask_licensing.stores.session import SessionStore


class SQLAlchemyKeyStore(
    SessionStore,
    ProductTables,
    LicenseKeyTables,
    StockTables,
    ActivationTables,
    GeneratorTables,
    OrderTables,
    MetadataTables,
):
    """Keeps what the site sells and has sold too; the default for a Flask app works in ``db.session``."""
