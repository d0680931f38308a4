"""The private keys of one app: where they come from, loading them, and which of them signs."""

from __future__ import annotations

from flask_licensing.http.feature import Feature
from flask_licensing.private_keys.checks import (
    check_private_key,
    check_private_key_files,
    check_private_key_sizes,
    check_trial_signature,
)
from flask_licensing.private_keys.commands import COMMANDS
from flask_licensing.private_keys.endpoints import PUBLIC_KEYS
from flask_licensing.private_keys.methods import PRIVATE_KEY_GENERATED, PRIVATE_KEY_RETIRED, PRIVATE_KEY_ROTATED

FEATURE = Feature(
    documents=(PUBLIC_KEYS,),
    commands=COMMANDS,
    checks={
        "private key": check_private_key,
        "private key files": check_private_key_files,
        "private key sizes": check_private_key_sizes,
        "trial signature": check_trial_signature,
    },
    audit_actions=(PRIVATE_KEY_GENERATED, PRIVATE_KEY_ROTATED, PRIVATE_KEY_RETIRED),
)
