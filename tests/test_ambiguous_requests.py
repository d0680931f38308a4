"""What may be read in more than one way is read in the one way that docs/wire-contract.md says, from every client."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from tests.hosts import PATH, find_license_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import TestResponse

    from tests.hosts import Host

JSON = "application/json"
MULTIPART = "multipart/form-data; boundary=B"


def _send(host: Host, body: str | bytes, content_type: str, **headers: str) -> TestResponse:
    sent_headers = {"Authorization": f"Bearer {host.secret}"} | headers
    return host.app.test_client().post(PATH, data=body, content_type=content_type, headers=sent_headers)


def _with_literal(host: Host, field: str, literal: str) -> str:
    """A JSON body in which a field has a literal that Python's own writer would write otherwise."""
    return json.dumps(host.fields(**{field: "LITERAL"})).replace('"LITERAL"', literal)


def _stored_owner(host: Host) -> str | None:
    with host.app.app_context():
        stored = find_license_key(host, "AAAA-1111")
    assert stored is not None
    return stored.terms.owner_name


CODES_OF_NUMBERS = {
    900: ["0", "-0", "2147483647"],
    901: ["1E2", "1.0", "-0.0", "1e400", "1" + "0" * 30],
    9400: ["007", "+1", "0x1", ".5", "NaN", "-Infinity", "1_0"],
}


@pytest.mark.parametrize(
    ("literal", "code"), [(literal, code) for code, literals in CODES_OF_NUMBERS.items() for literal in literals]
)
def test_a_number_of_json_is_an_integer_of_json_or_none(host: Host, literal: str, code: int) -> None:
    assert host.verified(_send(host, _with_literal(host, "activation_limit", literal), JSON))["code"] == code


@pytest.mark.parametrize(
    ("literal", "wrong"),
    [
        ("[1]", [1]),
        ('["A", null]', [2]),
        ('[["A"]]', [1]),
        ('["A", {"a": 1, "a": 2}]', [2]),
        ('["A", 1e400, "B", ""]', [2, 4]),
        (r'["\ud83d", "\ude00"]', [1, 2]),
    ],
)
def test_a_license_key_is_a_string_in_an_array_and_in_a_text(host: Host, literal: str, wrong: list[int]) -> None:
    as_array = _send(host, _with_literal(host, "license_keys", literal), JSON)
    as_text = host.post(host.fields(license_keys=literal))
    for answer in (as_array, as_text):
        sentences = host.verified(answer)["errors"]["license_keys"]
        assert [int(sentence.split("position ")[1].split()[0]) for sentence in sentences] == wrong
    assert host.stored_license_keys() == []


def test_two_halves_of_a_character_in_json_are_one(host: Host) -> None:
    assert host.create(license_keys=r'["\ud83d\ude00"]')["code"] == 900
    assert host.stored_license_keys() == ["😀"]


@pytest.mark.parametrize("text", ["\ufeff[]", '["A"] ["B"]', '["A"],', "['A']", '["A",]', '["A"]\0', "[A]", "// a\n[]"])
def test_what_json_does_not_allow_is_no_array(host: Host, text: str) -> None:
    response = host.create(license_keys=text)
    assert response["errors"] == {"license_keys": ["The license keys field must be a JSON array of strings."]}


@pytest.mark.parametrize("body", [b"\xef\xbb\xbf{}", "{}".encode("utf-16"), "{}".encode("utf-32"), b"{} {}", b"{}\0"])
def test_a_json_body_is_utf8_without_a_byte_order_mark_and_nothing_else(host: Host, body: bytes) -> None:
    assert host.verified(_send(host, body, JSON))["code"] == 9400


def test_a_member_that_is_there_twice_is_named_and_deep_inside_an_unknown_one_ignored(host: Host) -> None:
    fields = json.dumps(host.fields())[1:-1]
    twice = host.verified(_send(host, f'{{{fields}, "status": "blocked"}}', JSON))
    assert twice["errors"] == {"status": ["The status field must be sent only once."]}
    escaped = host.verified(_send(host, f'{{{fields}, "st\\u0061tus": "blocked"}}', JSON))
    assert escaped["errors"] == twice["errors"]
    assert host.verified(_send(host, f'{{{fields}, "more": {{"a": 1, "a": 2}}}}', JSON))["code"] == 900


@pytest.mark.parametrize("content_type", ["Application/JSON", "application/json;charset=latin1", "application/json ;"])
def test_a_media_type_counts_in_any_case_and_whatever_its_charset(host: Host, content_type: str) -> None:
    body = json.dumps(host.fields(owner_name="Zoë"), ensure_ascii=False).encode()
    assert host.verified(_send(host, body, content_type))["code"] == 900
    with host.app.app_context():
        stored = find_license_key(host, "AAAA-1111")
    assert stored is not None
    assert stored.terms.owner_name == "Zoë"


@pytest.mark.parametrize(
    "content_type", ["application/vnd.api+json", "text/json", "application/json, text/plain", "json"]
)
def test_what_only_looks_like_json_is_another_media_type(host: Host, content_type: str) -> None:
    assert host.verified(_send(host, json.dumps(host.fields()), content_type))["code"] == 9415


@pytest.mark.parametrize(
    ("headers", "value", "code"),
    [
        ("Content-Type: text/plain; charset=ISO-8859-1", "Zoë".encode("latin-1"), 900),
        ("Content-Type: text/plain; charset=us-ascii", b"Zoe", 900),
        ("Content-Type: text/plain; charset=us-ascii", "Zoë".encode(), 9400),
        ("Content-Type: text/plain; charset=utf-16", "Zoë".encode("utf-16"), 9415),
        ("Content-Type: text/plain; charset=no-such-charset", b"Zoe", 9415),
        ("Content-Type: application/json", "Zoë".encode(), 900),
        ("Content-Transfer-Encoding: binary", "Zoë".encode(), 900),
        ("Content-Transfer-Encoding: base64", b"Wm/Dqw==", 9415),
    ],
)
def test_a_part_is_in_the_charset_that_it_names(host: Host, headers: str, value: bytes, code: int) -> None:
    fields = {name: value.encode() for name, value in host.fields().items()}
    parts = [
        b'--B\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (n.encode(), v) for n, v in fields.items()
    ]
    parts.append(b'--B\r\nContent-Disposition: form-data; name="owner_name"\r\n%s\r\n\r\n' % headers.encode() + value)
    answer = _send(host, b"".join([*parts, b"\r\n--B--\r\n"]), "multipart/form-data; boundary=B")
    assert host.verified(answer)["code"] == code
    if code == 900:
        with host.app.app_context():
            stored = find_license_key(host, "AAAA-1111")
        assert stored is not None
        assert stored.terms.owner_name in {"Zoë", "Zoe"}


NAME = 'Content-Disposition: form-data; name="owner_name"'


def _multipart(host: Host, *parts: str, boundary: str = "B") -> str:
    fields = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}' for name, value in host.fields().items()]
    return "".join(f"--{boundary}\r\n{part}\r\n" for part in (*fields, *parts)) + f"--{boundary}--\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        NAME,
        "content-disposition:form-data;NAME=owner_name;",
        "Content-Disposition: Form-Data ; name=owner_name",
        f"{NAME}\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit",
        f"{NAME}\r\nContent-Length: 5\r\nX-Anything: ü\r\nA: 4\r\nB: 5\r\nC: 6\r\nD: 7\r\nE: 8",
        f"{NAME}\r\nX: {'x' * (2048 - len(NAME) - 11)}",
    ],
    ids=repr,
)
def test_the_headers_of_a_part_that_clients_send_are_read(host: Host, headers: str) -> None:
    assert host.verified(_send(host, _multipart(host, f"{headers}\r\n\r\nZoe"), MULTIPART))["code"] == 900
    assert _stored_owner(host) == "Zoe"


@pytest.mark.parametrize("boundary", ["B", "a'()+_,-./:=?z", "a b", "x" * 70])
def test_a_boundary_is_what_mime_says(host: Host, boundary: str) -> None:
    content_type = f'multipart/form-data; boundary="{boundary}"'
    assert host.verified(_send(host, _multipart(host, boundary=boundary), content_type))["code"] == 900


@pytest.mark.parametrize(("start", "end"), [("", ""), ("\r\n", "\r\n")], ids=["nothing around", "line breaks around"])
def test_a_line_break_around_a_multipart_form_is_nothing(host: Host, start: str, end: str) -> None:
    body = start + _multipart(host).removesuffix("\r\n") + end
    assert host.verified(_send(host, body, MULTIPART))["code"] == 900


def test_a_content_type_of_a_kilobyte_is_read(host: Host) -> None:
    content_type = JSON + " " * (1023 - len(JSON)) + ";"
    assert host.verified(_send(host, json.dumps(host.fields()), content_type))["code"] == 900


def test_a_form_of_a_thousand_fields_is_read(host: Host) -> None:
    fields = urlencode(host.fields())
    body = fields + "&x" * (1000 - fields.count("&") - 1)
    assert host.verified(_send(host, body, "application/x-www-form-urlencoded"))["code"] == 900


def test_json_of_a_thousand_values_beside_the_license_keys_is_read_and_one_more_is_too_large(
    create_host: Callable[..., Host],
) -> None:
    host = create_host(max_license_keys_per_request=1)
    fields = json.dumps(host.fields())[:-1]
    values = 1001 - fields.count(":") - 1
    body, longer = (f'{fields}, "x": [{",".join("1" * count)}]}}' for count in (values, values + 1))
    assert host.verified(_send(host, body, JSON))["code"] == 900
    assert host.verified(_send(host, longer, JSON))["code"] == 9413


def test_a_length_of_eighteen_digits_is_a_number(host: Host) -> None:
    answer = host.app.test_client().post(PATH, environ_overrides={"CONTENT_LENGTH": "9" * 18})
    assert host.verified(answer)["code"] == 9413


def test_a_multipart_form_of_a_thousand_parts_is_read_and_one_more_is_too_large(host: Host) -> None:
    parts = [f'Content-Disposition: form-data; name="x{number}"\r\n\r\n' for number in range(1000 - 5)]
    assert host.verified(_send(host, _multipart(host, *parts), MULTIPART))["code"] == 900
    assert host.verified(_send(host, _multipart(host, *parts, f"{NAME}\r\n\r\n"), MULTIPART))["code"] == 9413


@pytest.mark.parametrize("separator", [";", "%26", "\n"])
def test_fields_of_a_form_are_separated_by_ampersands_alone(host: Host, separator: str) -> None:
    body = f"status=available{separator}validity=0"
    errors = host.verified(_send(host, body, "application/x-www-form-urlencoded"))["errors"]
    assert errors["validity"] == ["The validity field is required."]
    assert errors["status"] == ["The selected status is invalid."]


@pytest.mark.parametrize("space", [" ", "\t", "\u00a0", "\u2003", "\u3000", "\u2028", "\x85", "\x1f"])
def test_white_space_around_fields_and_license_keys_is_dropped(host: Host, space: str) -> None:
    fields: dict[str, Any] = host.fields(license_keys=[f"{space}A{space}"], owner_name=f"{space}Zoë{space}")
    fields = {name: f"{space}{value}{space}" if isinstance(value, str) else value for name, value in fields.items()}
    assert host.verified(_send(host, json.dumps(fields), JSON))["code"] == 900
    assert host.stored_license_keys() == ["A"]


def test_characters_that_nobody_sees_are_characters_and_nothing_is_normalised(host_on_each_database: Host) -> None:
    license_keys = ["A", "A\u200b", "\u200bA", "\ufeffA", "\u202eA", "A\u2060", "A\u00ad", "Å", "A\u030a", "\u212b"]
    assert host_on_each_database.create(license_keys=json.dumps(license_keys))["created"] == len(license_keys)
    assert host_on_each_database.stored_license_keys() == sorted(license_keys)


def test_a_line_separator_inside_of_a_license_key_is_kept(host: Host) -> None:
    """U+2028 is white space at the ends; inside it is no control character, and no line break of any format here."""
    assert host.create(license_keys=json.dumps(["A\u2028B"]))["code"] == 900
    assert host.stored_license_keys() == ["A\u2028B"]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("Bearer {}", 900),
        ("bearer {}", 900),
        ("BEARER   {}  ", 900),
        ("Bearer {},Bearer {}", 100),
        ("Bearer {} x", 100),
        ("Bearer\t{}", 100),
        ("Bearer:{}", 100),
        ("Token {}", 100),
        ("{}", 100),
        ("Bearer", 100),
        ("Bearer \xe9", 100),
    ],
)
def test_the_api_key_is_behind_bearer_and_spaces(host: Host, header: str, code: int) -> None:
    answer = host.post(host.fields(), headers={"Authorization": header.replace("{}", host.secret)})
    assert host.verified(answer)["code"] == code


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_no_header_and_no_field_changes_the_method(host: Host, header: str) -> None:
    assert host.verified(host.post(host.fields(_method="DELETE"), headers={header: "DELETE"}))["code"] == 900
