"""Looking whether the private keys can sign, and who else can read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature

from flask_licensing.core.public_keys import verify_signature
from flask_licensing.errors import LicensingError
from flask_licensing.private_keys.ring import ring_of
from flask_licensing.private_keys.service import list_private_keys
from flask_licensing.private_keys.signing import TRIAL
from flask_licensing.private_keys.versions import PrivateKeyState

if TYPE_CHECKING:
    from flask_licensing.core.state import LicensingState

_MOST_TOLD = 5

BITS_AFTER_2030 = 3072
"""The smallest RSA key with 128 bits of security (NIST SP 800-57 part 1, table 2): fewer end with 2030 (table 4)."""


def check_private_key(state: LicensingState) -> tuple[bool, str]:
    """Look whether every private key can be used."""
    problems = [
        key.problem
        for key in list_private_keys(ring_of(state))
        if key.problem and key.state is not PrivateKeyState.RETIRED
    ]
    problems += ring_of(state).passed_over()
    if problems:
        return False, " ".join(dict.fromkeys(problems))
    ring_of(state).check()
    if ring_of(state).has_global_key():
        return True, "there is a global one"
    return False, ring_of(state).describe_missing_key()


def check_private_key_files(state: LicensingState) -> tuple[bool, str]:
    """Look who can read and replace the files of private keys."""
    look = getattr(ring_of(state).source, "exposure", None)
    if look is None:
        return True, "this source has none"
    problems, remarks = look()
    told = "; ".join([*problems[:_MOST_TOLD], *remarks[:_MOST_TOLD]])
    return not problems, told or "nobody but their owner can read or replace them"


def check_private_key_sizes(state: LicensingState) -> tuple[bool, str]:
    """Look which keys are too small to sign for many years; that is no failure today."""
    keys = [key for key in list_private_keys(ring_of(state)) if key.state is not PrivateKeyState.RETIRED and key.bits]
    small = [key for key in keys if key.bits and key.bits < BITS_AFTER_2030]
    if not small:
        return True, f"all have {BITS_AFTER_2030} bits or more" if keys else "none is known"
    told = [f"{key.key_id}, {key.origin}, has {key.bits}" for key in small[:_MOST_TOLD]]
    return True, (
        f"{len(small)} of {len(keys)} have fewer than {BITS_AFTER_2030} bits: {'; '.join(told)}."
        " An RSA key of 2048 bits has 112 bits of security, and NIST SP 800-57 allows no signing with fewer than 128"
        f" after 2030: rotate to one made with --bits {BITS_AFTER_2030}"
    )


def check_trial_signature(state: LicensingState) -> tuple[bool, str]:
    """Sign something with the global private key, and verify it."""
    found = ring_of(state).key_for(None)
    if found is None:
        return False, "nothing to sign with"
    key = found[0]
    try:
        signature = key.sign(TRIAL)
    except LicensingError as error:
        return False, f"the private key did not sign: {error}"
    except Exception as error:  # noqa: BLE001 - a remote signer may raise anything
        return False, f"the private key did not sign: {type(error).__name__}"
    if key.public_key is None:
        return True, "signed; without a public key at hand it could not be verified"
    try:
        verify_signature(key.public_key, signature, TRIAL)
    except InvalidSignature:
        return False, "the signature does not verify"
    return True, "signed and verified"
