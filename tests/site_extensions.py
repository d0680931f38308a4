"""The extensions that a site has beside this one, each as its documentation sets it up, with its defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy
    from werkzeug.wrappers import Response

    from flask_licensing import Licensing


@dataclass
class Site:
    """A site's app while its extensions are added; ``finish`` are called after its last request."""

    app: Flask
    db: SQLAlchemy
    licensing: Licensing
    finish: list[Callable[[], object]] = field(default_factory=list)
    spans: Any = None
    sentry_events: list[dict[str, Any]] = field(default_factory=list)


def _limiter(site: Site) -> None:
    from flask_limiter import Limiter
    from flask_limiter.util import get_remote_address

    limiter = Limiter(get_remote_address, app=site.app, default_limits=["2 per day"], storage_uri="memory://")
    limiter.exempt(site.licensing.blueprint)


def _csrf(site: Site) -> None:
    from flask_wtf import CSRFProtect

    CSRFProtect(site.app).exempt(site.licensing.blueprint)


def _login(site: Site) -> None:
    from flask import request
    from flask_login import LoginManager, current_user

    manager = LoginManager(site.app)
    manager.user_loader(lambda _: None)

    @site.app.before_request
    def wall() -> Response | None:
        if request.blueprint == site.licensing.blueprint.name or request.endpoint != "private":
            return None
        return None if current_user.is_authenticated else manager.unauthorized()

    site.app.add_url_rule("/private", "private", lambda: "private")


def _admin(site: Site) -> None:
    from flask_admin import Admin

    Admin(site.app)


def _caching(site: Site) -> None:
    from flask_caching import Cache

    Cache(site.app, config={"CACHE_TYPE": "SimpleCache"})


def _talisman(site: Site) -> None:
    from flask_talisman import Talisman

    Talisman(site.app)


def _cors(site: Site) -> None:
    from flask_cors import CORS

    CORS(site.app)


def _smorest(site: Site) -> None:
    from flask_smorest import Api, Blueprint

    site.app.config.update(API_TITLE="Orders", API_VERSION="v1", OPENAPI_VERSION="3.0.2", OPENAPI_URL_PREFIX="/docs")
    orders = Blueprint("orders", __name__, url_prefix="/api/v1/orders")

    @orders.route("/<int:number>")
    @orders.response(200)
    def order(number: int) -> dict[str, int]:
        return {"number": number}

    Api(site.app).register_blueprint(orders)


def _restx(site: Site) -> None:
    from flask_restx import Api, Resource

    api = Api(site.app, prefix="/api/v1", doc="/restx")

    @api.route("/parcels/<int:number>")
    class Parcel(Resource):  # type: ignore[misc,unused-ignore]
        def get(self, number: int) -> dict[str, int]:
            return {"number": number}


def _debug_toolbar(site: Site) -> None:
    from flask_debugtoolbar import DebugToolbarExtension

    site.app.debug = True
    DebugToolbarExtension(site.app)


def _sentry(site: Site) -> None:
    import sentry_sdk
    from sentry_sdk.integrations.flask import FlaskIntegration
    from sentry_sdk.integrations.sqlalchemy import SqlalchemyIntegration

    sentry_sdk.init(
        "https://public@sentry.invalid/1",
        # Sentry's other defaults patch the whole interpreter, for the tests that come after this one too.
        default_integrations=False,
        integrations=[FlaskIntegration(), SqlalchemyIntegration()],
        before_send=lambda event, _: site.sentry_events.append(dict(event)),
        traces_sample_rate=0,
    )
    site.finish.append(lambda: sentry_sdk.get_global_scope().set_client(None))


def _opentelemetry(site: Site) -> None:
    from opentelemetry.instrumentation.flask import FlaskInstrumentor
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    site.spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(site.spans))
    FlaskInstrumentor().instrument_app(site.app, tracer_provider=provider)
    with site.app.app_context():
        # It works with SQLAlchemy 2.1 and refuses it: unless it is told not to look, there are no spans.
        SQLAlchemyInstrumentor().instrument(engine=site.db.engine, tracer_provider=provider, skip_dep_check=True)
    site.finish += [lambda: FlaskInstrumentor.uninstrument_app(site.app), SQLAlchemyInstrumentor().uninstrument]


def _migrate(site: Site) -> None:
    from flask_migrate import Migrate

    Migrate(site.app, site.db)


EXTENSIONS: dict[str, Callable[[Site], None]] = {
    "flask-limiter": _limiter,
    "flask-wtf": _csrf,
    "flask-login": _login,
    "flask-admin": _admin,
    "flask-caching": _caching,
    "flask-talisman": _talisman,
    "flask-cors": _cors,
    "flask-smorest": _smorest,
    "flask-restx": _restx,
    "flask-debugtoolbar": _debug_toolbar,
    "sentry-sdk": _sentry,
    "opentelemetry-instrumentation-flask": _opentelemetry,
    "flask-migrate": _migrate,
}


def add_extension(site: Site, name: str) -> None:
    """Add an extension by the name of its package; skip the test where it is not installed."""
    try:
        EXTENSIONS[name](site)
    except ImportError:
        pytest.skip(f"needs {name}: pip install {name}")
