"""Orders: selling license keys from the code of a shop. The API has no endpoint for it."""

from __future__ import annotations

from flask_licensing.http.feature import Feature
from flask_licensing.orders.commands import COMMANDS
from flask_licensing.orders.service import ORDER_REFUNDED, ORDER_RENEWED, ORDER_SOLD
from flask_licensing.orders.store import OrderStore

FEATURE = Feature(groups=(OrderStore,), commands=COMMANDS, audit_actions=(ORDER_SOLD, ORDER_REFUNDED, ORDER_RENEWED))
"""``sell-license-keys``, ``refund-order`` and ``renew-order``."""
