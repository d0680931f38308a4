"""The signals the package sends, with the Flask app as sender.

They are sent after the commit. A receiver that raises is logged and changes nothing else; what it returns means
nothing. They stay in the process: subscribe in the app that creates.
"""

from __future__ import annotations

from flask_licensing.activations.service import license_key_activated, license_key_deactivated
from flask_licensing.assignment.service import license_key_assigned
from flask_licensing.generators.service import license_keys_generated
from flask_licensing.license_files.service import license_file_created
from flask_licensing.license_keys.service import (
    license_key_deleted,
    license_key_replaced,
    license_key_updated,
    license_keys_created,
)
from flask_licensing.metadata.service import metadata_changed
from flask_licensing.orders.service import order_refunded, order_renewed, order_sold
from flask_licensing.products.service import product_created, product_deleted, product_updated
from flask_licensing.queue.service import job_ended, job_queued

__all__ = [
    "job_ended",
    "job_queued",
    "license_file_created",
    "license_key_activated",
    "license_key_assigned",
    "license_key_deactivated",
    "license_key_deleted",
    "license_key_replaced",
    "license_key_updated",
    "license_keys_created",
    "license_keys_generated",
    "metadata_changed",
    "order_refunded",
    "order_renewed",
    "order_sold",
    "product_created",
    "product_deleted",
    "product_updated",
]
