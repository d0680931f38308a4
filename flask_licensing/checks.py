"""Looking whether everything is there that an answer needs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask_licensing.core.store import TableStore, has_group
from flask_licensing.errors import AccessDenied, LicensingError, WrongMethod

if TYPE_CHECKING:
    from flask_licensing.core.state import Check, LicensingState

_LOGGERS = "flask_licensing"


@dataclass(frozen=True)
class CheckResult:
    """What one check found; where it is not ``ok`` the ``message`` says the fix."""

    name: str
    ok: bool
    message: str


def run_checks(state: LicensingState) -> list[CheckResult]:
    """Check one thing after another; the settings were checked at start."""
    own = {"log": _check_log, "key store": _check_key_store, "tables": _check_tables}
    return [_run(name, check, state) for name, check in {**own, **state.checks, "endpoints": _check_endpoints}.items()]


def _run(name: str, check: Check, state: LicensingState) -> CheckResult:
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


def _check_endpoints(state: LicensingState) -> tuple[bool, str]:
    """Send the app a request that is refused in any case, and see who refuses it."""
    state.private_key_ring.check()
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
