"""Generators: what they make, what they refuse, and what is stored."""

from __future__ import annotations

import json
import re
import secrets
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from flask_licensing.errors import (
    ConfigurationError,
    GeneratorFailed,
    GeneratorTooSmall,
    IncorrectData,
    UnknownGenerator,
)
from flask_licensing.hooks import LicenseKeyStatus, LicenseKeyTerms
from flask_licensing.signals import license_keys_generated
from flask_licensing.stores.memory import MemoryKeyStore
from flask_licensing.verification import check_typing
from tests.test_statements import counted_statements

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask_licensing.hooks import Generator
    from tests.hosts import Host

TERMS: dict[str, Any] = {"activation_limit": 2, "validity": 365}


def _create(host: Host, method: str, **given: Any) -> Generator:
    with host.app.app_context():
        return host.licensing.create_generator(host.product_id, method, **TERMS | given)


def _generate(host: Host, generator: Generator, quantity: int = 1) -> list[str]:
    answer = host.ask("generate", generator_id=str(generator.id), quantity=str(quantity))
    assert answer["code"] == 815, answer
    keys: list[str] = answer["licenseKeys"]
    return keys


FORMS = [
    ("uuid", {}, r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
    ("uuid", {"prefix": "P:", "suffix": ":S"}, r"P:[0-9a-f-]{36}:S"),
    ("chunk-system", {}, r"[0-9A-F]{4}(-[0-9A-F]{4}){3}"),
    (
        "chunk-system",
        {"charset": "äß日", "number_of_chunks": 2, "chunk_length": 24, "prefix": "X"},
        r"X[äß日]{24}-[äß日]{24}",
    ),
    ("chunk-system", {"number_of_chunks": 1, "chunk_length": 16, "suffix": "-é"}, r"[0-9A-F]{16}-é"),
    ("readable", {}, r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}"),
    (
        "readable",
        {"prefix": "ACME-", "suffix": "-20267", "number_of_chunks": 3, "chunk_length": 5},
        r"ACME(-[0-9A-HJKMNP-TV-Z]{5}){3}-20267",
    ),
]


@pytest.mark.parametrize(("method", "given", "form"), FORMS)
def test_each_method_makes_license_keys_of_its_form_each_another_one(
    host: Host, method: str, given: dict[str, Any], form: str
) -> None:
    keys = _generate(host, _create(host, method, **given), 50)
    assert len(set(keys)) == 50
    assert [key for key in keys if not re.fullmatch(form, key)] == []
    if method == "readable":
        assert [check_typing(key) for key in keys] == keys
    if method == "uuid" and not given:
        assert {uuid.UUID(key).version for key in keys} == {4}


def test_every_character_of_a_charset_and_every_symbol_turns_up(host: Host) -> None:
    chunks = "".join(_generate(host, _create(host, "chunk-system", charset="xyz", chunk_length=16), 50))
    readable = "".join(_generate(host, _create(host, "readable"), 100))
    assert set(chunks) == set("xyz-")
    assert len(set(readable)) == 33


def test_what_is_generated_is_stored_available_with_the_generators_terms(host_on_each_database: Host) -> None:
    host = host_on_each_database
    keys = _generate(host, _create(host, "readable"), 1000)
    with host.app.app_context():
        stored = host.licensing.list_license_keys(limit=1000)
    assert {key.license_key for key in stored} == set(keys)
    assert {key.terms for key in stored} == {
        LicenseKeyTerms(host.product_id, 2, 365, LicenseKeyStatus.AVAILABLE),
    }


def test_a_thousand_license_keys_are_one_insert_and_six_statements_in_all(host_on_each_database: Host) -> None:
    host = host_on_each_database
    generator = _create(host, "uuid")
    _generate(host, generator)
    with counted_statements(host) as statements:
        _generate(host, generator, 1000)
    assert len(statements) == 6, statements
    assert sum("INTO licensing_license_keys" in statement for statement in statements) == 1


def test_license_keys_are_counted_only_for_a_generator_that_could_be_too_small(host: Host) -> None:
    small = _create(host, "chunk-system", charset="01", number_of_chunks=1, chunk_length=50)
    large = _create(host, "chunk-system", charset="01", number_of_chunks=1, chunk_length=51)
    _generate(host, small)
    with counted_statements(host) as of_small:
        _generate(host, small)
    with counted_statements(host) as of_large:
        _generate(host, large)
    assert len(of_small) == len(of_large) + 1


def test_a_license_key_that_is_there_is_drawn_again(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = _create(host, "uuid")
    numbers = iter([7, 8, 7, 9, 8, 10])
    monkeypatch.setattr(secrets, "token_bytes", lambda size: bytes([next(numbers)] * size))
    with host.app.app_context():
        made = [host.licensing.generate_license_keys(generator.id, 2) for _ in range(2)]
    drawn = [str(uuid.UUID(bytes=bytes([number] * 16), version=4)) for number in (7, 8, 9, 10)]
    assert [key.license_key for keys in made for key in keys] == drawn


def test_license_keys_come_back_in_the_order_in_which_they_were_made(host: Host) -> None:
    generator = _create(host, "readable")
    with host.app.app_context():
        keys = host.licensing.generate_license_keys(generator.id, 20)
        stored = {key.id: key for key in host.licensing.list_license_keys()}
    assert [stored[key.id] for key in keys] == list(keys)
    assert [key.license_key for key in keys] != sorted(key.license_key for key in keys)


@pytest.mark.parametrize(
    ("method", "given", "fits"),
    [
        ("chunk-system", {"charset": "01", "number_of_chunks": 7, "chunk_length": 3}, 2),
        ("readable", {"number_of_chunks": 2, "chunk_length": 3}, 1),
    ],
)
def test_a_generator_is_refused_from_less_than_2_to_the_20_license_keys_for_each(
    host: Host, method: str, given: dict[str, Any], fits: int
) -> None:
    generator = _create(host, method, **given)
    refused = host.send("POST", "generate", {"generator_id": generator.id, "quantity": fits + 1})
    assert refused.status_code == 409
    answer = host.verified(refused)
    assert answer["code"] == 9409
    assert host.stored_license_keys() == []
    assert len(_generate(host, generator, fits)) == fits
    assert host.ask("generate", generator_id=generator.id, quantity=1)["code"] == 9409
    with host.app.app_context(), pytest.raises(GeneratorTooSmall) as too_small:
        host.licensing.generate_license_keys(generator.id, 1)
    assert str(too_small.value) == (
        f"The generator makes {fits * 2**20:,} different license keys. For the {fits} that are there and 1 more it has"
        f" to make at least {(fits + 1) * 2**20:,}, 1,048,576 for each"
    )


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("chunk-system", {"charset": "01", "number_of_chunks": 1, "chunk_length": 19}),
        ("chunk-system", {"charset": "0123456789", "number_of_chunks": 2, "chunk_length": 3}),
        ("readable", {"number_of_chunks": 1, "chunk_length": 5}),
        ("readable", {"number_of_chunks": 1, "chunk_length": 1}),
    ],
)
def test_a_generator_that_is_too_small_for_one_license_key_is_not_made(
    host: Host, method: str, given: dict[str, Any]
) -> None:
    with host.app.app_context():
        with pytest.raises(GeneratorTooSmall, match="For the 0 that are there and 1 more it has to"):
            host.licensing.create_generator(host.product_id, method, **TERMS | given)
        assert host.licensing.list_generators() == []


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"product_id": 999}, "The selected product id is invalid."),
    ({"method": "guess"}, "The selected method is invalid."),
    ({"activation_limit": None}, "The activation limit field is required."),
    ({"validity": -1}, "The validity field must be at least 0."),
    ({"charset": "AAB"}, "The charset field must have each character once."),
    ({"charset": "A"}, "The charset field must have at least 2 characters."),
    ({"charset": "A B"}, "The charset field must not have spaces"),
    ({"charset": "AB\u200b"}, "The charset field must not have spaces"),
    ({"charset": "A\tB"}, "The charset field must be text without control characters."),
    ({"prefix": "A\x00B"}, "The prefix field must be text without control characters."),
    ({"number_of_chunks": 0}, "The number of chunks field must be at least 1."),
    ({"chunk_length": 256}, "The chunk length field must not be greater than 255."),
    ({"number_of_chunks": 52, "chunk_length": 4}, "longer than 255 characters"),
    ({"prefix": "P" * 237}, "longer than 255 characters"),
    ({"method": "uuid", "suffix": "P" * 220}, "longer than 255 characters"),
    ({"method": "custom", "function_name": "unknown"}, "The selected function name is invalid."),
    ({"method": "custom"}, "The selected function name is invalid."),
    ({"method": "readable", "prefix": "PRO-"}, "The prefix of readable license keys consists of"),
    ({"method": "readable", "prefix": "ACME"}, "in groups of 4 symbols"),
    ({"method": "readable", "prefix": "acme-"}, "The prefix of readable license keys consists of"),
    ({"method": "readable", "prefix": "ABCDE-"}, "in groups of 4 symbols"),
    ({"method": "readable", "suffix": "-AB"}, "The suffix of readable license keys"),
    ({"method": "readable", "chunk_length": 33}, "groups of up to 32 symbols"),
]


@pytest.mark.parametrize(("changes", "sentence"), WRONG)
def test_a_generator_that_is_described_wrongly_is_not_made(host: Host, changes: dict[str, Any], sentence: str) -> None:
    given = {"product_id": host.product_id, "method": "chunk-system", **TERMS, **changes}
    with host.app.app_context():
        with pytest.raises(IncorrectData, match=re.escape(sentence)):
            host.licensing.create_generator(given.pop("product_id"), given.pop("method"), **given)
        assert host.licensing.list_generators() == []


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("chunk-system", {"number_of_chunks": 51, "chunk_length": 4, "suffix": "S"}),
        ("uuid", {"prefix": "P" * 219}),
        ("readable", {"chunk_length": 32}),
    ],
)
def test_the_longest_license_keys_are_255_characters(host: Host, method: str, given: dict[str, Any]) -> None:
    (key,) = _generate(host, _create(host, method, **given))
    assert len(key) == (131 if method == "readable" else 255)


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"quantity": "1"}, 806, "Generator not found"),
        ({"generator_id": "999", "quantity": "1"}, 806, "Generator not found"),
        ({"generator_id": "x", "quantity": "1"}, 806, "Generator not found"),
        ({"generator_id": "999", "quantity": "0"}, 806, "Generator not found"),
        ({"generator_id": "1"}, 9400, "The quantity field is required."),
        ({"generator_id": "1", "quantity": "0"}, 9400, "The quantity field must be at least 1."),
        ({"generator_id": "1", "quantity": "1001"}, 9400, "The quantity field must not be greater than 1000."),
        ({"generator_id": "1", "quantity": "1.0"}, 9400, "The quantity field must be an integer."),
    ],
)
def test_a_wrong_request_generates_nothing(host: Host, fields: dict[str, str], code: int, message: str) -> None:
    _create(host, "uuid")
    answer = host.ask("generate", **fields)
    assert (answer["code"], answer["message"]) == (code, message)
    assert host.stored_license_keys() == []


def test_an_inactive_generator_is_not_found(host: Host) -> None:
    generator = _create(host, "uuid", active=False)
    assert host.ask("generate", generator_id=generator.id, quantity=1)["code"] == 806
    with host.app.app_context():
        with pytest.raises(UnknownGenerator):
            host.licensing.generate_license_keys(generator.id, 1)
        host.licensing.update_generator(generator.id, active=True)
    assert len(_generate(host, generator)) == 1


def test_a_generator_is_changed_in_what_is_given_alone(host_on_each_database: Host) -> None:
    host = host_on_each_database
    generator = _create(host, "chunk-system", prefix="OLD-")
    other = _create(host, "uuid")
    before = _generate(host, generator)
    with host.app.app_context():
        changed = host.licensing.update_generator(generator.id, prefix="NEW-", validity=30)
        assert list(host.licensing.list_generators()) == [changed, other]
    assert (changed.prefix, changed.validity, changed.activation_limit, changed.active) == ("NEW-", 30, 2, True)
    assert changed.created_at == generator.created_at
    (key,) = _generate(host, generator)
    assert key.startswith("NEW-")
    assert host.stored_license_keys() == sorted([*before, key])


def test_a_generator_that_makes_nothing_any_more_can_be_taken_out_of_use_and_not_back(host: Host) -> None:
    generator = _create(host, "chunk-system", charset="01", number_of_chunks=1, chunk_length=20)
    _generate(host, generator)
    with host.app.app_context():
        assert not host.licensing.update_generator(generator.id, active=False).active
        with pytest.raises(GeneratorTooSmall):
            host.licensing.update_generator(generator.id, active=True)
        assert not host.licensing.list_generators()[0].active


def test_a_wrong_change_changes_nothing(host: Host) -> None:
    generator = _create(host, "chunk-system")
    with host.app.app_context():
        with pytest.raises(IncorrectData, match="each character once"):
            host.licensing.update_generator(generator.id, charset="AA", validity=1)
        with pytest.raises(GeneratorTooSmall):
            host.licensing.update_generator(generator.id, charset="01")
        with pytest.raises(UnknownGenerator):
            host.licensing.update_generator(generator.id + 1, validity=1)
        assert list(host.licensing.list_generators()) == [generator]


def test_what_is_done_is_recorded_and_told_after_the_commit(host: Host) -> None:
    told: list[Any] = []

    def receive(_: object, **payload: Any) -> None:
        told.append((payload["generator"], [key.license_key for key in payload["license_keys"]]))

    with license_keys_generated.connected_to(receive):
        generator = _create(host, "uuid")
        keys = _generate(host, generator, 3)
        with host.app.app_context():
            host.licensing.update_generator(generator.id, active=False)
            records = [record.event for record in host.licensing.audit_log(limit=3)]
    assert told == [(generator, keys)]
    assert [(event.action, event.target, event.created) for event in reversed(records)] == [
        ("generator-created", f"generator:{generator.id}", None),
        ("license-keys-generated", f"generator:{generator.id}", 3),
        ("generator-updated", f"generator:{generator.id}", None),
    ]
    assert {event.product_id for event in records} == {host.product_id}


def test_without_a_commit_all_joins_the_sites_transaction(host: Host) -> None:
    with host.app.app_context():
        generator = host.licensing.create_generator(host.product_id, "uuid", commit=False, **TERMS)
        host.licensing.generate_license_keys(generator.id, 2, commit=False)
        host.licensing.update_generator(generator.id, commit=False, active=False)
        host.db.session.rollback()
        assert host.licensing.list_generators() == []
    assert host.stored_license_keys() == []


def _raise(_: Generator, __: int) -> list[str]:
    raise ZeroDivisionError("of the host")


FUNCTIONS: dict[str, tuple[Callable[[Generator, int], Any], str]] = {
    "raises": (_raise, "raised ZeroDivisionError"),
    "too few": (lambda _, quantity: ["A"] * (quantity - 1), "made 1 license keys instead of 2"),
    "too many": (lambda _, quantity: ["A", "B", "C"], "made 3 license keys instead of 2"),  # noqa: ARG005
    "twice": (lambda _, quantity: ["A"] * quantity, "made a license key twice"),
    "there": (lambda _, quantity: ["A", "THERE"][:quantity], "made a license key that is there already"),
    "control": (lambda _, quantity: ["A", "B\n"][:quantity], "made something that can't be a license key"),
    "space": (lambda _, quantity: ["A", "B "][:quantity], "made something that can't be a license key"),
    "long": (lambda _, quantity: ["A", "B" * 254][:quantity], "made something that can't be a license key"),
    "empty": (lambda _, quantity: ["A", ""][:quantity], "made something that is no text"),
    "bytes": (lambda _, quantity: ["A", b"B"][:quantity], "made something that is no text"),
    "nothing": (lambda *_: None, "raised TypeError"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_the_site_that_makes_what_cant_be_stored_stores_nothing_and_is_logged(
    create_host: Callable[..., Host], caplog: pytest.LogCaptureFixture, name: str
) -> None:
    function, problem = FUNCTIONS[name]
    host = create_host(license_key_generators={name: function})
    host.create(license_keys='["-*THERE"]')
    generator = _create(host, "custom", function_name=name, prefix="-*")
    refused = host.send("POST", "generate", {"generator_id": generator.id, "quantity": 2})
    assert (refused.status_code, host.verified(refused)["code"]) == (500, 9500)
    assert f"The function {name!r} {problem}." in caplog.text
    with host.app.app_context(), pytest.raises(GeneratorFailed, match=problem):
        host.licensing.generate_license_keys(generator.id, 2)
    assert host.stored_license_keys() == ["-*THERE"]


def test_a_function_of_the_site_gets_the_generator_and_the_quantity_and_may_give_any_iterable(
    create_host: Callable[..., Host],
) -> None:
    asked: list[tuple[Generator, int]] = []

    def make(generator: Generator, quantity: int) -> Any:
        asked.append((generator, quantity))
        return (f"{number} é" for number in range(quantity))

    host = create_host(license_key_generators={"numbers": make})
    generator = _create(host, "custom", function_name="numbers", prefix="<", suffix=">")
    assert _generate(host, generator, 3) == ["<0 é>", "<1 é>", "<2 é>"]
    assert asked == [(generator, 3)]


def test_functions_of_the_site_can_be_named_in_configuration(create_host: Callable[..., Host]) -> None:
    host = create_host(license_key_generators={"words": "tests.test_generators:make_words"})
    assert _generate(host, _create(host, "custom", function_name="words")) == ["word 0"]


def make_words(_: Generator, quantity: int) -> list[str]:
    """A function of a site."""
    return [f"word {number}" for number in range(quantity)]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"words": "tests.no_such_module:make"}, "which can't be imported"),
        ({"words": 7}, "'words' must be callable"),
        ([make_words], "must be a mapping of names to functions"),
    ],
)
def test_functions_that_cant_be_called_are_refused_at_start(
    create_host: Callable[..., Host], given: Any, sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        create_host(license_key_generators=given)


def test_a_function_that_is_gone_is_told(create_host: Callable[..., Host]) -> None:
    functions = {"words": make_words}
    host = create_host(license_key_generators=functions, key_store=MemoryKeyStore)
    generator = _create(host, "custom", function_name="words")
    another = create_host(key_store=host.app.extensions["licensing"].key_store)
    with another.app.app_context(), pytest.raises(GeneratorFailed, match="There is no function 'words'"):
        another.licensing.generate_license_keys(generator.id, 1)


def _run(host: Host, *arguments: str) -> str:
    result = host.app.test_cli_runner().invoke(args=["licensing", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_generators_are_made_changed_and_used_with_commands(create_host: Callable[..., Host]) -> None:
    host = create_host(license_key_generators={"words": make_words})
    terms = ["--activation-limit", "2", "--validity", "30"]
    assert _run(host, "list-generators") == ""
    chunks = ["--charset", "xyz", "--number-of-chunks", "2", "--chunk-length", "20"]
    described = [*chunks, "--prefix", "A-", "--suffix", "-Z"]
    made = json.loads(_run(host, "create-generator", "chunk-system", "--product", "1", *terms, *described, "--json"))
    assert (made["charset"], made["number_of_chunks"], made["chunk_length"]) == ("xyz", 2, 20)
    assert (made["prefix"], made["suffix"]) == ("A-", "-Z")
    assert (made["activation_limit"], made["validity"], made["active"]) == (2, 30, True)
    line = _run(host, "create-generator", "custom", "--product", "1", "--function-name", "words", "--inactive")
    assert line == "2\tproduct 1\tcustom\tinactive\tactivation limit 0\tvalidity 0\n"
    assert _run(host, "update-generator", "2", "--active", "--validity", "7") == (
        "2\tproduct 1\tcustom\tactive\tactivation limit 0\tvalidity 7\n"
    )
    assert json.loads(_run(host, "update-generator", "1", "--inactive", "--json"))["active"] is False
    assert _run(host, "list-generators").splitlines() == [
        "1\tproduct 1\tchunk-system\tinactive\tactivation limit 2\tvalidity 30",
        "2\tproduct 1\tcustom\tactive\tactivation limit 0\tvalidity 7",
    ]
    assert [one["id"] for one in json.loads(_run(host, "list-generators", "--json"))] == [1, 2]
    assert _run(host, "generate-license-keys", "2", "--quantity", "2") == "word 0\nword 1\n"
    _run(host, "update-generator", "2", "--prefix", "again ")
    assert json.loads(_run(host, "generate-license-keys", "2", "--json")) == ["againword 0"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["generate-license-keys", "9"], "There is no such generator, or it is not active."),
        (["generate-license-keys", "1", "--quantity", "1001"], "The quantity field must not be greater than 1000."),
        (["update-generator", "1", "--charset", "AA"], "must have each character once"),
        (["create-generator", "chunk-system", "--product", "1", "--charset", "01"], "65,536 different license keys"),
    ],
)
def test_a_command_that_is_refused_says_why(host: Host, arguments: list[str], sentence: str) -> None:
    _create(host, "uuid")
    result = host.app.test_cli_runner().invoke(args=["licensing", *arguments])
    assert result.exit_code == 1
    assert sentence in result.output
