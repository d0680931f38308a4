"""Setting up: what is accepted, and what is refused with a message that says the fix."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from flask import Blueprint, Flask
from flask_sqlalchemy import SQLAlchemy

import flask_licensing
from flask_licensing import ConfigurationError, Licensing
from flask_licensing.core.domain import Caller
from flask_licensing.errors import PrivateKeyError
from flask_licensing.stores.memory import MemoryKeyStore
from tests.hosts import PATH

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.hosts import Host


def admit_everyone(_: object) -> Caller:
    return Caller("anyone")


memory_store = MemoryKeyStore()


def _app(**config: Any) -> Flask:
    app = Flask("site")
    app.testing = True
    app.config.update(SQLALCHEMY_DATABASE_URI="sqlite://", **config)
    return app


def test_constructor_arguments_beat_configuration() -> None:
    app = _app(LICENSING_URL_PREFIX="/configured", LICENSING_MAX_LICENSE_KEYS_PER_REQUEST=7)
    licensing = Licensing(app, key_store=MemoryKeyStore(), url_prefix="/given")
    with app.app_context():
        assert licensing.state.settings.url_prefix == "/given"
        assert licensing.state.settings.max_license_keys_per_request == 7


def test_app_and_db_may_be_given_at_once() -> None:
    app = _app()
    db = SQLAlchemy(app)
    licensing = Licensing(app, db)
    with app.app_context():
        db.create_all()
        assert licensing.create_product("Photo Editor").id == 1
        assert [product.name for product in licensing.list_products()] == ["Photo Editor"]
        db.session.remove()
        db.engine.dispose()


def test_a_second_init_app_is_refused() -> None:
    app = _app()
    licensing = Licensing(app, key_store=MemoryKeyStore())
    with pytest.raises(ConfigurationError, match="call init_app once per app"):
        licensing.init_app(app)


def test_a_missing_db_is_refused_and_the_fix_named() -> None:
    with pytest.raises(ConfigurationError, match=r"Licensing\(db=db\)"):
        Licensing(_app())


@pytest.mark.parametrize("db", [object(), "sqlite://", Flask("site"), sa.create_engine("sqlite://")])
def test_a_db_that_is_no_flask_sqlalchemy_object_is_refused(db: Any) -> None:
    with pytest.raises(ConfigurationError, match="db has to be the Flask-SQLAlchemy object of the app"):
        Licensing(db=db)


def test_a_forgotten_init_app_of_the_db_is_told_by_methods_commands_and_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = _app()
    licensing = Licensing(app, SQLAlchemy())
    sentence = r"is not set up on the app 'site': call db.init_app(app)."
    with app.app_context(), pytest.raises(ConfigurationError, match=re.escape(sentence)):
        licensing.create_product("Photo Editor")
    for command in ("check", "list-products"):
        told = app.test_cli_runner().invoke(args=["licensing", command])
        assert (told.exit_code, sentence in told.output, "Traceback" in told.output) == (1, True, False)
    answer = app.test_client().post(PATH, headers={"Authorization": "Bearer any"})
    assert answer.status_code == 500
    assert sentence in caplog.text


def test_the_db_of_another_app_counts_as_forgotten() -> None:
    app = _app()
    SQLAlchemy(app)
    licensing = Licensing(app, SQLAlchemy())
    with app.app_context(), pytest.raises(ConfigurationError, match=r"call db\.init_app\(app\)"):
        licensing.list_products()


def test_an_app_that_matches_hosts_has_to_say_which_one_has_the_endpoints() -> None:
    def app() -> Flask:
        made = Flask("site", host_matching=True, static_host="shop.example")
        made.testing = True
        return made

    with pytest.raises(ConfigurationError, match="set LICENSING_HOST to the host that has the endpoints"):
        Licensing(app(), key_store=MemoryKeyStore())
    site = app()
    Licensing(site, key_store=MemoryKeyStore(), host="api.shop.example")
    client = site.test_client()
    assert client.get(PATH, base_url="https://api.shop.example").status_code == 405
    assert client.get(PATH, base_url="https://shop.example").status_code == 404


def test_an_app_that_matches_subdomains_may_say_which_one_has_the_endpoints() -> None:
    def app() -> Flask:
        made = Flask("site", subdomain_matching=True)
        made.config.update(SERVER_NAME="shop.example", TESTING=True)
        return made

    for subdomain, with_api, without in (
        (None, "https://shop.example", "https://api.shop.example"),
        ("api", "https://api.shop.example", "https://shop.example"),
    ):
        site = app()
        Licensing(site, key_store=MemoryKeyStore(), subdomain=subdomain)
        client = site.test_client()
        assert client.get(PATH, base_url=with_api).status_code == 405
        assert client.get(PATH, base_url=without).status_code == 404


@pytest.mark.parametrize(
    ("setting", "match"), [("host", "host_matching=True"), ("subdomain", "subdomain_matching=True")]
)
def test_a_host_or_subdomain_that_no_route_would_have_is_refused(setting: str, match: str) -> None:
    with pytest.raises(ConfigurationError, match=match):
        Licensing(_app(**{f"LICENSING_{setting.upper()}": "api"}), key_store=MemoryKeyStore())


def test_a_command_group_of_the_apps_own_is_kept() -> None:
    app = _app()

    @app.cli.group("licensing")
    def licensing() -> None:
        """The app's own."""

    with pytest.raises(ConfigurationError, match="set LICENSING_COMMAND_GROUP to another name"):
        Licensing(app, key_store=MemoryKeyStore())
    Licensing(app, key_store=MemoryKeyStore(), command_group="license-server")
    assert app.cli.commands["licensing"] is licensing
    assert app.test_cli_runner().invoke(args=["license-server", "list-products"]).exit_code == 0


def test_a_blueprint_of_the_apps_own_with_the_name_is_refused() -> None:
    app = _app()
    app.register_blueprint(Blueprint("licensing", __name__))
    with pytest.raises(ConfigurationError, match="has a blueprint “licensing” already"):
        Licensing(app, key_store=MemoryKeyStore())


def test_an_app_without_licensing_is_told_the_fix() -> None:
    with _app().app_context(), pytest.raises(ConfigurationError, match=r"call licensing\.init_app\(app\)"):
        _ = Licensing().state


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"LICENSING_URL_PREFX": "/x"}, "Did you mean LICENSING_URL_PREFIX"),
        ({"LICENSING_COLOUR": "blue"}, "There is no setting LICENSING_COLOUR"),
        ({"LICENSING_URL_PREFIX": "api"}, "LICENSING_URL_PREFIX is wrong"),
        ({"LICENSING_URL_PREFIX": "/"}, "LICENSING_URL_PREFIX is wrong"),
        ({"LICENSING_URL_PREFIX": 7}, "LICENSING_URL_PREFIX is wrong"),
        ({"LICENSING_URL_PREFIX": ""}, "LICENSING_URL_PREFIX is wrong"),
        ({"LICENSING_URL_PREFIX": "//api"}, "LICENSING_URL_PREFIX is wrong"),
        ({"LICENSING_URL_PREFIX": "/api/"}, "LICENSING_URL_PREFIX is wrong"),
        ({"LICENSING_URL_PREFIX": "/<tenant>/v1"}, "LICENSING_URL_PREFIX is wrong"),
        ({"LICENSING_PRIVATE_KEY_REQUIRED": "yes"}, "must be True or False"),
        ({"LICENSING_HOST": "<tenant>.example"}, "without variables"),
        ({"LICENSING_SUBDOMAIN": 7}, "LICENSING_SUBDOMAIN is wrong"),
        ({"LICENSING_COMMAND_GROUP": ""}, "LICENSING_COMMAND_GROUP is wrong"),
        ({"LICENSING_MAX_CONTENT_LENGTH": 0}, "at least 1"),
        ({"LICENSING_MAX_CONTENT_LENGTH": True}, "at least 1"),
        ({"LICENSING_MAX_CONTENT_LENGTH": 1.5}, "at least 1"),
        ({"LICENSING_PRIVATE_KEY_REFRESH_SECONDS": "10"}, "number of seconds"),
        ({"LICENSING_BLOCKED_ADDRESSES": 7}, "must be a list"),
        ({"LICENSING_PRIVATE_KEY_REFRESH_SECONDS": -1}, "number of seconds"),
        ({"LICENSING_PRIVATE_KEY_REFRESH_SECONDS": float("nan")}, "number of seconds"),
        ({"LICENSING_PRIVATE_KEY_PASSPHRASE": 5}, "must be text"),
        ({"LICENSING_BLOCKED_ADDRESSES": "192.0.2.1"}, "must be a list"),
        ({"LICENSING_BLOCKED_ADDRESSES": ["nowhere"]}, "nowhere"),
        ({"LICENSING_AUTHENTICATOR": "tests.nowhere:nothing"}, "can't be imported"),
        ({"LICENSING_PRIVATE_KEY_SOURCE": 5}, "must be a text or callable"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(config: dict[str, Any], message: str) -> None:
    app = _app(**{"LICENSING_KEY_STORE": MemoryKeyStore(), **config})
    with pytest.raises(ConfigurationError, match=message):
        Licensing(app)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("max_content_length", 1),
        ("private_key_refresh_seconds", 0),
        ("signing_timeout_seconds", 0.001),
        ("signing_timeout_seconds", 600),
    ],
)
def test_a_setting_may_be_as_small_or_as_large_as_its_rule_says(setting: str, value: Any) -> None:
    app = _app()
    licensing = Licensing(app, key_store=MemoryKeyStore(), **{setting: value})
    with app.app_context():
        assert getattr(licensing.state.settings, setting) == value


def test_the_passphrase_is_not_in_the_repr_of_the_settings() -> None:
    app = _app(LICENSING_PRIVATE_KEY_PASSPHRASE="open sesame")
    licensing = Licensing(app, key_store=MemoryKeyStore())
    with app.app_context():
        assert "sesame" not in repr(licensing.state)


def test_hooks_may_be_import_strings() -> None:
    app = _app(
        LICENSING_KEY_STORE="tests.test_extension:memory_store",
        LICENSING_AUTHENTICATOR="tests.test_extension:admit_everyone",
    )
    licensing = Licensing(app)
    with app.app_context():
        assert licensing.state.key_store is memory_store
        assert licensing.state.authenticator is admit_everyone


def test_a_key_store_may_be_given_as_its_class_or_a_factory() -> None:
    for given in (MemoryKeyStore, lambda: memory_store):
        app = _app(LICENSING_KEY_STORE=given)
        licensing = Licensing(app)
        with app.app_context():
            assert isinstance(licensing.state.key_store, MemoryKeyStore)


def test_a_key_store_that_lacks_methods_is_refused_with_their_names() -> None:
    class Incomplete:
        def transaction(self) -> None: ...

    with pytest.raises(ConfigurationError, match="Incomplete has no find_idempotency_record, no add_"):
        Licensing(_app(LICENSING_KEY_STORE=Incomplete()))


def test_a_key_store_without_api_keys_needs_an_authenticator() -> None:
    class KeysAlone:
        transaction = MemoryKeyStore.transaction
        find_product = MemoryKeyStore.find_product
        add_license_keys = MemoryKeyStore.add_license_keys
        find_idempotency_record = MemoryKeyStore.find_idempotency_record
        add_idempotency_record = MemoryKeyStore.add_idempotency_record
        delete_idempotency_records = MemoryKeyStore.delete_idempotency_records

    with pytest.raises(ConfigurationError, match="Give one as LICENSING_AUTHENTICATOR"):
        Licensing(_app(LICENSING_KEY_STORE=KeysAlone()))
    app = _app(LICENSING_KEY_STORE=KeysAlone(), LICENSING_AUTHENTICATOR=admit_everyone)
    licensing = Licensing(app)
    with app.app_context():
        with pytest.raises(flask_licensing.LicensingError, match="does not manage products"):
            licensing.create_product("Photo Editor")
        with pytest.raises(flask_licensing.LicensingError, match="does not keep API keys"):
            licensing.list_api_keys()


def test_the_memory_store_warns_outside_debug_and_testing(caplog: pytest.LogCaptureFixture) -> None:
    Licensing(_app(LICENSING_KEY_STORE=MemoryKeyStore()))
    assert "memory key store" not in caplog.text
    in_production = _app(LICENSING_KEY_STORE=MemoryKeyStore())
    in_production.testing = False
    Licensing(in_production)
    assert "the memory key store forgets everything" in caplog.text


def test_without_a_private_key_a_warning_says_so_or_the_start_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    Licensing(_app(LICENSING_KEY_STORE=MemoryKeyStore()))
    assert "No private key is set" in caplog.text
    with pytest.raises(PrivateKeyError, match="generate-private-key"):
        Licensing(_app(LICENSING_KEY_STORE=MemoryKeyStore(), LICENSING_PRIVATE_KEY_REQUIRED=True))


def test_names_of_the_public_face_are_imported_on_first_use() -> None:
    for name in flask_licensing.__all__:
        assert getattr(flask_licensing, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'licence'"):
        _ = flask_licensing.licence


def test_the_log_tells_a_site_owner_what_was_created(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "flask_licensing"):
        host.create(license_keys='["A", "A"]')
    assert f"api-key:1 created 1 license keys of product {host.product_id} (1 duplicates)" in caplog.text


def test_the_schema_of_one_app_does_not_limit_another(create_host: Callable[..., Host]) -> None:
    small, large = create_host(max_license_keys_per_request=1), create_host(max_license_keys_per_request=2)
    assert small.post(small.fields(license_keys='["A", "B"]')).status_code == 413
    assert large.post(large.fields(license_keys='["A", "B"]')).status_code == 200
