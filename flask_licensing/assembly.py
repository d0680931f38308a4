"""From settings to the parts of one app: imports hooks, fills in defaults and checks what it finds."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from flask import current_app
from flask.cli import ScriptInfo
from werkzeug.utils import ImportStringError, import_string

from flask_licensing.api_keys.service import (
    ApiKeyAuthenticator,
    require_api_key_store,
)
from flask_licensing.audit.service import AuditLog
from flask_licensing.core.domain import utc_now
from flask_licensing.core.networks import CallerAddresses
from flask_licensing.core.settings import configuration_key
from flask_licensing.core.state import LicensingState
from flask_licensing.core.store import TableStore, check_groups, has_group
from flask_licensing.errors import ConfigurationError, LicensingError, PrivateKeyError
from flask_licensing.http.openapi import DESCRIPTION, describe_api, has_apispec
from flask_licensing.private_keys.loading import PrivateKeyLoader
from flask_licensing.private_keys.ring import PrivateKeyRing, ring_of
from flask_licensing.private_keys.sources import no_private_keys, private_key_source_from
from flask_licensing.rate_limits.from_settings import build_limiter
from flask_licensing.stores.memory import MemoryKeyStore
from flask_licensing.stores.session import check_parts
from flask_licensing.stores.sqlalchemy import SQLAlchemyKeyStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy
    from sqlalchemy.orm import Session, scoped_session

    from flask_licensing.core.domain import Authenticator, Clock
    from flask_licensing.core.settings import Settings
    from flask_licensing.core.store import KeyStore
    from flask_licensing.http.feature import Feature
    from flask_licensing.http.published import Published
    from flask_licensing.private_keys.versions import PrivateKeySource

_logger = logging.getLogger(__name__)


def build_state(
    app: Flask,
    db: SQLAlchemy | None,
    settings: Settings,
    features: Sequence[Feature],
) -> LicensingState:
    """Return the parts of one app with these features; ``db`` is needed where the settings name no key store.

    Raises:
        ConfigurationError: a hook can't be imported, lacks something, or is missing.

    """
    clock = _callable_hook(settings, "clock") or utc_now
    key_store = _key_store(app, db, settings)
    groups = (TableStore, *(group for feature in features for group in feature.groups))
    missing_methods = check_groups(key_store, groups)
    addresses = CallerAddresses()
    served = [
        endpoint
        for feature in features
        for endpoint in feature.endpoints
        if all(has_group(key_store, group) for group in endpoint.needs)
    ]
    documents = documents_of(features)
    return LicensingState(
        app=app,
        settings=settings,
        key_store=key_store,
        private_key_ring=_private_key_ring(app, settings, clock),
        authenticator=_callable_hook(settings, "authenticator")
        or _api_key_authenticator(settings, key_store, addresses),
        clock=clock,
        audit_log=_audit_log(key_store),
        request_limiter=build_limiter(settings, app.config),
        caller_addresses=addresses,
        job_dispatcher=_callable_hook(settings, "job_dispatcher"),
        license_key_generators=_license_key_generators(settings),
        checks={name: check for feature in features for name, check in feature.checks.items()},
        audit_actions=[action for feature in features for action in feature.audit_actions],
        capabilities=frozenset(endpoint.name for endpoint in served),
        missing_methods=missing_methods,
        describe_api=lambda url: describe_api(settings, served, documents, url=url),
    )


def documents_of(features: Iterable[Feature]) -> list[Published]:
    """Return what is there beside the endpoints for anyone to read; the description needs the extra ``openapi``."""
    documents = [document for feature in features for document in feature.documents]
    return [*documents, DESCRIPTION] if has_apispec() else documents


def check_private_keys(state: LicensingState) -> None:
    """Load the global private keys; without one, warn or refuse as the settings say.

    Under a ``flask`` command nothing is refused, since some commands tell what is wrong or mend it; ``flask run`` ends
    with one line. An app that came up so sends no success: what can't be signed is answered with code 9500.

    Raises:
        PrivateKeyError: a key is not one this package signs with, a file only looks like one, or the global one is
            required and missing.

    """
    private_key_ring = ring_of(state)
    try:
        private_key_ring.check()
    except PrivateKeyError as error:
        command = click.get_current_context(silent=True)
        if command is None or command.find_object(ScriptInfo) is None:
            raise
        if command.info_name == "run":
            raise click.ClickException(str(error)) from error
        return
    if not private_key_ring.has_global_key():
        _logger.warning(private_key_ring.describe_missing_key())


def _key_store(app: Flask, db: SQLAlchemy | None, settings: Settings) -> KeyStore:
    given = _imported(settings, "key_store")
    if given is None:
        if db is None:
            raise ConfigurationError(
                "Licensing needs a database: pass the Flask-SQLAlchemy object, Licensing(db=db), or a key_store."
            )
        return SQLAlchemyKeyStore(partial(_session_of, db))
    store: KeyStore = given() if isinstance(given, type) or not hasattr(given, "transaction") else given
    check_parts(store)
    if isinstance(store, MemoryKeyStore) and not (app.debug or app.testing):
        _logger.warning(
            "the memory key store forgets everything when the process ends, and each worker has its own;"
            " it is for debugging and testing"
        )
    return store


def _session_of(db: SQLAlchemy) -> scoped_session[Session]:
    if current_app.extensions.get("sqlalchemy") is not db:
        raise ConfigurationError(
            f"The db of Licensing(db=db) is not set up on the app {current_app.name!r}: call db.init_app(app)."
        )
    session: scoped_session[Session] = db.session
    return session


def _audit_log(key_store: KeyStore) -> AuditLog:
    audit_log = AuditLog(key_store)
    if not audit_log.is_kept:
        _logger.info("no audit log is kept: %s has none of the methods of AuditStore", type(key_store).__name__)
    return audit_log


def _license_key_generators(settings: Settings) -> Mapping[str, Any]:
    name = "license_key_generators"
    given = _imported(settings, name) or {}
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"{configuration_key(name)} must be a mapping of names to functions.")
    functions = {str(function): _import(value, name) for function, value in given.items()}
    for function, value in functions.items():
        if not callable(value):
            raise ConfigurationError(f"{configuration_key(name)}: {function!r} must be callable.")
    return functions


def _imported(settings: Settings, name: str) -> Any:
    """Return the hook as given, imported where it was given as an import string."""
    return _import(getattr(settings, name), name)


def _import(given: object, setting: str) -> Any:
    if not isinstance(given, str):
        return given
    try:
        return import_string(given)
    except ImportStringError as error:
        raise ConfigurationError(
            f"{configuration_key(setting)} names {given!r}, which can't be imported: {error.exception}."
        ) from error


def _callable_hook(settings: Settings, name: str) -> Any:
    hook = _imported(settings, name)
    if hook is not None and not callable(hook):
        raise ConfigurationError(f"{configuration_key(name)} must be callable; {type(hook).__name__} is not.")
    return hook


def _private_key_ring(app: Flask, settings: Settings, clock: Clock) -> PrivateKeyRing:
    passphrase = settings.private_key_passphrase or os.environ.get(configuration_key("private_key_passphrase"))
    return PrivateKeyRing(
        _private_key_source(app, settings),
        PrivateKeyLoader(passphrase=passphrase, timeout_seconds=settings.signing_timeout_seconds),
        required=settings.private_key_required,
        refresh_seconds=settings.private_key_refresh_seconds,
        clock=clock,
    )


def _private_key_source(app: Flask, settings: Settings) -> PrivateKeySource:
    given = settings.private_key_source
    if given is None:
        return no_private_keys
    if isinstance(given, str):
        given = private_key_source_from(given, folder=Path(app.instance_path))
    if not callable(given):
        raise ConfigurationError(f"{configuration_key('private_key_source')} must be a text or callable.")
    source: PrivateKeySource = given
    return source


def _api_key_authenticator(settings: Settings, key_store: KeyStore, addresses: CallerAddresses) -> Authenticator:
    try:
        api_key_store = require_api_key_store(key_store)
    except LicensingError as error:
        raise ConfigurationError(f"{error} Give one as {configuration_key('authenticator')}.") from error
    use_interval = timedelta(seconds=settings.api_key_use_interval_seconds)
    return ApiKeyAuthenticator(api_key_store, addresses, use_interval)
