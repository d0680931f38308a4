"""The published example of ``create-license-keys``: its request, its answer, and the key that verifies it."""

from __future__ import annotations

import json
from pathlib import Path

_DATA = Path(__file__).parent / "data"

ANSWER = (_DATA / "create-license-keys.json").read_text()
ENVELOPE = json.loads(ANSWER)
PUBLIC_KEY = (_DATA / "documented_example_public_key.pem").read_text()
