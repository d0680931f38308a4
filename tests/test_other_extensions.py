"""Beside the extensions a site has, each alone and all at once: theirs works, and so does the API."""

from __future__ import annotations

import logging
from types import FunctionType
from typing import TYPE_CHECKING, Any

import click
import pytest
from flask import Flask, abort, redirect, request
from flask.cli import routes_command
from flask_sqlalchemy import SQLAlchemy
from werkzeug.exceptions import Forbidden

from flask_licensing import Licensing
from flask_licensing.features import FEATURES
from flask_licensing.stores.memory import MemoryKeyStore
from tests.hosts import PATH, Host
from tests.site_extensions import EXTENSIONS, Site, add_extension

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from werkzeug.test import TestResponse

HTTPS = "https://shop.example"


@pytest.fixture
def build(private_key: str, public_key: str, tmp_path: Path) -> Iterator[Callable[..., tuple[Host, Site]]]:
    """Builds a site with extensions, added before or after this one."""
    built: list[Site] = []

    def build(*names: str, before: bool = False, config: Mapping[str, object] | None = None) -> tuple[Host, Site]:
        app = Flask("site")
        database = f"sqlite:///{tmp_path / f'{len(built)}.db'}"
        app.config.update(SECRET_KEY="for sessions", TESTING=True, SQLALCHEMY_DATABASE_URI=database)
        app.config.update(config or {})
        db = SQLAlchemy(app)
        licensing = Licensing(db=db, private_key_source=lambda product_id: None if product_id else private_key)
        site = Site(app, db, licensing)
        built.append(site)
        if not before:
            licensing.init_app(app)
        for name in names:
            add_extension(site, name)
        if before:
            licensing.init_app(app)
        app.add_url_rule("/page", "page", lambda: "<html><body>the site's page</body></html>")
        app.add_url_rule("/api/<version>/orders/<int:number>/parcels", "parcels", lambda **_: {"parcels": []})
        with app.app_context():
            db.create_all()
            product = licensing.create_product("Photo Editor")
            secret = licensing.create_api_key("tests").secret
        return Host(app, db, licensing, product.id, secret, public_key), site

    yield build
    for site in built:
        for finish in site.finish:
            finish()
        with site.app.app_context():
            site.db.engine.dispose()


def _codes(host: Host) -> dict[str, tuple[int, int | None]]:
    """Return the HTTP status and the code of one request of each kind."""
    client = host.app.test_client()

    def ask(method: str, path: str = PATH, **options: Any) -> TestResponse:
        return client.open(path, method=method, base_url=HTTPS, **options)

    answers = {
        "created": host.post(host.fields(), base_url=HTTPS),
        "created before": host.post(host.fields(), base_url=HTTPS),
        "wrong fields": host.post({}, base_url=HTTPS),
        "JSON": ask("POST", json=host.fields(), headers={"Authorization": f"Bearer {host.secret}"}),
        "no API key": ask("POST"),
        "wrong method": ask("GET"),
        "odd method": ask("PROPFIND"),
        "OPTIONS": ask("OPTIONS", headers={"Origin": "https://elsewhere.example"}),
        "public keys": ask("GET", "/api/v1/public-keys"),
        "description": ask("GET", "/api/v1/openapi.json"),
    }
    return {
        name: (answer.status_code, host.verified(answer)["code"] if b"signature" in answer.data[:2000] else None)
        for name, answer in answers.items()
    }


def _assert_all_works(host: Host) -> None:
    codes = _codes(host)
    described = codes.pop("description")
    assert described[0] == 200
    assert codes == {
        "created": (200, 900),
        "created before": (200, 902),
        "wrong fields": (200, 901),
        "JSON": (200, 902),
        "no API key": (401, 100),
        "wrong method": (405, 9405),
        "odd method": (405, 9405),
        "OPTIONS": (204, None),
        "public keys": (200, None),
    }
    client = host.app.test_client()
    assert "the site's page" in client.get("/page", base_url=HTTPS).text
    assert client.get("/api/v1/orders/7/parcels", base_url=HTTPS).json == {"parcels": []}
    assert client.get("/nowhere", base_url=HTTPS).status_code == 404
    assert client.get("/api/v1/nowhere", base_url=HTTPS).status_code == 404
    assert _checked(host) == "ok      endpoints: they answer under /api/v1"
    run = host.app.test_cli_runner().invoke
    assert run(args=["licensing", "list-products"]).output == "1\tPhoto Editor\n"
    assert PATH in run(routes_command).output


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("name", EXTENSIONS)
def test_the_api_works_beside_each_extension(build: Callable[..., tuple[Host, Site]], name: str, before: bool) -> None:
    host, _ = build(name, before=before)
    _assert_all_works(host)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_the_api_works_beside_all_extensions_at_once(build: Callable[..., tuple[Host, Site]], before: bool) -> None:
    host, _ = build(*EXTENSIONS, before=before)
    _assert_all_works(host)


@pytest.fixture
def site(build: Callable[..., tuple[Host, Site]]) -> tuple[Host, Site]:
    return build()


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "flask_licensing.http.blueprint" and record.levelno == logging.WARNING
    ]


def test_views_are_what_other_extensions_expect(host: Host) -> None:
    """Flask-Limiter and Flask-WTF read ``__module__`` and ``__name__`` of views; without them all was a 500."""
    ours = {name: view for name, view in host.app.view_functions.items() if name.startswith("licensing.")}
    names = [*(endpoint.name for feature in FEATURES for endpoint in feature.endpoints), "public-keys", "openapi"]
    assert ours.keys() == {f"licensing.{name}" for name in names}
    for name, view in ours.items():
        assert isinstance(view, FunctionType)
        assert view.__module__ == "flask_licensing.http.blueprint"
        assert view.__name__ == view.__qualname__ == name.removeprefix("licensing.").replace("-", "_")
        assert view.__doc__
    for registry in (
        host.app.before_request_funcs,
        host.app.after_request_funcs,
        host.app.teardown_request_funcs,
        host.app.url_value_preprocessors,
    ):
        assert all(isinstance(function, FunctionType) for function in registry.get("licensing", ()))
    for handlers in host.app.error_handler_spec["licensing"].values():
        assert all(isinstance(handler, FunctionType) for handler in handlers.values())
    group = host.app.cli.commands["licensing"]
    assert isinstance(group, click.Group)
    assert all(isinstance(command.callback, FunctionType) for command in group.commands.values())


def test_rules_name_their_methods(host: Host) -> None:
    """Site maps and lists of routes read ``rule.methods`` as a set of names."""
    rules = [rule for rule in host.app.url_map.iter_rules() if rule.endpoint.startswith("licensing.")]
    assert rules
    for rule in rules:
        assert rule.methods is not None
        assert {"GET", "POST", "OPTIONS", "PROPFIND"} < rule.methods
        assert all(method.replace("-", "").isalpha() and method.isupper() for method in rule.methods)


def test_the_blueprint_is_at_hand_before_and_after_the_app_is_set_up(site: tuple[Host, Site]) -> None:
    host, _ = site
    assert host.licensing.blueprint is host.app.blueprints["licensing"]
    assert Licensing().blueprint.name == "licensing"


def test_one_blueprint_serves_several_apps(private_key: str, public_key: str) -> None:
    licensing = Licensing(key_store=MemoryKeyStore(), private_key_source=lambda _: private_key)
    apps = [Flask("one"), Flask("two")]
    for number, app in enumerate(apps):
        app.config["LICENSING_URL_PREFIX"] = f"/{number}"
        app.testing = True
        licensing.init_app(app)
    for number, app in enumerate(apps):
        client = app.test_client()
        assert client.get(f"/{number}/public-keys").status_code == 200
        assert client.get(f"/{1 - number}/public-keys").status_code == 404


def test_a_host_wide_rate_limit_that_is_not_lifted_is_answered_signed(site: tuple[Host, Site]) -> None:
    flask_limiter = pytest.importorskip("flask_limiter", reason="needs flask-limiter: pip install flask-limiter")
    host, _ = site
    flask_limiter.Limiter(lambda: "all", app=host.app, default_limits=["1 per day"], storage_uri="memory://")
    answers = [host.post(host.fields()), host.post(host.fields())]
    assert [(answer.status_code, host.verified(answer)["code"]) for answer in answers] == [(200, 900), (429, 9429)]


def test_a_forgotten_exemption_from_csrf_is_told_in_the_sentence(
    site: tuple[Host, Site], caplog: pytest.LogCaptureFixture
) -> None:
    flask_wtf = pytest.importorskip("flask_wtf", reason="needs flask-wtf: pip install flask-wtf")
    host, _ = site
    flask_wtf.CSRFProtect(host.app)
    with caplog.at_level(logging.INFO, "flask_licensing"):
        answer = host.post(host.fields())
    response = host.verified(answer)
    assert (answer.status_code, response["code"]) == (400, 9400)
    assert response["message"] == "Malformed request: CSRF validation failed."
    assert "The CSRF token is missing." in caplog.text
    client = host.app.test_client()
    assert client.get("/api/v1/public-keys").status_code == 200
    assert host.verified(client.get(PATH))["code"] == 9405
    assert host.stored_license_keys() == []


def test_what_one_error_of_the_site_says_is_logged_and_not_signed(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    class Closed(Forbidden):
        description = "The shop is closed."

    @host.app.before_request
    def refuse() -> None:
        said = request.headers.get("X-Said", "")
        if said == "closed":
            raise Closed(f"{said} {request.headers['User-Agent']}")
        abort(400, f"{said} {request.headers['User-Agent']}")

    for said, code, message in (
        ("closed", 9403, "Forbidden: The shop is closed."),
        ("malformed", 9400, "Malformed request"),
    ):
        with caplog.at_level(logging.INFO, "flask_licensing"):
            answer = host.post(host.fields(), headers={"X-Said": said, "User-Agent": "forged\x85text"})
        response = host.verified(answer)
        assert (response["code"], response["message"]) == (code, message)
        assert f"{said} forged\\x85text" in caplog.text


def test_a_login_wall_that_aborts_is_answered_signed_and_one_that_redirects_is_told_in_the_log(
    site: tuple[Host, Site], caplog: pytest.LogCaptureFixture
) -> None:
    flask_login = pytest.importorskip("flask_login", reason="needs flask-login: pip install flask-login")
    host, _ = site
    manager = flask_login.LoginManager(host.app)
    manager.user_loader(lambda _: None)
    host.app.before_request(lambda: None if flask_login.current_user.is_authenticated else manager.unauthorized())
    refused = host.post(host.fields())
    assert (refused.status_code, host.verified(refused)["code"]) == (401, 9401)
    assert _warnings(caplog) == []
    manager.login_view = "/login"
    redirected = host.post(host.fields())
    assert (redirected.status_code, redirected.location) == (302, "/login?next=%2Fapi%2Fv1%2Fcreate-license-keys")
    assert _warnings(caplog) == [
        "the app itself answered licensing.create-license-keys with status 302, unsigned:"
        " a before_request function gave a response"
    ]


def _checked(host: Host) -> str:
    return host.app.test_cli_runner().invoke(args=["licensing", "check"]).output.splitlines()[-1]


def test_check_asks_the_app_as_a_client_does(build: Callable[..., tuple[Host, Site]]) -> None:
    """It said “ok” throughout while every request was refused by what the app has before each."""

    def redirecting_wall(host: Host) -> None:
        host.app.before_request(lambda: redirect("/login"))

    def refusing_wall(host: Host) -> None:
        host.app.before_request(lambda: abort(401))

    def csrf(host: Host) -> None:
        flask_wtf = pytest.importorskip("flask_wtf", reason="needs flask-wtf: pip install flask-wtf")
        flask_wtf.CSRFProtect(host.app)

    fix = "; exempt licensing.blueprint from what it does before each request"
    for set_up, told in (
        (redirecting_wall, "status 302, unsigned"),
        (refusing_wall, "9401 Unauthorized"),
        (csrf, "9400 Malformed request: CSRF validation failed."),
    ):
        host, _ = build()
        set_up(host)
        assert _checked(host) == f"FAILED  endpoints: the app itself answers a POST with {told}{fix}"


@pytest.mark.parametrize(
    "config",
    [
        {"SERVER_NAME": "shop.example"},
        {"TRUSTED_HOSTS": [".shop.example"]},
        {"LICENSING_BLOCKED_ADDRESSES": ["127.0.0.1"]},
        {"LICENSING_URL_PREFIX": "/shop/v1"},
    ],
    ids=lambda config: next(iter(config)),
)
def test_check_asks_where_the_endpoints_are(build: Callable[..., tuple[Host, Site]], config: dict[str, object]) -> None:
    host, _ = build(config=config)
    assert _checked(host).startswith("ok      endpoints: they answer under ")


def test_cors_headers_stand_on_answers_refusals_and_preflights(build: Callable[..., tuple[Host, Site]]) -> None:
    host, _ = build("flask-cors")
    client = host.app.test_client()
    preflight = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    for answer in (
        host.post(host.fields(), headers=preflight),
        client.post(PATH, headers=preflight),
        client.open(PATH, method="OPTIONS", headers=preflight),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] in {"*", "https://elsewhere.example"}


def test_sentry_hears_of_a_defect_once(build: Callable[..., tuple[Host, Site]]) -> None:
    host, site = build("sentry-sdk")

    @host.app.before_request
    def fail() -> None:
        raise RuntimeError("a defect")

    assert host.verified(host.post(host.fields()))["code"] == 9500
    (event,) = site.sentry_events
    assert event["exception"]["values"][-1]["value"] == "a defect"
    assert host.secret not in repr(event)


def test_opentelemetry_sees_the_statements_of_a_request(build: Callable[..., tuple[Host, Site]]) -> None:
    host, site = build("opentelemetry-instrumentation-flask")
    site.spans.clear()
    host.create()
    spans = site.spans.get_finished_spans()
    (whole,) = [span for span in spans if span.parent is None]
    assert whole.name == f"POST {PATH}"
    assert [span.name.split()[0] for span in spans if span.parent == whole.context].count("INSERT") == 2


def test_the_debug_toolbar_lists_the_routes(build: Callable[..., tuple[Host, Site]]) -> None:
    host, _ = build("flask-debugtoolbar")
    assert PATH in host.app.test_client().get("/page").text
