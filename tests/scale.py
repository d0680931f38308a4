"""How much, and with which random numbers, the tests of load and faults do; both may be set from outside."""

from __future__ import annotations

import os

SCALE = int(os.environ.get("LICENSING_TEST_SCALE", "1"))
"""Multiplies how many requests, kills and restarts there are."""

SEED = int(os.environ.get("LICENSING_TEST_SEED", "1"))
"""Begins every sequence of random numbers."""
