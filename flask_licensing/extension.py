"""The extension object: collects hooks and settings, freezes them into one state per app, registers."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from flask_licensing.api.blueprint import CAPABILITIES, ENDPOINTS, PUBLISHED, create_blueprint
from flask_licensing.api.openapi import describe_api
from flask_licensing.api.origins import current_origin
from flask_licensing.assembly import build_state, check_private_keys
from flask_licensing.cli import create_commands
from flask_licensing.config import Settings
from flask_licensing.domain import LicenseKeyStatus
from flask_licensing.errors import ConfigurationError
from flask_licensing.key_management import KeyManagement
from flask_licensing.models import project_models
from flask_licensing.record_keeping import RecordKeeping
from flask_licensing.schemas import CreateLicenseKeysSchema
from flask_licensing.services.api_keys import create_api_key, require_api_key_store, revoke_api_key
from flask_licensing.services.checks import CheckResult, run_checks
from flask_licensing.services.license_key_export import list_license_keys
from flask_licensing.services.license_key_files import open_for_license_keys, open_rows
from flask_licensing.services.license_key_import import DEFAULT_BATCH_SIZE, LicenseKeyImport
from flask_licensing.services.license_keys import add_batch, check_batch
from flask_licensing.services.products import create_product, require_product_store
from flask_licensing.signals import license_keys_created, send_after_commit
from flask_licensing.state import EXTENSION_NAME, current_state

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime
    from typing import BinaryIO

    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy

    from flask_licensing.domain import ApiKey, CreationResult, NewApiKey, Product
    from flask_licensing.hooks import Authenticator, Clock, KeyStore, PrivateKeySource
    from flask_licensing.services.license_key_formats import Row
    from flask_licensing.services.license_key_import import ImportSummary
    from flask_licensing.state import LicensingState


def _ignore(*_: object) -> None:
    """Do nothing with what is reported."""


class Licensing(KeyManagement, RecordKeeping):
    """Software licensing for Flask apps.

    Args:
        app: the app to set up at once; by default :meth:`init_app` does that later.
        db: the site's Flask-SQLAlchemy object. The tables of this package are in ``db.metadata`` from here on. It may
            be left out where a ``key_store`` is given that does not need it.
        key_store: a :class:`~flask_licensing.hooks.KeyStore`; by default one over ``db``.
        private_key_source: a :data:`~flask_licensing.hooks.PrivateKeySource`, or a text such as ``"file:keys"``.
        authenticator: an :data:`~flask_licensing.hooks.Authenticator`; by default API keys decide.
        clock: a :data:`~flask_licensing.hooks.Clock`; by default the system's.
        settings: any other setting of :class:`flask_licensing.config.Settings`, by its name there.

    Arguments beat configuration (``LICENSING_…``). One object may serve several apps: nothing of an app is kept on it.

    """

    def __init__(
        self,
        app: Flask | None = None,
        db: SQLAlchemy | None = None,
        *,
        key_store: KeyStore | str | None = None,
        private_key_source: PrivateKeySource | str | None = None,
        authenticator: Authenticator | str | None = None,
        clock: Clock | str | None = None,
        **settings: Any,
    ) -> None:
        self._db = db
        self._arguments = {
            "key_store": key_store,
            "private_key_source": private_key_source,
            "authenticator": authenticator,
            "clock": clock,
            **settings,
        }
        if db is not None:
            project_models(db.metadata)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Set up one app: its endpoints, its ``flask licensing`` commands and its state.

        Raises:
            ConfigurationError: a setting is wrong or missing, or the app was set up before.
            PrivateKeyError: a private key is not one this package signs with.

        """
        if EXTENSION_NAME in app.extensions:
            raise ConfigurationError(
                f"flask_licensing is set up on the app {app.name!r} already: call init_app once per app."
            )
        settings = Settings.collect(app.config, self._arguments)
        state = build_state(app, self._db, settings)
        check_private_keys(state)
        app.register_blueprint(create_blueprint(state))
        app.cli.add_command(create_commands(self))
        app.extensions[EXTENSION_NAME] = state

    def create_license_keys(
        self,
        license_keys: Sequence[str],
        *,
        product_id: int,
        activation_limit: int,
        validity: int,
        status: str,
        owner_name: str | None = None,
        owner_email: str | None = None,
        assigned_at: datetime | str | None = None,
        commit: bool = True,
    ) -> CreationResult:
        """Create license keys, as the endpoint does; see contract section 4 for each field.

        With ``commit=False`` everything joins the transaction of the host's session, to be committed or rolled back
        there; no signal is sent then, as this package does not see the commit. Needs an app context. There is no
        limit on the number of license keys.

        Raises:
            IncorrectData: fields are wrong or the product does not exist; nothing was created.
            StoreUnavailable: the database can't be reached or can't store.
            TransactionConflict: the database ended the transaction for another; it may be tried again.
            ConstraintViolation: a constraint of the database refused what was to be stored.

        """
        state = self.state
        now = state.clock()
        sent_fields = {
            "license_keys": list(license_keys),
            "product_id": product_id,
            "activation_limit": activation_limit,
            "validity": validity,
            "status": status,
            "owner_name": owner_name,
            "owner_email": owner_email,
            "assigned_at": assigned_at,
        }
        with state.key_store.transaction() if commit else nullcontext():
            batch = check_batch(state.key_store, CreateLicenseKeysSchema(max_license_keys=None), sent_fields, now)
            result = add_batch(state.key_store, state.audit_log, current_origin(), batch, now)
        if commit and result.created:
            send_after_commit(license_keys_created, state.app, batch=batch, result=result, caller=None)
        return result

    def import_license_keys(
        self,
        file: str | os.PathLike[str] | BinaryIO,
        *,
        file_format: str | None = None,
        product_id: int | None = None,
        activation_limit: int = 0,
        validity: int = 0,
        status: str = LicenseKeyStatus.AVAILABLE,
        owner_name: str | None = None,
        owner_email: str | None = None,
        assigned_at: datetime | str | None = None,
        batch_size: int = DEFAULT_BATCH_SIZE,
        dry_run: bool = False,
        reject: Callable[[Row, str], None] = _ignore,
        progress: Callable[[ImportSummary], None] = _ignore,
    ) -> ImportSummary:
        """Import the license keys of a file, batch by batch, and return what came of its rows. Needs an app context.

        No signal is sent. An import that was interrupted can be started again: what is there counts as duplicate.

        Args:
            file: its path, or a binary stream; gzip is recognised.
            file_format: ``"csv"``, ``"ndjson"`` or ``"text"``; by default what the path ends in, else ``"text"``.
            product_id: the product of rows that do not say; without one, such rows are rejected.
            activation_limit: likewise, and so are those up to ``assigned_at``; for their rules see contract section 4.
            validity: in days.
            status: by default ``"available"``.
            owner_name: by default none.
            owner_email: by default none.
            assigned_at: by default the time of the import, where the status is ``"assigned"``.
            batch_size: rows in one transaction.
            dry_run: count what would be created, and create nothing.
            reject: called with each row that can't be imported, and the reason.
            progress: called after each batch with the summary so far.

        Raises:
            IncorrectData: one of the terms given here is wrong.
            FileError: the file can't be read; batches before that stay.
            StoreUnavailable: the database can't be reached; batches before that stay.

        """
        state = self.state
        defaults = {
            "product_id": product_id,
            "activation_limit": activation_limit,
            "validity": validity,
            "status": status,
            "owner_name": owner_name,
            "owner_email": owner_email,
            "assigned_at": assigned_at,
        }
        importer = LicenseKeyImport(
            state.key_store,
            state.audit_log,
            current_origin(),
            state.clock,
            defaults=defaults,
            retry_seconds=state.settings.transaction_retry_seconds,
            reject=reject,
            progress=progress,
        )
        with open_rows(file, file_format) as rows:
            return importer.run(rows, batch_size=batch_size, dry_run=dry_run)

    def export_license_keys(
        self,
        file: str | os.PathLike[str] | BinaryIO,
        *,
        file_format: str | None = None,
        product_id: int | None = None,
        status: str | None = None,
    ) -> int:
        """Write license keys to a file, oldest first, and return how many. Needs an app context.

        What is written as CSV or NDJSON imports again unchanged; the text format holds no terms.

        Args:
            file: its path, or a binary stream. A path ending in ``.gz`` is compressed; a file of that name appears
                when it is whole.
            file_format: as in :meth:`import_license_keys`.
            product_id: the product whose license keys are written; by default all.
            status: the status of those that are written; by default any.

        Raises:
            LicensingError: the key store does not list license keys.
            StoreUnavailable: the database can't be reached.

        """
        state = self.state
        wanted = None if status is None else LicenseKeyStatus(status)
        license_keys = list_license_keys(state.key_store, product_id=product_id, status=wanted)
        with open_for_license_keys(file, file_format) as write:
            return write(license_keys)

    def create_product(self, name: str) -> Product:
        """Create a product, commit and return it. Needs an app context.

        Raises:
            IncorrectData: the name is empty, longer than 255 characters or not text.

        """
        state = self.state
        store = require_product_store(state.key_store)
        with state.key_store.transaction():
            return create_product(store, state.audit_log, current_origin(), name, state.clock())

    def list_products(self) -> Sequence[Product]:
        """Return all products, by id. Needs an app context."""
        state = self.state
        store = require_product_store(state.key_store)
        with state.key_store.transaction():
            return store.list_products()

    def create_api_key(
        self,
        name: str,
        *,
        capabilities: Collection[str] | None = None,
        allowed_ips: Collection[str] | None = None,
        expires_at: datetime | None = None,
        secret: str | None = None,
    ) -> NewApiKey:
        """Create an API key, commit, and return it with its secret, which is shown this once. Needs an app context.

        Args:
            name: whom the key is for.
            capabilities: names of the endpoints it may call; by default all.
            allowed_ips: IP addresses and networks (CIDR) it may be used from; by default all.
            expires_at: when it ends, aware or naive UTC; by default never.
            secret: an API key that callers have already, from another licensing server; by default a random one.

        Raises:
            IncorrectData: a value is wrong, or the secret is in use already.

        """
        state = self.state
        store = require_api_key_store(state.key_store)
        with state.key_store.transaction():
            return create_api_key(
                store,
                state.audit_log,
                current_origin(),
                name=name,
                capabilities=capabilities,
                known_capabilities=CAPABILITIES,
                allowed_ips=allowed_ips,
                expires_at=expires_at,
                secret=secret,
                now=state.clock(),
            )

    def list_api_keys(self) -> Sequence[ApiKey]:
        """Return all API keys, by id, without their secrets. Needs an app context."""
        state = self.state
        store = require_api_key_store(state.key_store)
        with state.key_store.transaction():
            return store.list_api_keys()

    def revoke_api_key(self, api_key_id: int) -> bool:
        """Make an API key inactive, for good, and commit; answer whether there is such a key. Needs an app context."""
        state = self.state
        store = require_api_key_store(state.key_store)
        with state.key_store.transaction():
            return revoke_api_key(store, state.audit_log, current_origin(), api_key_id, state.clock())

    def openapi(self) -> dict[str, Any]:
        """Return the description of the API, an OpenAPI 3.1 document as a JSON object. Needs an app context.

        Raises:
            ConfigurationError: the extra ``openapi`` is not installed.

        """
        settings = self.state.settings
        return describe_api(settings, ENDPOINTS, PUBLISHED, url=settings.url_prefix)

    def check(self) -> list[CheckResult]:
        """Check tables, audit log, private key, a trial signature and API keys. Needs an app context."""
        return run_checks(self.state)

    @property
    def state(self) -> LicensingState:
        """What the current app's licensing consists of. Needs an app context."""
        return current_state()
