"""The features of the package, in the order in which they are described."""

from __future__ import annotations

from flask_licensing import (
    activations,
    api_keys,
    assignment,
    audit,
    generators,
    inventory,
    license_files,
    license_keys,
    metadata,
    orders,
    private_keys,
    products,
    queue,
)

FEATURES = (
    private_keys.FEATURE,
    api_keys.FEATURE,
    audit.FEATURE,
    products.FEATURE,
    license_keys.FEATURE,
    activations.FEATURE,
    metadata.FEATURE,
    generators.FEATURE,
    assignment.FEATURE,
    orders.FEATURE,
    queue.FEATURE,
    license_files.FEATURE,
    inventory.FEATURE,
)
