"""Looking whether everything is there that an answer needs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature

from flask_licensing.errors import AccessDenied, LicensingError, WrongMethod
from flask_licensing.private_key_versions import PrivateKeyState
from flask_licensing.private_keys.ring import ring_of
from flask_licensing.private_keys.service import list_private_keys
from flask_licensing.public_keys import verify_signature
from flask_licensing.services.api_keys import ApiKeyAuthenticator
from flask_licensing.store import TableStore, has_group
from flask_licensing.stores.api_key_store import ApiKeyStore
from flask_licensing.stores.audit_store import AuditTriggerStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask_licensing.state import LicensingState

_LOGGERS = "flask_licensing"

# Not base64, so that what is signed here can't pass for an answer.
_TRIAL = b"{a trial signature of flask_licensing}"

_MOST_TOLD = 5


@dataclass(frozen=True)
class CheckResult:
    """What one check found; where it is not ``ok`` the ``message`` says the fix."""

    name: str
    ok: bool
    message: str


def run_checks(state: LicensingState) -> list[CheckResult]:
    """Check one thing after another; the settings were checked at start."""
    checks: dict[str, Callable[[LicensingState], tuple[bool, str]]] = {
        "log": _check_log,
        "key store": _check_key_store,
        "tables": _check_tables,
        "audit log": _check_audit_log,
        "private key": _check_private_key,
        "private key files": _check_private_key_files,
        "API keys": _check_api_keys,
        "trial signature": _check_trial_signature,
    }
    results = [_run(name, check, state) for name, check in checks.items()]
    if results[-1].ok:
        # Only what is signed can be told from an answer of the app's own.
        results.append(_run("endpoints", _check_endpoints, state))
    return results


def _run(name: str, check: Callable[[LicensingState], tuple[bool, str]], state: LicensingState) -> CheckResult:
    try:
        return CheckResult(name, *check(state))
    except LicensingError as error:
        return CheckResult(name, ok=False, message=str(error))


def _check_log(_: LicensingState) -> tuple[bool, str]:
    loggers = {name: logger for name, logger in logging.root.manager.loggerDict.items() if name.startswith(_LOGGERS)}
    if any(isinstance(logger, logging.Logger) and logger.disabled for logger in loggers.values()):
        return (
            False,
            "loggers of this package are switched off, as fileConfig in migrations that run at start does;"
            " write fileConfig(…, disable_existing_loggers=False) in migrations/env.py",
        )
    if not logging.getLogger(_LOGGERS).isEnabledFor(logging.ERROR):
        return False, f"errors are not logged: set the level of the logger “{_LOGGERS}” to ERROR or lower"
    return True, "errors are logged"


def _check_key_store(state: LicensingState) -> tuple[bool, str]:
    name = type(state.key_store).__name__
    if state.missing_methods:
        return True, f"{name} does without what needs {', '.join(state.missing_methods)}"
    return True, f"{name} has all there is"


def _check_tables(state: LicensingState) -> tuple[bool, str]:
    store = state.key_store
    if not has_group(store, TableStore):
        return True, f"{type(store).__name__} has no tables of this package"
    with store.transaction():
        missing = store.missing_tables()
    if missing:
        return False, f"missing: {', '.join(missing)}; run “flask db migrate” and “flask db upgrade”"
    return True, "all there"


def _check_audit_log(state: LicensingState) -> tuple[bool, str]:
    store = state.key_store
    if not state.audit_log.is_kept:
        return True, f"{type(store).__name__} keeps none"
    if not has_group(store, AuditTriggerStore):
        return True, f"{type(store).__name__} keeps one"
    with store.transaction():
        triggers = store.find_audit_triggers()
    if triggers is None:
        return True, "kept; whether triggers make it append-only can't be told from here"
    missing = [name for name, is_there in triggers.items() if not is_there]
    if not missing:
        return True, "append-only"
    if len(missing) == len(triggers):
        return True, "kept; its records can be changed: “flask licensing protect-audit-log” makes it append-only"
    return (
        False,
        f"it can be changed, triggers are missing; run “flask licensing protect-audit-log”: {', '.join(missing)}",
    )


def _check_private_key(state: LicensingState) -> tuple[bool, str]:
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


def _check_private_key_files(state: LicensingState) -> tuple[bool, str]:
    look = getattr(ring_of(state).source, "exposure", None)
    if look is None:
        return True, "this source has none"
    problems, remarks = look()
    told = "; ".join([*problems[:_MOST_TOLD], *remarks[:_MOST_TOLD]])
    return not problems, told or "nobody but their owner can read or replace them"


def _check_trial_signature(state: LicensingState) -> tuple[bool, str]:
    found = ring_of(state).key_for(None)
    if found is None:
        return False, "nothing to sign with"
    key = found[0]
    try:
        signature = key.sign(_TRIAL)
    except LicensingError as error:
        return False, f"the private key did not sign: {error}"
    except Exception as error:  # noqa: BLE001 - a remote signer may raise anything
        return False, f"the private key did not sign: {type(error).__name__}"
    if key.public_key is None:
        return True, "signed; without a public key at hand it could not be verified"
    try:
        verify_signature(key.public_key, signature, _TRIAL)
    except InvalidSignature:
        return False, "the signature does not verify"
    return True, "signed and verified"


def _check_endpoints(state: LicensingState) -> tuple[bool, str]:
    """Send the app a request that is refused in any case, and see who refuses it."""
    settings, config = state.settings, state.app.config
    host = settings.host or config["SERVER_NAME"] or (config["TRUSTED_HOSTS"] or ["localhost"])[0].lstrip(".")
    if settings.subdomain:
        host = f"{settings.subdomain}.{host}"
    answer = state.app.test_client().post(f"{settings.url_prefix}/public-keys", base_url=f"https://{host}")
    response = (answer.get_json(silent=True) or {}).get("response", {})
    if response.get("code") in {WrongMethod.code.number, AccessDenied.code.number}:
        return True, f"they answer under {settings.url_prefix}"
    return False, (
        f"the app itself answers a POST with {' '.join(str(response.get(name, '')) for name in ('code', 'message'))}"
        if response
        else f"the app itself answers a POST with status {answer.status_code}, unsigned"
    ) + "; exempt licensing.blueprint from what it does before each request"


def _check_api_keys(state: LicensingState) -> tuple[bool, str]:
    if not isinstance(state.authenticator, ApiKeyAuthenticator) or not has_group(state.key_store, ApiKeyStore):
        return True, "an authenticator of the site's own decides who may call"
    now = state.clock()
    with state.key_store.transaction():
        usable = [api_key for api_key in state.key_store.list_api_keys() if api_key.is_usable_at(now)]
    if not usable:
        return False, "none is active; create one with “flask licensing create-api-key”"
    return True, f"{len(usable)} active"
