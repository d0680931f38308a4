"""The life of a license key as methods of ``Licensing`` and as commands, with what is recorded and sent of it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from flask_licensing import signals
from flask_licensing.errors import IncorrectData, UnknownLicenseKey
from flask_licensing.models import Activation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask

    from tests.hosts import Host

KEY = "AAAA-1111"


@pytest.fixture
def app(host: Host) -> Iterator[Flask]:
    """The host's app, in its context, with an available license key."""
    with host.app.app_context():
        host.licensing.create_license_keys(
            [KEY], product_id=host.product_id, activation_limit=1, validity=10, status="available"
        )
        yield host.app


@contextmanager
def _sent(app: Flask, *names: str) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Collect what the signals with these names send."""
    collected: list[tuple[str, dict[str, Any]]] = []
    connected = []
    for name in names:

        def receive(_: Flask, name: str = name, **payload: Any) -> None:
            collected.append((name, payload))

        getattr(signals, name).connect(receive, app)
        connected.append(receive)
    yield collected


def _run(host: Host, *arguments: str) -> tuple[int, str]:
    result = host.app.test_cli_runner().invoke(args=["licensing", *arguments])
    return result.exit_code, result.stdout


def test_a_license_key_is_used_from_python(app: Flask, host: Host) -> None:
    licensing = host.licensing
    assert licensing.verify(KEY, "a").code.number == 201
    assert licensing.assign_license_key(KEY, owner_name="Zoë", owner_email="Not set").code.number == 800
    assert licensing.activate(KEY, "a").code.number == 300
    assert licensing.activate(KEY, "b").code.number == 302
    assert licensing.verify(KEY, "a").is_valid
    details = licensing.get_license_key_details(KEY, "a")
    assert details.code.number == 500
    assert details.state is not None
    assert details.state.license_key.terms.owner_name == "Zoë"
    assert licensing.deactivate(KEY, "a").code.number == 400
    assert licensing.count_available_license_keys(host.product_id) == 0
    assert licensing.delete_license_key(KEY)
    assert not licensing.delete_license_key(KEY)


def test_assigning_and_activating_is_one_step(app: Flask, host: Host) -> None:
    codes = [host.licensing.assign_and_activate_license_key(KEY, "a", owner_name="Zoë").code.number for _ in range(2)]
    assert codes == [300, 301]


def test_a_change_joins_the_transaction_of_the_host(app: Flask, host: Host) -> None:
    with _sent(app, "license_key_activated") as sent:
        host.licensing.assign_and_activate_license_key(KEY, "a", commit=False)
        host.db.session.rollback()
        assert host.licensing.verify(KEY, "a").code.number == 201
        host.licensing.assign_and_activate_license_key(KEY, "a", commit=False)
        host.db.session.commit()
    assert host.licensing.verify(KEY, "a").is_valid
    assert sent == []


def test_texts_are_read_as_those_of_a_request(app: Flask, host: Host) -> None:
    host.licensing.assign_license_key(f" {KEY} ")
    assert host.licensing.activate(f" {KEY} ", " a ").code.number == 300
    assert host.licensing.activate(KEY, "x" * 256).code.number == 215
    with pytest.raises(IncorrectData, match="owner name"):
        host.licensing.assign_license_key(KEY, owner_name="x" * 256)


def test_every_change_is_recorded_once_and_sent_after_the_commit(app: Flask, host: Host) -> None:
    names = ("assigned", "activated", "deactivated", "updated", "replaced", "deleted")
    with _sent(app, *(f"license_key_{name}" for name in names)) as sent:
        host.licensing.assign_license_key(KEY)
        host.licensing.activate(KEY, "a")
        host.licensing.activate(KEY, "a")
        host.licensing.deactivate(KEY, "a")
        host.licensing.deactivate(KEY, "a")
        host.licensing.update_license_key(KEY, validity=20)
        host.licensing.replace_license_key(KEY, "BBBB-2222")
        host.licensing.delete_license_key("BBBB-2222")
    assert [name for name, _ in sent] == [f"license_key_{name}" for name in names]
    assert sent[1][1]["identifier"] == "a"
    assert sent[4][1]["license_key"].license_key == "BBBB-2222"
    events = [record.event for record in host.licensing.audit_log(limit=len(names))]
    assert [event.action for event in reversed(events)] == [f"license-key-{name}" for name in names]
    assert {event.target for event in events} == {f"license-key:{sent[0][1]['license_key'].id}"}
    assert {event.product_id for event in events} == {host.product_id}


@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)
def test_neighbouring_new_license_keys_are_activated_at_once_without_a_deadlock(
    create_host: Callable[..., Host], database_url: str
) -> None:
    """Nine of ten ended in one on MariaDB; from Python such a call is not tried again."""
    host = create_host(database_url)
    license_keys = [f"KEY-{number:02}" for number in range(80)]
    host.create(license_keys=json.dumps(license_keys), status="assigned", activation_limit="1")

    def activate(license_key: str) -> int:
        with host.app.app_context():
            return host.licensing.activate(license_key, "a machine").code.number

    with ThreadPoolExecutor(8) as threads:
        assert [*threads.map(activate, license_keys)] == [300] * 80
    with host.app.app_context():
        for license_key in license_keys:
            assert [one.identifier for one in host.licensing.list_activations(license_key)] == ["a machine"]


def test_an_explanation_has_every_condition_with_its_value_and_remedy(app: Flask, host: Host) -> None:
    host.licensing.update_license_key(KEY, status="blocked", assigned_at="2020-01-01 00:00:00")
    explanation = host.licensing.explain(KEY, "a")
    assert (explanation.code, explanation.is_valid) == (204, False)
    failed = {condition.code: condition.remedy for condition in explanation.conditions if not condition.holds}
    assert list(failed) == [204, 201, 205, 202]
    assert all(failed.values())
    assert all(condition.remedy is None for condition in explanation.conditions if condition.holds)
    values = {condition.code: condition.value for condition in explanation.conditions}
    assert (values[203], values[204], str(values[205])) == ("active", "blocked", "2020-01-11 00:00:00")


def test_what_the_remedies_say_makes_a_license_key_valid(app: Flask, host: Host) -> None:
    host.licensing.update_license_key(KEY, status="blocked", assigned_at="2020-01-01 00:00:00")
    host.licensing.update_license_key(KEY, status="assigned", validity=30_000)
    host.licensing.activate(KEY, "a")
    explanation = host.licensing.explain(KEY, "a")
    assert explanation.is_valid
    assert all(condition.holds for condition in explanation.conditions)


def test_of_an_unknown_license_key_only_that_is_explained(app: Flask, host: Host) -> None:
    explanation = host.licensing.explain("unknown", "a")
    assert explanation.code == 210
    assert [condition.holds for condition in explanation.conditions] == [False]


def test_activations_are_listed_and_released(app: Flask, host: Host) -> None:
    host.licensing.assign_license_key(KEY)
    host.licensing.activate(KEY, "a")
    (activation,) = host.licensing.list_activations(KEY)
    assert (activation.identifier, activation.active) == ("a", True)
    assert host.licensing.release_activation(KEY, "a")
    assert not host.licensing.release_activation(KEY, "a")
    assert [activation.active for activation in host.licensing.list_activations(KEY)] == [False]
    with pytest.raises(UnknownLicenseKey):
        host.licensing.list_activations("unknown")


def test_a_replaced_license_key_goes_on_under_its_new_text_alone(app: Flask, host: Host) -> None:
    host.licensing.assign_and_activate_license_key(KEY, "a", owner_name="Zoë")
    replaced = host.licensing.replace_license_key(KEY, " BBBB-2222 ")
    assert (replaced.license_key, replaced.terms.owner_name) == ("BBBB-2222", "Zoë")
    assert host.licensing.verify(KEY, "a").code.number == 210
    assert host.licensing.verify("BBBB-2222", "a").is_valid


def test_a_replacement_that_can_not_be_is_refused(app: Flask, host: Host) -> None:
    host.licensing.create_license_keys(
        ["TAKEN"], product_id=host.product_id, activation_limit=0, validity=0, status="available"
    )
    for new in ("TAKEN", KEY, "", "x" * 256, "a\x00b"):
        with pytest.raises(IncorrectData, match="new license key"):
            host.licensing.replace_license_key(KEY, new)
    with pytest.raises(UnknownLicenseKey):
        host.licensing.replace_license_key("unknown", "BBBB-2222")
    with pytest.raises(UnknownLicenseKey):
        host.licensing.update_license_key("unknown", validity=1)


def test_license_keys_are_listed_in_python(app: Flask, host: Host) -> None:
    (key,) = host.licensing.list_license_keys(status="available", product_id=host.product_id)
    assert key.license_key == KEY
    assert not host.licensing.list_license_keys(after=key.id)
    assert not host.licensing.list_license_keys(status="blocked")
    assert not host.licensing.list_license_keys(product_id=77)


# Views of the site's own


def test_a_view_can_require_a_valid_license_key(host: Host) -> None:
    @host.app.get("/reports")
    @host.licensing.license_required(product_id=host.product_id)
    def reports() -> str:
        return "reports"

    @host.app.get("/others")
    @host.licensing.license_required(product_id=host.product_id + 1)
    def others() -> str:
        return "others"

    with host.app.app_context():
        host.licensing.create_license_keys(
            [KEY], product_id=host.product_id, activation_limit=1, validity=0, status="assigned"
        )
        host.licensing.activate(KEY, "a")
    client = host.app.test_client()
    licensed = {"License-Key": KEY, "License-Identifier": "a"}
    assert client.get("/reports", headers=licensed).text == "reports"
    refusals = [
        client.get("/reports"),
        client.get("/reports", headers={"License-Key": KEY}),
        client.get("/reports", headers=licensed | {"License-Identifier": "b"}),
        client.get("/others", headers=licensed),
    ]
    assert [host.verified(answer)["code"] for answer in refusals] == [210, 215, 202, 210]
    assert {answer.status_code for answer in refusals} == {403}


# Commands


def test_a_license_key_lives_on_the_command_line(app: Flask, host: Host) -> None:
    assert _run(host, "count-license-keys", "--product", "1") == (0, "1\n")
    assert _run(host, "verify-license-key", KEY, "a") == (1, "201 This license key is not assigned\n")
    assert _run(host, "assign-license-key", KEY, "--owner-name", "Zoë") == (0, "800 License key assigned\n")
    assert _run(host, "activate-license-key", KEY, "a") == (0, "300 License key activated\n")
    assert _run(host, "activate-license-key", KEY, "b") == (1, "302 License key reached activation limit\n")
    assert _run(host, "verify-license-key", KEY, "a") == (0, "200 Valid license key\n")
    code, listed = _run(host, "list-activations", KEY)
    assert (code, listed.split("\t")[:2]) == (0, ["a", "active"])
    code, listed = _run(host, "list-license-keys", "--owner-name", "Zoë")
    assert (code, listed.split("\t")[1:5]) == (0, [KEY, "product 1", "assigned", "Zoë"])
    assert "blocked" in _run(host, "block-license-key", KEY)[1]
    code, explained = _run(host, "explain-license-key", KEY, "a")
    assert (code, explained.splitlines()[0]) == (0, "204 License key blocked")
    assert "no\tlicense key is not blocked: blocked\tSet the status of the license key to assigned." in explained
    assert "assigned" in _run(host, "update-license-key", KEY, "--status", "assigned")[1]
    assert _run(host, "release-activation", KEY, "a") == (0, "Released.\n")
    assert _run(host, "release-activation", KEY, "a") == (0, "There is no such activation.\n")
    assert "BBBB-2222" in _run(host, "replace-license-key", KEY, "BBBB-2222")[1]
    assert _run(host, "deactivate-license-key", "BBBB-2222", "a") == (1, "401 License key already inactive\n")
    assert _run(host, "delete-license-key", "BBBB-2222") == (0, "Deleted.\n")
    assert _run(host, "delete-license-key", "BBBB-2222") == (0, "There is no such license key.\n")
    assert _run(host, "update-license-key", KEY, "--validity", "1")[0] == 1


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["count-license-keys", "--product", "1"], {"available": 1}),
        (["verify-license-key", KEY, "a"], {"code": 201, "message": "This license key is not assigned"}),
        (["assign-license-key", KEY], {"code": 800, "message": "License key assigned"}),
        (["assign-and-activate-license-key", KEY, "a"], {"code": 300, "message": "License key activated"}),
        (["list-activations", KEY], []),
        (["release-activation", KEY, "a"], {"released": False}),
        (["delete-license-key", KEY], {"deleted": True}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) and value else None,
)
def test_commands_print_json(app: Flask, host: Host, command: list[str], expected: object) -> None:
    assert json.loads(_run(host, *command, "--json")[1]) == expected


@pytest.mark.parametrize("command", ["update-license-key", "block-license-key", "list-license-keys"])
def test_license_keys_are_printed_as_json_with_their_terms(app: Flask, host: Host, command: str) -> None:
    argument = [] if command == "list-license-keys" else [KEY]
    printed = json.loads(_run(host, command, *argument, "--json")[1])
    key = printed[0] if isinstance(printed, list) else printed
    assert (key["license_key"], key["product_id"], key["activation_limit"]) == (KEY, host.product_id, 1)


def test_an_explanation_is_printed_as_json(app: Flask, host: Host) -> None:
    printed = json.loads(_run(host, "explain-license-key", KEY, "a", "--json")[1])
    assert printed["code"] == 201
    assert [condition["code"] for condition in printed["conditions"]] == [210, 215, 203, 204, 201, 205, 202]


def test_assigning_takes_no_longer_than_clients_wait(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    from flask_licensing.assignment import endpoints

    # Each time: when it begins, when the database is asked, when it has answered.
    times = iter([0.0, 3.9, 4.0, 0.0, 3.9, 4.1, 0.0, 4.0])
    monkeypatch.setattr(endpoints, "monotonic", lambda: next(times))
    host.create(license_keys='["A", "B"]')
    assert host.ask("assign-license-key", license_key="A")["code"] == 800
    assert host.ask("assign-license-key", license_key="B")["code"] == 9503
    assert host.ask("assign-license-key", license_key="B")["code"] == 9503
    with host.app.app_context():
        assert [key.terms.status for key in host.licensing.list_license_keys()] == ["assigned", "available"]
        assert host.db.session.scalar(sa.select(sa.func.count()).select_from(Activation)) == 0
