"""The extension object: collects hooks and settings, freezes them into one state per app, registers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_sqlalchemy import SQLAlchemy

from flask_licensing.activations.methods import ActivationMethods
from flask_licensing.api_keys.methods import ApiKeyMethods
from flask_licensing.assembly import build_state, check_private_keys, documents_of
from flask_licensing.assignment.methods import AssignmentMethods
from flask_licensing.audit.methods import RecordKeeping
from flask_licensing.checks import CheckResult, run_checks
from flask_licensing.commands import create_commands
from flask_licensing.core.settings import Settings, configuration_key
from flask_licensing.core.state import EXTENSION_NAME, current_state
from flask_licensing.errors import ConfigurationError
from flask_licensing.features import FEATURES
from flask_licensing.generators.methods import GeneratorMethods
from flask_licensing.http.blueprint import create_blueprint
from flask_licensing.inventory.methods import InventoryMethods
from flask_licensing.license_files.methods import LicenseFileMethods
from flask_licensing.license_keys.methods import LicenseKeyMethods
from flask_licensing.metadata.methods import MetadataMethods
from flask_licensing.models import project_models
from flask_licensing.orders.methods import OrderMethods
from flask_licensing.private_keys.methods import PrivateKeyMethods
from flask_licensing.products.methods import ProductMethods
from flask_licensing.queue.methods import QueueMethods

if TYPE_CHECKING:
    from flask import Flask

    from flask_licensing.core.state import LicensingState
    from flask_licensing.hooks import Authenticator, Clock, KeyStore
    from flask_licensing.private_keys.versions import PrivateKeySource


class Licensing(
    LicenseKeyMethods,
    ActivationMethods,
    AssignmentMethods,
    QueueMethods,
    GeneratorMethods,
    OrderMethods,
    LicenseFileMethods,
    InventoryMethods,
    ProductMethods,
    MetadataMethods,
    ApiKeyMethods,
    PrivateKeyMethods,
    RecordKeeping,
):
    """Software licensing for Flask apps.

    Args:
        app: the app to set up at once; by default :meth:`init_app` does that later.
        db: the site's Flask-SQLAlchemy object. The tables of this package are in ``db.metadata`` from here on. It may
            be left out where a ``key_store`` is given that does not need it.
        key_store: a :class:`~flask_licensing.hooks.KeyStore`; by default one over ``db``.
        private_key_source: a :data:`~flask_licensing.hooks.PrivateKeySource`, or a text such as ``"file:keys"``.
        authenticator: an :data:`~flask_licensing.hooks.Authenticator`; by default API keys decide.
        clock: a :data:`~flask_licensing.hooks.Clock`; by default the system's.
        settings: any other setting of :class:`flask_licensing.core.settings.Settings`, by its name there.

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
        endpoints = (endpoint for feature in FEATURES for endpoint in feature.endpoints)
        self.blueprint = create_blueprint(endpoints, documents_of(FEATURES))
        self._db = db
        self._arguments = {
            "key_store": key_store,
            "private_key_source": private_key_source,
            "authenticator": authenticator,
            "clock": clock,
            **settings,
        }
        if db is not None:
            if not isinstance(db, SQLAlchemy):
                raise ConfigurationError(
                    f"db has to be the Flask-SQLAlchemy object of the app, SQLAlchemy(); {type(db).__name__} is none."
                    " An app that reaches its database in another way passes a key_store."
                )
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
        _check_app(app, settings)
        state = build_state(app, self._db, settings, FEATURES)
        check_private_keys(state)
        app.extensions[EXTENSION_NAME] = state
        app.register_blueprint(self.blueprint, url_prefix=settings.url_prefix, subdomain=settings.subdomain)
        app.cli.add_command(create_commands(FEATURES), settings.command_group)

    def openapi(self) -> dict[str, Any]:
        """Return the description of the API, an OpenAPI 3.1 document as a JSON object. Needs an app context.

        Raises:
            ConfigurationError: the extra ``openapi`` is not installed.

        """
        return self.state.describe_api(self.state.settings.url_prefix)

    def check(self) -> list[CheckResult]:
        """Check tables, audit log, private key, a trial signature and API keys. Needs an app context."""
        return run_checks(self.state)

    @property
    def state(self) -> LicensingState:
        """What the current app's licensing consists of. Needs an app context."""
        return current_state()


def _check_app(app: Flask, settings: Settings) -> None:
    """Refuse what would leave the endpoints or the commands out of reach without a word."""
    if app.url_map.host_matching and settings.host is None:
        raise ConfigurationError(
            f"The app matches hosts: set {configuration_key('host')} to the host that has the endpoints."
        )
    if settings.host is not None and not app.url_map.host_matching:
        raise ConfigurationError(
            f"{configuration_key('host')} needs an app that matches hosts, Flask(…, host_matching=True)."
        )
    if settings.subdomain is not None and not app.subdomain_matching:
        raise ConfigurationError(
            f"{configuration_key('subdomain')} needs an app that matches subdomains, Flask(…, subdomain_matching=True)."
        )
    if settings.command_group in app.cli.commands:
        raise ConfigurationError(
            f"The app has a command “{settings.command_group}” already:"
            f" set {configuration_key('command_group')} to another name for those of flask_licensing."
        )
    if EXTENSION_NAME in app.blueprints:
        raise ConfigurationError(
            f"The app has a blueprint “{EXTENSION_NAME}” already: give it another name, flask_licensing's has this one."
        )
