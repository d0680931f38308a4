"""The pytest plugin, in a host project of its own."""

from __future__ import annotations

import pytest

import flask_licensing.testing

CONFTEST = """
import pytest
from flask import Flask
from flask_licensing import Licensing

@pytest.fixture
def app(licensing_settings):
    app = Flask("shop")
    app.testing = True
    app.config.update(licensing_settings)
    licensing = Licensing(app)
    with app.app_context():
        licensing.create_product("Photo Editor")
    return app
"""

TESTS = """
from datetime import datetime, timedelta, timezone

import pytest
from flask_licensing.testing import assert_signed
from flask_licensing.testing import find_license_key
from flask_licensing.verification import PayloadMismatch

FIELDS = {"license_keys": '["A"]', "product_id": 1, "activation_limit": 0, "validity": 0, "status": "assigned"}

def test_the_client_sends_the_api_key_and_checks_answers(licensing_client):
    answer = licensing_client.post("create-license-keys", FIELDS)
    assert licensing_client.assert_signed(answer, code=900, created=1)["duplicate"] == 0

def test_a_wrong_expectation_fails(licensing_client):
    answer = licensing_client.post("create-license-keys", FIELDS)
    with pytest.raises(AssertionError, match="the signed response is"):
        licensing_client.assert_signed(answer, code=902)

def test_a_changed_answer_fails(licensing_client, licensing_private_key):
    changed = licensing_client.post("create-license-keys", FIELDS).text.replace('"created":1', '"created":2')
    with pytest.raises(PayloadMismatch):
        assert_signed(changed, licensing_private_key.public_pem)

def test_the_clock_moves_when_told(licensing_client, licensing_clock, licensing_memory_store):
    licensing_clock.move_to(datetime(2030, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))))
    licensing_clock.move(days=1)
    licensing_client.post("create-license-keys", FIELDS)
    assert find_license_key(licensing_memory_store, "A").terms.assigned_at == datetime(2030, 1, 2)

def test_every_test_has_a_store_of_its_own(licensing_memory_store):
    assert find_license_key(licensing_memory_store, "A") is None

def test_signals_are_recorded(licensing_client, licensing_signals, app):
    licensing_client.post("create-license-keys", FIELDS, headers={"Idempotency-Key": "1"})
    assert [signal["sender"] for signal in licensing_signals] == [app]
    assert licensing_signals[0]["batch"].license_keys == ("A",)

def test_the_api_key_is_one_of_the_app(licensing_api_key, app):
    assert app.extensions["licensing"].key_store.list_api_keys() == [licensing_api_key.api_key]

def test_no_private_key_or_secret_is_in_a_repr(licensing_private_key, licensing_api_key):
    assert licensing_private_key.pem not in repr(licensing_private_key)
    assert licensing_api_key.secret not in repr(licensing_api_key)
"""


def test_a_host_project_tests_itself_with_the_fixtures(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS)
    # In this process, where coverage is measured.
    pytester.runpytest_inprocess().assert_outcomes(passed=8)


@pytest.mark.parametrize("name", ["flask_licensing", "flask_licensing.testing.plugin"])
def test_a_project_that_turns_warnings_into_errors_loads_the_plugin_by_either_name(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini("[pytest]\nfilterwarnings = error")
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS)
    pytester.runpytest_subprocess("-p", name).assert_outcomes(passed=8)


def test_a_run_that_asks_for_no_fixture_imports_neither_flask_nor_sqlalchemy(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile("""
        import sys

        def test_unrelated(request):
            assert request.config.pluginmanager.hasplugin("flask_licensing")
            assert {"flask", "sqlalchemy", "cryptography", "marshmallow"}.isdisjoint(sys.modules)
    """)
    pytester.runpytest_subprocess("-p", "flask_licensing").assert_outcomes(passed=1)


def test_every_fixture_is_in_the_plugins_documentation(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess("--fixtures", "-q")
    names = {line.split()[0] for line in result.outlines if line.startswith("licensing_")}
    documentation = str(__import__("flask_licensing.testing.plugin", fromlist=["plugin"]).__doc__)
    assert len(names) == 7
    assert all(f"``{name}``\n" in documentation for name in names)


def test_public_names_of_the_testing_package_are_imported_on_first_use() -> None:
    for name in flask_licensing.testing.__all__:
        assert getattr(flask_licensing.testing, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = flask_licensing.testing.nothing


@pytest.mark.parametrize("contract", ["KeyStoreContract", "ProductStoreContract", "ApiKeyStoreContract"])
def test_a_contract_without_a_store_says_what_to_override(pytester: pytest.Pytester, contract: str) -> None:
    pytester.makepyfile(f"from flask_licensing.testing import {contract}\nclass TestOurs({contract}): ...")
    result = pytester.runpytest_inprocess()
    result.stdout.fnmatch_lines(["*NotImplementedError: override the fixture key_store*"])
    assert result.ret == 1
