"""Flaws that were found, each with its story, so that none comes back."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from flask import Flask, request

from flask_licensing.core.domain import EARLIEST_DATE, Caller, Credentials
from flask_licensing.core.public_keys import jwks_of
from flask_licensing.errors import AccessDenied, LicensingError, PrivateKeyError
from flask_licensing.features import FEATURES
from flask_licensing.models import AuditRecord
from flask_licensing.stores.sqlalchemy import SQLAlchemyKeyStore
from flask_licensing.verification import (
    MalformedEnvelope,
    PublicKeyError,
    VerificationError,
    load_public_keys,
    verify_response,
)
from tests.documented_example import ENVELOPE, PUBLIC_KEY
from tests.hosts import PATH, find_license_key, set_up_licensing
from tests.protected_audit_log import FIRST, NOW, insert, protected_audit_log, purge, values_of_purge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from werkzeug.test import TestResponse

    from tests.hosts import Host
    from tests.protected_audit_log import ProtectedLog

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=B"


def _send(host: Host, body: bytes | str, content_type: str, **headers: str) -> TestResponse:
    sent_headers = {"Authorization": f"Bearer {host.secret}"} | headers
    return host.app.test_client().post(PATH, data=body, content_type=content_type, headers=sent_headers)


def _part(disposition: str, value: bytes, *headers: str) -> bytes:
    lines = [f"Content-Disposition: {disposition}", *headers]
    return b"--B\r\n" + "\r\n".join(lines).encode() + b"\r\n\r\n" + value + b"\r\n"


def _multipart(host: Host, *more_parts: bytes, **changes: Any) -> bytes:
    fields = host.fields(**changes)
    parts = [_part(f'form-data; name="{name}"', value.encode()) for name, value in fields.items()]
    return b"".join([*parts, *more_parts, b"--B--\r\n"])


@pytest.mark.parametrize("field", ["status", "unknown"])
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "deep"}], ids=["once", "idempotent"])
def test_deeply_nested_json_is_refused_at_every_depth(host: Host, field: str, headers: dict[str, str]) -> None:
    """A body nested so deep that reading it just worked was answered with code 9500.

    What came after reading went one call deeper: the digest of the payload, and the enum of the statuses, which shows
    the value it does not know. Python's limit on recursion, which differs by version and by how deep the caller is,
    decided what was refused. Now the depth of a body has a limit of its own.
    """
    codes = set()
    for depth in range(900, 1000):
        answer = _send(host, f'{{"{field}": {"[" * depth}{"]" * depth}}}', "application/json", **headers)
        codes.add((answer.status_code, host.verified(answer)["code"]))
    assert codes == {(400, 9400)}


def test_a_part_without_a_name_is_malformed(host: Host) -> None:
    """A part without a name was the field ``None``; sorting the fields for the payload's digest then ended in 9500."""
    answer = _send(host, _multipart(host, _part("form-data", b"x")), MULTIPART, **{"Idempotency-Key": "nameless"})
    assert (answer.status_code, host.verified(answer)["code"]) == (400, 9400)
    assert host.stored_license_keys() == []


def test_a_multipart_form_that_breaks_off_is_malformed(host: Host) -> None:
    """Werkzeug takes a form that it cannot parse for an empty one: the client was told that every field is missing."""
    whole = _multipart(host)
    for body in (whole[:-10], b"no boundary in here", b"--B\r\nX: y\r\n\r\nvalue\r\n--B--\r\n"):
        answer = _send(host, body, MULTIPART)
        assert (answer.status_code, host.verified(answer)["code"]) == (400, 9400), body
    assert host.stored_license_keys() == []


def test_the_replacement_character_is_a_character_in_a_multipart_form_too(host: Host) -> None:
    """U+FFFD was taken for the trace of bytes that are not UTF-8, so that a form that holds it was refused."""
    answer = _send(host, _multipart(host, license_keys='["A\ufffd"]'), MULTIPART)
    assert host.verified(answer)["code"] == 900
    assert host.stored_license_keys() == ["A\ufffd"]


@pytest.mark.parametrize("body", [b"status=\xff", b"status=%ff"])
def test_a_form_that_the_site_read_first_is_parsed_as_strictly(host: Host, body: bytes) -> None:
    """Where a ``before_request`` of the site had read the form, the lenient parser had: ``%FF`` arrived as those three
    characters, and a form with a raw byte that is not UTF-8 as an empty one."""
    host.app.before_request(lambda: request.form.get("csrf_token") and None)
    answer = _send(host, body, FORM)
    assert (answer.status_code, host.verified(answer)["code"]) == (400, 9400)


@pytest.mark.parametrize("secret", ["2964c3c9=0b5d=4d89=b3ac", 'a"b,c=d;e%f&g+h-0123456', "c2VjcmV0LWluLWJhc2U2NA=="])
def test_an_api_key_with_an_equals_sign_is_taken_in_the_header(host: Host, secret: str) -> None:
    """Werkzeug reads a bearer token with “=” inside as parameters: an API key brought along from elsewhere that has
    one was refused with code 100 in the header, and taken in the body."""
    with host.app.app_context():
        host.licensing.create_api_key("brought along", secret=secret)
    answer = host.post(host.fields(), headers={"Authorization": f"Bearer {secret}"})
    assert host.verified(answer)["code"] == 900


_OTHER_SPELLINGS = [
    f"/{PATH}",
    f"//{PATH}",
    f"/%2F{PATH[1:]}",
    "/api//v1/create-license-keys",
    "/api/v1//create-license-keys",
    "/api%2Fv1/create-license-keys",
    "/api/v1/create%2dlicense-keys",
    "/api/v1/create-license-key%73",
    f"{PATH}/",
    f"{PATH}//",
    f"{PATH}%2F",
    f"{PATH}%0a",
    f"{PATH};v=1",
    "/api/v1/./create-license-keys",
    "/api/v1/x/../create-license-keys",
    "/API/v1/create-license-keys",
    "//api/v1/public-keys/7",
    "/api/v1/public-keys/%37",
    "/api/v1//openapi.json",
]


@pytest.mark.parametrize("merge_slashes", [True, False])
@pytest.mark.parametrize("strict_slashes", [True, False])
def test_only_the_path_itself_is_an_endpoint(
    private_key: str, public_key: str, strict_slashes: bool, merge_slashes: bool
) -> None:
    """Werkzeug drops slashes in front, and a WSGI server decodes escapes, so ``//api/v1/create-license-keys`` and
    ``/%2Fapi/v1/…`` were the endpoint: a proxy's rule for ``/api/v1/``, which lets in some addresses alone, did not see
    them. Such a path is answered as any other that no rule matches, without a redirect."""
    app = Flask("site")
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    app.url_map.strict_slashes, app.url_map.merge_slashes = strict_slashes, merge_slashes
    host = set_up_licensing(app, private_key, public_key)
    seen: list[str | None] = []
    app.before_request(lambda: seen.append(request.endpoint))
    app.register_error_handler(404, lambda _: ("the site's own page", 404))
    for path, method in product(_OTHER_SPELLINGS, ["GET", "POST", "OPTIONS"]):
        environ = {"PATH_INFO": unquote(path), "RAW_URI": path, "REQUEST_URI": path}
        headers = {"Authorization": f"Bearer {host.secret}"}
        answer = app.test_client().open("/", method=method, headers=headers, environ_overrides=environ)
        assert (answer.status_code, answer.text) == (404, "the site's own page"), path
        assert "X-Request-ID" not in answer.headers
    assert set(seen) == {None}
    with app.app_context():
        host.db.engine.dispose()


@pytest.mark.parametrize(
    "sent",
    [
        f"/{PATH}",
        f"//{PATH}",
        f"/.{PATH}",
        f"/foo/..{PATH}",
        f"{PATH}/.",
        f"{PATH}/x/..",
        f"{PATH}#x",
        f"{PATH}#{PATH}",
    ],
)
def test_a_server_that_tidies_paths_up_leads_nowhere_else(host: Host, sent: str) -> None:
    """uWSGI walks ``/foo/..`` itself and gives the application the path alone, so the endpoint answered what a proxy's
    rule had not seen. Only the path as it was sent tells."""
    environ = {"PATH_INFO": PATH, "RAW_URI": sent, "REQUEST_URI": sent}
    headers = {"Authorization": f"Bearer {host.secret}"}
    answer = host.app.test_client().post("/", headers=headers, environ_overrides=environ)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")


@pytest.mark.parametrize("sent", [PATH, f"https://shop.example{PATH}?a=%41", f"/caf%C3%A9{PATH}", "/old/address", ""])
def test_a_server_that_rewrites_paths_leads_to_the_endpoint(host: Host, sent: str) -> None:
    environ = {"PATH_INFO": PATH, "RAW_URI": sent, "REQUEST_URI": sent}
    answer = host.app.test_client().post("/", data={}, environ_overrides=environ)
    assert host.verified(answer)["code"] == 100


@pytest.mark.parametrize(
    "asked", ["/api/v1/a%0AERROR%20forged%1B[2J%E2%80%AE", "/api/v1/create-license-keys/forged", PATH]
)
def test_what_a_stranger_asks_for_is_neither_signed_nor_logged(
    host: Host, caplog: pytest.LogCaptureFixture, asked: str
) -> None:
    """The sentence about an unknown path held that path: a stranger had text of his choice signed, with line breaks and
    bidirectional characters, and wrote lines of his own into the log. The method stood in another sentence."""
    with caplog.at_level(logging.INFO, "flask_licensing"):
        answer = host.app.test_client().open(asked, method="FORGED")
    assert (answer.status_code, answer.mimetype) == (405 if asked == PATH else 404, "text/html")
    assert not [record for record in caplog.records if record.name.startswith("flask_licensing")]


def test_a_body_that_says_it_is_compressed_is_refused(host: Host) -> None:
    """``Content-Encoding`` was ignored: a compressed body was called no UTF-8, a plain one so labelled was taken."""
    answer = _send(host, b"license_keys=%5B%22A%22%5D", FORM, **{"Content-Encoding": "gzip"})
    assert (answer.status_code, host.verified(answer)["code"]) == (415, 9415)
    assert answer.headers["Accept-Encoding"] == "identity"


def test_a_field_sent_twice_is_another_payload_than_the_text_that_stood_for_it(host: Host) -> None:
    """In the digest of a payload a field that was sent twice was the text “sent more than once”: a request whose field
    is that text got the stored answer of the other."""
    headers = {"Idempotency-Key": "twice"}
    first = _send(host, '{"owner_name": "A", "owner_name": "B"}', "application/json", **headers)
    second = _send(host, '{"owner_name": "sent more than once"}', "application/json", **headers)
    assert host.verified(first)["code"] == 901
    assert host.verified(second)["code"] == 9409


def test_the_verifier_passes_on_no_text_of_a_strangers_as_private_key_used() -> None:
    """``private_key_used`` is not signed, and came out of the verifier with whatever text stood in the answer."""
    with pytest.raises(VerificationError, match="private_key_used"):
        verify_response(ENVELOPE | {"private_key_used": "any text"}, PUBLIC_KEY)


def test_a_client_that_sends_its_body_slowly_locks_nobody_out(create_host: Callable[..., Host], tmp_path: Path) -> None:
    """The body was read inside the transaction, after the API key's last-used time had been written there: whoever sent
    it byte by byte held SQLite's one write lock for as long, and no other request, of the site's own pages neither,
    could store anything."""
    url = f"sqlite:///{tmp_path / 'site.db'}"
    host = create_host(url)
    others = sa.create_engine(url, connect_args={"timeout": 0}, poolclass=sa.NullPool)
    stored_meanwhile = []

    class SlowBody(io.BytesIO):
        def readinto(self, buffer: Any) -> int:
            with others.begin() as connection:
                connection.execute(sa.text("UPDATE licensing_products SET name = 'renamed'"))
            stored_meanwhile.append(True)
            return super().readinto(buffer)

    body = urlencode(host.fields()).encode()
    headers = {"Authorization": f"Bearer {host.secret}"}
    answer = host.app.test_client().post(
        PATH, input_stream=SlowBody(body), content_length=len(body), content_type=FORM, headers=headers
    )
    assert host.verified(answer)["created"] == 1
    assert stored_meanwhile


def test_a_defect_in_the_database_shows_no_license_keys_in_the_log(
    host_on_each_database: Host, caplog: pytest.LogCaptureFixture
) -> None:
    """The traceback of an unexpected error of the database showed the statement's parameters: the license keys of the
    request and hashes of API keys, to whoever reads logs and error trackers."""
    host = host_on_each_database
    with host.app.app_context():
        host.db.session.execute(sa.text("ALTER TABLE licensing_license_keys RENAME TO renamed"))
        host.db.session.commit()
    answer = host.post(host.fields(license_keys='["SOLD-FOR-MONEY"]'))
    assert host.verified(answer)["code"] in {9500, 9503}
    assert "licensing_license_keys" in caplog.text
    assert "SOLD-FOR-MONEY" not in caplog.text


def test_a_form_that_breaks_off_creates_nothing(host: Host) -> None:
    """Behind gunicorn, a form whose sender went away in the middle was taken for whole: of “validity=365” that ended
    behind the 36, license keys for a month came that were paid for a year, and no answer told anyone."""
    whole = urlencode(host.fields(validity="365")).encode()
    until = whole.index(b"validity=365") + len(b"validity=36")
    arrived = b"status=available&" + whole[:until]
    answer = host.app.test_client().post(
        PATH,
        data=arrived,
        content_type=FORM,
        headers={"Authorization": f"Bearer {host.secret}"},
        environ_overrides={"CONTENT_LENGTH": str(len(arrived) + 1), "wsgi.input_terminated": True},
    )
    assert (answer.status_code, host.verified(answer)["code"]) == (400, 9400)
    assert host.stored_license_keys() == []


@pytest.mark.parametrize(
    "document", ["\ud800", "-----BEGIN PUBLIC KEY-----\n" * 100_000], ids=["surrogate", "quadratic"]
)
def test_no_document_of_public_keys_stops_a_client(document: str) -> None:
    """A text that is not Unicode raised an error of Python's, and one with many beginnings of keys and no end took
    minutes: each beginning was followed to the end of the document."""
    with pytest.raises(PublicKeyError):
        load_public_keys(document)


def _send_in_chunks(host: Host, body: io.BytesIO, content_type: str) -> TestResponse:
    """Send a body without a declared length, as a server passes on one that came in chunks."""
    return host.app.test_client().post(
        PATH,
        input_stream=body,
        content_type=content_type,
        headers={"Authorization": f"Bearer {host.secret}", "Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )


@pytest.mark.parametrize("content_type", [FORM, "application/json", MULTIPART])
def test_a_body_in_chunks_is_too_large_where_it_goes_on_behind_the_limit(
    create_host: Callable[..., Host], content_type: str
) -> None:
    """A body in chunks has no declared length, and Werkzeug cut it off at the limit without a word: a form so cut that
    “validity=365” ended behind the 36 was taken for whole."""
    whole = urlencode(host_fields := create_host().fields(validity="365")).encode()
    assert host_fields["validity"] == "365"
    until = whole.index(b"validity=365") + len(b"validity=36")
    limit = len(b"status=available&" + whole[:until])
    host = create_host(max_content_length=limit)
    answer = _send_in_chunks(host, io.BytesIO(b"status=available&" + whole), content_type)
    assert (answer.status_code, host.verified(answer)["code"]) == (413, 9413)
    assert host.stored_license_keys() == []


@pytest.mark.parametrize("content_type", [FORM, "application/json", MULTIPART])
def test_a_body_that_the_server_cannot_read_is_malformed(host: Host, content_type: str) -> None:
    """gunicorn raises an exception of its own, of no common kind, where a chunk has no proper size: code 9500."""

    class BadChunks(io.BytesIO):
        def readinto(self, buffer: Any) -> int:
            raise Exception("Invalid chunk size")

    answer = _send_in_chunks(host, BadChunks(), content_type)
    assert (answer.status_code, host.verified(answer)["code"]) == (400, 9400)


def test_the_id_of_a_caller_writes_no_lines_of_its_own_into_the_log(
    create_host: Callable[..., Host], caplog: pytest.LogCaptureFixture
) -> None:
    """An authenticator of the site's own may know callers by names that they chose: the log showed them as they came,
    and so did the sentence of a refusal."""

    def authenticate(credentials: Credentials) -> Caller:
        if credentials.secret == "refused":
            raise AccessDenied("not you\nERROR forged\x1b[2J")
        return Caller("ann\nERROR forged\x1b[2J")

    host = create_host(authenticator=authenticate)
    with caplog.at_level(logging.INFO, "flask_licensing"):
        host.create()
        host.post(host.fields(), headers={"Authorization": "Bearer refused"})
    assert caplog.text.count(r"\nERROR forged\x1b[2J") == 2
    assert all(record.getMessage().isprintable() for record in caplog.records)


def test_what_others_wrote_is_on_one_line_of_what_a_command_prints(host: Host) -> None:
    """An identifier or a name that turns the direction of writing around, or an audit record that somebody added with
    SQL and a terminal's escapes in it, could hide or forge lines of a list."""
    forged = "\u202eforged\u2028x"
    host.create(license_keys='["A"]', owner_name=forged, status="assigned")
    with host.app.app_context():
        assert host.licensing.activate("A", forged).code.number == 300
        record = {"occurred_at": NOW, "action": "x", "actor": f"{forged}\n\x1b[2J", "target": "a\tb"}
        host.db.session.execute(sa.insert(AuditRecord).inline(), record)
        host.db.session.commit()
    for command in ("audit-log --limit 1", "list-activations A", "list-license-keys"):
        result = host.app.test_cli_runner().invoke(args=["licensing", *command.split()])
        assert r"\u202eforged\u2028" in result.stdout
        assert result.stdout.removesuffix("\n").replace("\t", "").isprintable(), command
        assert result.stdout.count("\t") == 5


@pytest.mark.parametrize("value", ["[]", "{}", "1.5", '"ab"'])
def test_a_stranger_cannot_fill_the_memory_with_a_json_body_of_many_values(host: Host, value: str) -> None:
    """A body within the limit of 16 MiB could hold some five million empty arrays, which took 500 MiB in memory, before
    anyone had looked at the API key, as it may be in the body. Now values are counted before they are made."""
    body = f'{{"unknown": [{",".join([value] * 150_000)}]}}'
    answer = host.app.test_client().post(PATH, data=body, content_type="application/json")
    assert (answer.status_code, host.verified(answer)["code"]) == (413, 9413)


def test_what_looks_like_many_values_inside_of_strings_is_none(create_host: Callable[..., Host]) -> None:
    host = create_host(max_license_keys_per_request=10)
    license_keys = ["[{,:" * 60 + str(number) for number in range(10)]
    text = json.dumps(license_keys)
    as_json = json.dumps(host.fields(license_keys=license_keys))
    answers = [host.post(host.fields(license_keys=text)), _send(host, as_json, "application/json")]
    assert [host.verified(answer)["code"] for answer in answers] == [900, 902]


def test_an_idempotency_key_of_other_than_ascii_spaces_is_one(host: Host) -> None:
    """Whatever Python takes for white space was trimmed from an ``Idempotency-Key``: one that was a no-break space
    alone counted as none, so that the second request had a second effect, and with one at its end it was another's."""
    spaces = ["\xa0", "\x85", "a\xa0", "a"]
    answers = [host.post(host.fields(), headers={"Idempotency-Key": key}) for key in spaces for _ in range(2)]
    assert [host.verified(answer)["code"] for answer in answers] == [900, 900, *[902] * 6]
    assert all(first.data == second.data for first, second in zip(answers[::2], answers[1::2], strict=True))
    with host.app.app_context():
        records = host.db.session.execute(sa.text("SELECT COUNT(*) FROM licensing_idempotency_records")).scalar()
    assert records == len(spaces)


def test_the_sites_own_paths_under_the_prefix_are_as_they_were(create_host: Callable[..., Host]) -> None:
    """A route of this package took every path under the prefix that led nowhere. So it hid the site's own routes there
    that have a variable before, as ``/<tenant>/v1/…``, and which methods, redirects and 404 page its paths have."""
    host = create_host()
    host.app.register_error_handler(404, lambda _: ("the site's own page", 404))
    for rule in ("/api/<version>/orders/<int:number>", "/<tenant>/v1/status", "/<path:page>", "/api/v1/folder/"):
        host.app.add_url_rule(rule, rule, lambda rule=rule, **_: rule)
    client = host.app.test_client()
    assert client.get("/api/v1/orders/7").text == "/api/<version>/orders/<int:number>"
    assert client.get("/api/v1/status").text == "/<tenant>/v1/status"
    assert client.get("/api/v1/nowhere").text == "/<path:page>"
    assert client.get("/api/v1/create-license-keys/").text == "/<path:page>"
    assert client.get("/api/v1/folder").status_code == 308
    for answer in (client.post("/api/v1/folder/"), client.post("/api/v1/nowhere"), client.post("/api/v1/orders/7")):
        assert (answer.status_code, answer.mimetype) == (405, "text/html")
        assert set(answer.allow) == {"GET", "HEAD", "OPTIONS"}
    assert set(client.options("/api/v1/folder/").allow) == {"GET", "HEAD", "OPTIONS"}
    assert host.create()["code"] == 900


def test_the_sites_own_url_map_has_no_more_than_the_endpoints(create_host: Callable[..., Host]) -> None:
    host, plain = create_host(), Flask("plain")
    assert host.app.url_map.converters == plain.url_map.converters
    added = {rule.rule for rule in host.app.url_map.iter_rules()} - {rule.rule for rule in plain.url_map.iter_rules()}
    documents = {"/api/v1/public-keys", "/api/v1/public-keys/<product_id>", "/api/v1/openapi.json"}
    assert added == documents | {f"/api/v1/{endpoint.name}" for feature in FEATURES for endpoint in feature.endpoints}


@pytest.mark.parametrize("bits", [1024, 2040])
def test_the_verifier_takes_no_public_key_that_others_can_break(bits: int) -> None:
    """Public keys of 512 to 1024 bits were taken, in each form: whoever factors one of those signs answers.

    JWKs that say they are for encryption, or for another algorithm, were taken as well (tests/test_public_keys.py).
    """
    private = rsa.generate_private_key(65537, bits)
    public = private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    text = base64.b64encode(b'{"code":200}').decode()
    signature = private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    signed = {
        "response": {"code": 200},
        "response_base64": text,
        "private_key_used": "global",
        "signature": base64.b64encode(signature).decode(),
    }
    for key in (
        public,
        [public],
        {"id": public},
        pem,
        pem.decode(),
        jwks_of({"id": public}),
        PUBLIC_KEY + pem.decode(),
    ):
        with pytest.raises(PublicKeyError, match=f"{bits} bits; at least 2048"):
            verify_response(signed, key)


@pytest.fixture
def protected_log(database_url: str) -> Iterator[ProtectedLog]:
    """An audit log whose triggers were asked for, with one record, and a user who may only write rows."""
    with protected_audit_log(database_url) as log:
        yield log


_NO_CONSTRAINTS = {
    "sqlite": ["PRAGMA ignore_check_constraints = ON", "PRAGMA recursive_triggers = OFF", "PRAGMA foreign_keys = OFF"],
    "postgresql": [],
    "mysql": [
        "SET SESSION check_constraint_checks = 0, foreign_key_checks = 0, unique_checks = 0, sql_mode = ''",
        "SET SESSION timestamp = 2145916800, time_zone = '+13:00'",
    ],
}


@pytest.mark.parametrize(
    ("occurred_at", "deleted_before"),
    [
        ("2000-01-01 00:00:00", "2020-06-01 00:00:00"),
        ("2000-01-01 00:00:00", "9999-01-01 00:00:00"),
        ("9999-12-31 00:00:00", "9999-12-31 00:00:00"),
        ("2037-06-01 00:00:00", "2037-06-01 00:00:00"),
    ],
    ids=["after itself", "long ago", "in the future", "before what the session says is now"],
)
def test_a_forged_purge_does_not_open_the_audit_log(
    protected_log: ProtectedLog, occurred_at: str, deleted_before: str
) -> None:
    """A purge record of the year 2000 that reached to 9999 let everything be deleted, for ever.

    A CHECK constraint was to keep such a purge out, and the user who writes rows could switch it off on MariaDB and
    SQLite. One dated 9999 passed it anyway, and let every later record be deleted without another trace.
    """
    forged = values_of_purge(occurred_at, deleted_before)
    delete = "DELETE FROM licensing_audit_records"
    protected_log.attack(*_NO_CONSTRAINTS[protected_log.database], f"INSERT INTO {forged}")
    refusals = protected_log.attack(f"{delete} WHERE id = 1", delete)
    assert ["append-only" in refusal for refusal in refusals] == [True, True]
    assert protected_log.records()[0] == FIRST


def test_a_forged_purge_from_before_the_triggers_permits_nothing(database_url: str) -> None:
    """The one dated 9999, stored before the audit log was protected."""
    late = datetime(9999, 12, 31)
    first = {"occurred_at": late, "action": "audit-log-purged", "deleted_before": late}
    with protected_audit_log(database_url, **first) as log:
        with log.user.begin() as connection:
            insert(connection, action="product-created")
        (refusal,) = log.attack("DELETE FROM licensing_audit_records WHERE id = 2")
        assert "append-only" in refusal
        assert log.records() == [(1, "audit-log-purged"), (2, "product-created")]


def test_two_purges_that_permit_each_other_are_not_deleted_both(protected_log: ProtectedLog) -> None:
    """Whatever was deleted, and in whatever order and statement, the purge that reaches furthest is still there."""
    now = values_of_purge("2020-06-01 00:00:00", "2020-06-01 00:00:00")
    protected_log.attack(
        *_NO_CONSTRAINTS[protected_log.database],
        f"INSERT INTO {now}",
        f"INSERT INTO {now}",
        f"INSERT INTO {values_of_purge('2020-07-01 00:00:00', '2020-07-01 00:00:00')}",
        "DELETE FROM licensing_audit_records WHERE id <> 4",
        "DELETE FROM licensing_audit_records",
        "UPDATE licensing_audit_records SET action = 'x', deleted_before = NULL",
        "DELETE FROM licensing_audit_records",
    )
    assert protected_log.records() == [(4, "audit-log-purged")]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_temporary_table_does_not_speak_for_the_audit_log(protected_log: ProtectedLog) -> None:
    """A temporary table of the audit log's name, with a purge in it, emptied the log on PostgreSQL.

    The trigger's function looked the table up by its bare name, and ``pg_temp`` comes first. SQLite looks into the
    trigger's own schema, and MariaDB hides the real table from the session that shadows it.
    """
    refusals = protected_log.attack(
        "CREATE TEMP TABLE licensing_audit_records (LIKE public.licensing_audit_records)",
        "INSERT INTO pg_temp.licensing_audit_records (id, occurred_at, action, actor, deleted_before)"
        " VALUES (99, '2020-06-01', 'audit-log-purged', 'host', '2020-06-01')",
        "SET search_path = pg_temp, public, pg_catalog",
        "DELETE FROM public.licensing_audit_records",
    )
    assert ["append-only" in refusal for refusal in refusals] == [True]
    assert protected_log.records() == [FIRST]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_operators_and_functions_of_another_schema_do_not_decide_what_is_a_purge(protected_log: ProtectedLog) -> None:
    """An operator for two ``varchar`` in a schema that everybody may create in fits better than PostgreSQL's own.

    With it any record would have been a purge (CVE-2018-1058 tells of the kind).
    """
    refusals = protected_log.attack(
        "CREATE FUNCTION public.always(varchar, varchar) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = public.always)",
        "CREATE FUNCTION public.currval(text) RETURNS bigint LANGUAGE sql AS 'SELECT 2147483647::bigint'",
        "SET search_path = public, pg_catalog",
        "INSERT INTO public.licensing_audit_records (occurred_at, action, actor, deleted_before)"
        " VALUES ('2020-06-01', 'x', 'host', '2020-06-01')",
        "DELETE FROM public.licensing_audit_records",
        "INSERT INTO public.licensing_audit_records (id, occurred_at, action, actor)"
        " VALUES (2147483647, '2020-06-01', 'x', 'host')",
    )
    assert [refusal.partition("\n")[0].partition(" takes ")[0] for refusal in refusals] == [
        "licensing_audit_records is append-only; flask licensing purge-audit-log deletes old records",
        "licensing_audit_records",
    ]
    assert protected_log.records() == [FIRST, (2, "x")]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_temporary_table_does_not_speak_for_the_audit_log_on_sqlite(protected_log: ProtectedLog) -> None:
    """SQLite looks the names in a trigger up in the trigger's own schema."""
    (refusal,) = protected_log.attack(
        "CREATE TEMP TABLE licensing_audit_records AS SELECT * FROM main.licensing_audit_records WHERE false",
        f"INSERT INTO temp.{values_of_purge('2020-06-01 00:00:00', '2020-06-01 00:00:00')}",
        "DELETE FROM main.licensing_audit_records",
    )
    assert "append-only" in refusal
    assert protected_log.records() == [FIRST]


@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)
def test_a_purge_that_is_not_committed_permits_nothing_to_another_connection(protected_log: ProtectedLog) -> None:
    """MariaDB lets a session read what another has yet to commit.

    One connection stored a purge, another at READ UNCOMMITTED deleted under it and committed, the first rolled back:
    the log was empty and no purge in it.
    """
    with protected_log.user.connect() as connection:
        purge(connection, deleted_before=NOW)
        (refusal,) = protected_log.attack(
            "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED",
            "SET SESSION innodb_lock_wait_timeout = 0",
            "DELETE FROM licensing_audit_records WHERE id = 1",
        )
        assert "Lock wait timeout" in refusal
        connection.rollback()
    assert protected_log.records() == [FIRST]


@pytest.mark.parametrize("audit_id", [-1, 0, 2, 50, 2**31 - 1, 2**63 - 1])
def test_no_record_brings_an_id_that_later_ones_run_into(protected_log: ProtectedLog, audit_id: int) -> None:
    """A record with the id -1 stopped every later change on SQLite.

    Before it stores a row SQLite shows a trigger -1 for the id it has yet to choose, and the trigger took the record
    with that id for the one about to be replaced. The largest id there can be stopped MariaDB, and let SQLite choose
    ids at random, so that the newest record no longer came first.
    """
    columns = "INSERT INTO licensing_audit_records (occurred_at, action, actor, id)"
    no_journal = {"sqlite": ["PRAGMA journal_mode = OFF"], "mysql": ["SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'"]}
    protected_log.attack(
        *no_journal.get(protected_log.database, []),
        columns + f" VALUES ('2020-01-02 00:00:00', 'x', 'y', {audit_id})",
    )
    with protected_log.user.begin() as connection:
        insert(connection, action="product-created")
    records = protected_log.records()
    assert [id_ for id_, action in records if action == "product-created"] == [1, records[-1][0]]
    assert records[-1][0] <= 3


@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)
def test_no_session_uses_up_the_ids_on_mariadb(protected_log: ProtectedLog) -> None:
    """A session says which id is the next; with the largest one, no change of the store could be recorded any more.

    Ids had 32 bits, and counting in steps of 65,535 used those up too.
    """
    add = "INSERT INTO licensing_audit_records (occurred_at, action, actor) VALUES ('2020-01-02', 'x', 'y')"
    for audit_id in (2**32 + 2, 2**63 - 2, 2**63 - 1, 2**64 - 1):
        for insert_one in (add, add.replace("INSERT", "REPLACE"), add.replace("INSERT", "INSERT IGNORE")):
            (refusal,) = protected_log.attack(f"SET insert_id = {audit_id}", insert_one)
            assert "takes no ids" in refusal
    assert protected_log.records() == [FIRST]
    # A replica takes what was counted where this many transactions were rolled back.
    assert protected_log.attack(f"SET insert_id = {2**32 + 1}", add) == []
    assert protected_log.attack("SET auto_increment_increment = 65535, auto_increment_offset = 65535", add) == []
    assert protected_log.attack(add) == []
    assert [audit_id // 2**32 for audit_id, _ in protected_log.records()] == [0, 1, 1, 1]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_ids_are_not_used_up_by_asking_for_them_on_postgresql(protected_log: ProtectedLog) -> None:
    """Whoever adds records may call ``nextval``, and two thousand million calls used up ids of 32 bits."""
    with protected_log.owner.begin() as connection:
        connection.execute(sa.text("SELECT setval('licensing_audit_records_id_seq', 2147483647)"))
    with protected_log.user.begin() as connection:
        insert(connection, action="product-created")
    assert protected_log.records() == [FIRST, (2**31, "product-created")]
    (refusal,) = protected_log.attack("SELECT setval('licensing_audit_records_id_seq', 9223372036854775807)")
    assert "permission denied" in refusal


def _dates_that_python_can_not_read(database: str) -> list[str]:
    ahead = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d %H:%M:%S}"
    dates = [f"'{date}'" for date in ("0999-12-31 23:59:59", ahead, "9999-12-31 23:59:59")]
    if database == "postgresql":
        return [*dates, "'infinity'", "'-infinity'", "'0044-03-15 BC'", "'294276-12-31'"]
    dates += [f"'{date}'" for date in ("0000-00-00", "2020-00-01", "2020-02-30 00:00:00", "2020-01-01 25:00:00", "x")]
    if database == "sqlite":
        fractions = ["'2020-01-01 00:00:00.5'", "'2020-01-01 00:00:00.00000x'", "'2020-01-01 00:00:00' || char(0, 120)"]
        dates += [*fractions, "'2020-01-01'", "20200101", "'12:00:00'", "CAST('2020-01-01 00:00:00' AS BLOB)"]
    return dates


def test_no_date_is_recorded_that_python_can_not_read(protected_log: ProtectedLog) -> None:
    """One record with the date ``infinity``, or of the year 0, and nobody could read the audit log any more.

    On MariaDB the session's modes decide what is a date, and whether an absent one becomes ``0000-00-00``.
    """
    anything_goes = {"mysql": ["SET sql_mode = 'ALLOW_INVALID_DATES', timestamp = 4102444800"]}
    columns = "INSERT INTO licensing_audit_records (occurred_at, deleted_before, action, actor) VALUES"
    day = "'2020-01-01 00:00:00'"
    values = [f"({day}, {date}, 'x', 'y')" for date in _dates_that_python_can_not_read(protected_log.database)]
    values += [f"({date}, NULL, 'x', 'y')" for date in _dates_that_python_can_not_read(protected_log.database)]
    values += ["(NULL, NULL, 'x', 'y')", f"(NULL, NULL, 'x', 'y'), ({day}, NULL, 'x', 'y')"]
    for value in values:
        before = anything_goes.get(protected_log.database, [])
        (refusal,) = protected_log.attack(*before, f"{columns} {value}")
        assert any(words in refusal for words in ("no dates before 1000", "NOT NULL", "not-null")), value
    assert protected_log.records() == [FIRST]
    soon = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=9)
    for date in (EARLIEST_DATE, datetime(2020, 2, 29, 23, 59, 59, 999999), soon):
        with protected_log.user.begin() as connection:
            insert(connection, action="x", occurred_at=date, deleted_before=date)
    assert len(protected_log.records()) == 4


@pytest.mark.parametrize(
    "headers",
    [
        'Content-Disposition: form-data; name="owner_name"; name="unknown"',
        'Content-Disposition: form-data; name="owner_name"; name=owner_name',
        'Content-Disposition: form-data; name="owner_name"; NAME="unknown"',
        "Content-Disposition: form-data; name*=utf-8''owner_name",
        "Content-Disposition: form-data; name=\"unknown\"; name*=utf-8''owner_name",
        'Content-Disposition: form-data; name*0="owner_"; name*1="name"',
        r'Content-Disposition: form-data; name="owner\_name"',
        r'Content-Disposition: form-data; name="a\"; name="owner_name"',
        'Content-Disposition: form-data; name = "owner_name"',
        'Content-Disposition: form-data, name="owner_name"',
        'Content-Disposition: form-data; name="owner_name',
        'Content-Disposition: form-data; name=owner_name"',
        'Content-Disposition: form-data; name="owner_name" x',
        'Content-Disposition: form-data; name="owner_name\0"',
        'Content-Disposition: form-data; name="owner_name"; filename="a"',
        'Content-Disposition: form-data; name="owner_name"; filename=""',
        "Content-Disposition: form-data; name=\"owner_name\"; filename*=utf-8''a",
        'Content-Disposition: attachment; name="owner_name"',
        'Content-Disposition: name="owner_name"',
        "Content-Disposition: form-data",
        'Content-Disposition : form-data; name="owner_name"',
        'Content-Disposition: form-data;\r\n name="owner_name"',
        'Content-Disposition: form-data; name="owner_name"\nX: y',
        'Content-Disposition: form-data; name="owner_name"\rX: y',
        'Content-Disposition: form-data; name="owner_name"\r\nno header',
        'Content-Disposition: form-data; name="owner_name"\r\nContent-Disposition: form-data; name="unknown"',
        'Content-Disposition: form-data; name="owner_name"\r\ncontent-disposition: form-data; name="owner_name"',
        'Content-Disposition: form-data; name="owner_name"\r\nContent-Type: text/plain\r\nContent-Type: text/plain',
        'Content-Disposition: form-data; name="owner_name"\r\nContent-Type: text/plain; charset=utf-8; charset=latin1',
        "Content-Disposition: form-data; name=\"owner_name\"\r\nContent-Type: text/plain; charset*=utf-8''latin1",
        'Content-Disposition: form-data; name="owner_name"\r\nContent-Type: multipart/mixed; boundary=C',
        'Content-Disposition: form-data; name="owner_name"'
        "\r\nContent-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: base64",
        'Content-Disposition: form-data; name="owner_name"' + "".join(f"\r\n{letter}: x" for letter in "ABCDEFGH"),
        'Content-Disposition: form-data; name="owner_name"\r\nX: ' + "x" * (2048 - 59),
        "",
    ],
    ids=repr,
)
def test_a_part_that_can_be_read_in_two_ways_is_malformed(host: Host, headers: str) -> None:
    """Of two names, dispositions, types or transfer encodings of a part one was chosen, and “name*=”, folded lines and
    names that are not closed were read after Werkzeug's best guess: a proxy that looks into forms may choose another.
    A file in place of a field was passed over, so that license keys were sold without the owner who was sent."""
    part = b"--B\r\n" + headers.encode() + b"\r\n\r\nZoe\r\n"
    answer = _send(host, _multipart(host, part), MULTIPART)
    assert (answer.status_code, host.verified(answer)["code"]) == (400, 9400)
    assert host.stored_license_keys() == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"--B\r\n", b"preamble\r\n--B\r\n"),
        (b"--B\r\n", b"\xef\xbb\xbf--B\r\n"),
        (b"--B\r\n", b"--B \r\n"),
        (b"--B\r\n", b"--B\n"),
        (b"\r\n", b"\n"),
        (b"--B--\r\n", b"--B--\r\nepilogue"),
        (b"--B--\r\n", b"--B--\r\n\r\n"),
        (b"--B--\r\n", b"--B--\n"),
        (b"--B--\r\n", b"--B-- \r\n"),
        (b"--B--\r\n", b"--B-\r\n"),
        (b"--B--\r\n", b"--B--" + b'\r\n--B\r\nContent-Disposition: form-data; name="owner_name"\r\n\r\nZoe\r\n--B--'),
        (b"\r\n--B--", b"\r\n--Bx\r\n--B--"),
    ],
)
def test_what_is_around_the_parts_of_a_form_is_malformed(host: Host, old: bytes, new: bytes) -> None:
    """What stood before the first part and behind the last one was passed over; another reader takes it for parts."""
    whole = _multipart(host)
    body = whole.replace(old, new) if old == b"\r\n" else whole.replace(old, new, 1)
    assert body != whole
    answer = _send(host, body, MULTIPART)
    assert (answer.status_code, host.verified(answer)["code"]) == (400, 9400)


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=B; boundary=C",
        "multipart/form-data; boundary=C; boundary=B",
        "multipart/form-data; boundary=B; Boundary=B",
        "multipart/form-data; boundary*=utf-8''B",
        "multipart/form-data; boundary*0=B",
        "multipart/form-data; boundary=C; boundary*=utf-8''B",
        'multipart/form-data; boundary="B',
        'multipart/form-data; boundary=""',
        'multipart/form-data; boundary="B "',
        r'multipart/form-data; boundary="\B"',
        "multipart/form-data; boundary=" + "B" * 71,
        "multipart/form-data; boundary=B" + "; a=b" * 200,
        "multipart/form-data",
    ],
)
def test_a_boundary_that_can_be_read_in_two_ways_is_malformed(host: Host, content_type: str) -> None:
    """Of two boundaries Werkzeug takes the last one; a proxy that takes the first sees another form."""
    body = _multipart(host)
    for boundary in (b"B", b"C", b"B" * 71):
        answer = _send(host, body.replace(b"--B", b"--" + boundary), content_type)
        assert (answer.status_code, host.verified(answer)["code"]) == (400, 9400)


@pytest.mark.parametrize("media_type", [FORM, "application/json", MULTIPART])
def test_a_content_type_of_any_length_is_read_to_a_kilobyte(host: Host, media_type: str) -> None:
    """Every parameter of a ``Content-Type`` was parsed, hundreds of thousands where the web server passes them on."""
    answer = _send(host, b"{}", media_type + " " * (1024 - len(media_type)) + ";")
    assert (answer.status_code, host.verified(answer)["code"]) == (400, 9400)
    assert "Content-Type" in host.verified(answer)["message"]


@pytest.mark.parametrize("length", ["-1", "+5", "5, 5", "5 5", "0x5", "1_0", "\u0665", "5.0", "9" * 19, "9" * 5000])
def test_a_length_that_is_no_number_is_malformed(host: Host, length: str) -> None:
    """Werkzeug takes a ``Content-Length`` that is none for 0, and the body for empty; uWSGI passes them on, and reads
    as much as it makes of them itself."""
    answer = host.app.test_client().post(
        PATH,
        data=urlencode(host.fields()),
        headers={"Authorization": f"Bearer {host.secret}"},
        environ_overrides={"CONTENT_LENGTH": length},
    )
    assert (answer.status_code, host.verified(answer)["code"]) == (400, 9400)
    assert host.stored_license_keys() == []


@pytest.mark.parametrize(
    "environ",
    [
        {"HTTP_TRANSFER_ENCODING": "chunked"},
        {"HTTP_TRANSFER_ENCODING": "identity"},
        {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""},
        {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": "0"},
        {"SERVER_PROTOCOL": "HTTP/2", "CONTENT_LENGTH": ""},
    ],
    ids=repr,
)
def test_a_body_of_unknown_length_is_not_taken_for_empty(host: Host, environ: dict[str, Any]) -> None:
    """Behind servers that do not end a body in chunks themselves, it was taken for empty: every field was missing. With
    a length beside the chunks, uWSGI passes on as much of the raw chunks."""
    answer = host.app.test_client().post(
        PATH,
        data=urlencode(host.fields()),
        headers={"Authorization": f"Bearer {host.secret}"},
        environ_overrides=environ,
    )
    assert (answer.status_code, host.verified(answer)["code"]) == (400, 9400)
    assert "Content-Length" in host.verified(answer)["message"]
    assert host.stored_license_keys() == []


def test_a_form_with_a_byte_order_mark_is_malformed(host: Host) -> None:
    """The mark became part of the first field's name, so that license keys were sold without the owner who was sent."""
    answer = _send(host, b"\xef\xbb\xbfowner_name=Zoe&" + urlencode(host.fields()).encode(), FORM)
    assert (answer.status_code, host.verified(answer)["code"]) == (400, 9400)


def test_percent_signs_that_begin_no_escape_are_kept_up_to_a_thousand(host: Host) -> None:
    form = urlencode(host.fields()).encode()
    owner = b"100% =%zz %2 %u0041 %4%341 %%22"
    assert host.verified(_send(host, form + b"&owner_name=" + owner, FORM))["code"] == 900
    with host.app.app_context():
        stored = find_license_key(host, "AAAA-1111")
    assert stored is not None
    assert stored.terms.owner_name == '100% =%zz %2 %u0041 %441 %"'
    assert host.verified(_send(host, form + b"&x=" + b"%" * 1000, FORM))["code"] == 902
    assert host.verified(_send(host, form + b"&x=" + b"%" * 1001, FORM))["code"] == 9400


def test_an_export_follows_no_planted_link_and_is_for_its_owner_alone(host: Host, tmp_path: Path) -> None:
    """The draft of an export had a name that anyone could guess.

    In a folder that others write to, a link ``stock.csv.unfinished`` sent the license keys to a file of theirs and
    overwrote it; the export itself was readable by everybody.
    """
    victim = tmp_path / "victim"
    victim.write_text("as it was")
    (tmp_path / "stock.csv.unfinished").symlink_to(victim)
    umask = os.umask(0)
    try:
        with host.app.app_context():
            host.licensing.export_license_keys(tmp_path / "stock.csv")
    finally:
        os.umask(umask)
    assert victim.read_text() == "as it was"
    assert (tmp_path / "stock.csv").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("count", [-1, 2])
def test_a_count_that_can_not_be_is_no_answer_and_nothing_is_created(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, count: int
) -> None:
    """``"created": -1`` was signed on PostgreSQL with SQLAlchemy 2.0.16 to 2.0.27, which do not know how many rows an
    INSERT from a SELECT stored. The license keys were there, and the client read that none was created."""
    add = SQLAlchemyKeyStore.add_license_keys

    def miscount(*arguments: Any) -> int:
        add(*arguments)
        return count

    monkeypatch.setattr(SQLAlchemyKeyStore, "add_license_keys", miscount)
    response = host.create()
    assert (response["code"], "created" in response) == (9500, False)
    (tmp_path / "stock.txt").write_text("AAAA-1111\n")
    with host.app.app_context(), pytest.raises(LicensingError, match=f"created {count} of 1"):
        host.licensing.import_license_keys(tmp_path / "stock.txt", product_id=host.product_id)
    assert host.stored_license_keys() == []


@pytest.mark.parametrize(
    "written",
    ["192.0.2.9:4711", "[2001:db8::1]:443", "[2001:db8::1]", " 192.0.2.9", " [2001:DB8:0::1] ", "2001:db8::1%2"],
)
def test_a_blocked_address_is_blocked_however_a_proxy_writes_it(create_host: Callable[..., Host], written: str) -> None:
    """What ``ipaddress`` could not read was in no network, so that a proxy that adds the port opened the block list."""
    host = create_host(blocked_addresses=["192.0.2.9", "2001:db8::1"])
    refused = host.post(host.fields(), environ_overrides={"REMOTE_ADDR": written})
    assert (refused.status_code, host.verified(refused)["code"]) == (403, 150)
    other = written.replace("::1", "::2").replace("2.9", "2.8")
    assert host.post(host.fields(), environ_overrides={"REMOTE_ADDR": other}).status_code == 200


def test_no_text_of_a_request_stands_in_a_signed_answer(host: Host) -> None:
    """A sentence held the path that was asked for: whatever text a stranger wanted, he got it with a signature.

    The marker is wherever a request can have text: in the names and values of fields, in media types, headers and
    queries. The one thing of a request in an answer, its id, is in a header, which is not signed."""
    mark = "f0rged"
    license_keys = json.dumps([mark, mark + "\x00"])
    fields = host.fields() | dict.fromkeys(("status", "product_id", "validity", "assigned_at", "owner_email"), mark)
    part = f'form-data; name="{mark}"'
    bodies: list[tuple[bytes | str, str]] = [
        (urlencode(fields | {mark: mark, "license_keys": license_keys}), FORM),
        (urlencode([(mark, mark)] * 1001), FORM),
        (urlencode([("status", mark)] * 2), FORM),
        (json.dumps(fields | {mark: {mark: mark}, "license_keys": [mark + "\x00"]}), "application/json"),
        (json.dumps({"license_keys": {mark: mark}}), "application/json"),
        (f'{{"{mark}": {mark}}}', "application/json"),
        (mark, f"text/{mark}"),
        (mark, f"multipart/form-data; boundary={mark}"),
        (_multipart(host, _part(part, mark.encode(), f"Content-Type: text/plain; charset={mark}")), MULTIPART),
        (_multipart(host, _part(part, mark.encode(), f"Content-Transfer-Encoding: {mark}")), MULTIPART),
        (_multipart(host, _part(f"{mark}; name={mark}", mark.encode(), mark)), MULTIPART),
    ]
    client = host.app.test_client()
    answers = [_send(host, body, media_type, **{"X-Request-ID": mark}) for body, media_type in bodies]
    answers += [
        _send(host, "", FORM, **{header: mark})
        for header in ("Content-Encoding", "Authorization", "Content-Length", "Host", "User-Agent", "Cookie", "Accept")
    ]
    answers += [
        _send(host, "", FORM, **{"Idempotency-Key": mark * 50}),
        client.post(f"{PATH}?{mark}={mark}", data={"api_key": mark}),
        client.delete(f"{PATH}?{mark}", headers={"X-HTTP-Method-Override": mark}),
        client.get(f"/api/v1/public-keys?format={mark}"),
        client.put(f"/api/v1/openapi.json?{mark}"),
    ]
    codes = {host.verified(answer)["code"] for answer in answers if answer.mimetype == "application/json"}
    assert codes >= {100, 901, 9400, 9405, 9415}
    assert not [answer.text for answer in answers if mark in answer.text]


@pytest.mark.parametrize("name", ["global.active.pem", "Global.pem", "global.20260101.active.pem", "global.PEM"])
def test_an_app_whose_private_key_is_misnamed_does_not_start(
    create_host: Callable[..., Host], tmp_path: Path, private_key: str, name: str
) -> None:
    """An app whose only key had a name that is no key's counted as one without keys: it sent successes unsigned.

    One letter was enough to take the signature off every answer, and nothing but a line in the log said so. More such
    names are in tests/test_private_key_sources.py.
    """
    (tmp_path / name).write_text(private_key)
    with pytest.raises(PrivateKeyError, match=f"{name} is no private key by its name; it should be called global.pem"):
        create_host(private_key_source=f"file:{tmp_path}")


def test_an_answer_about_a_product_without_a_key_is_no_unsigned_success_where_others_have_one(
    create_host: Callable[..., Host], tmp_path: Path, private_key: str
) -> None:
    """With ``product-1.pem`` alone, answers about product 2 were successes without a signature."""
    (tmp_path / "product-1.pem").write_text(private_key)
    host = create_host(private_key_source=f"file:{tmp_path}")
    with host.app.app_context():
        other_product = host.licensing.create_product("Video Editor").id
    answer = host.post(host.fields(product_id=other_product))
    assert (answer.status_code, answer.get_json()["response"]["code"]) == (500, 9500)
    assert host.stored_license_keys() == []


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "9" * 4301, str(2**64)])
def test_the_verifier_gives_out_no_number_that_was_not_signed(private_key: str, public_key: str, number: str) -> None:
    """A signed ``1e999`` came out as infinity, in which every limit is kept."""
    signer = load_pem_private_key(private_key.encode(), None)
    assert isinstance(signer, rsa.RSAPrivateKey)
    text = base64.b64encode(f'{{"activation_limit":{number}}}'.encode()).decode()
    signature = signer.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    signed = {
        "response": {"activation_limit": float("inf")},
        "response_base64": text,
        "private_key_used": "product",
        "signature": base64.b64encode(signature).decode(),
    }
    with pytest.raises(MalformedEnvelope):
        verify_response(signed, public_key)


def test_an_id_that_was_there_before_the_triggers_does_not_stop_later_records(database_url: str) -> None:
    """The same record with the id -1, stored before the audit log was protected."""
    with protected_audit_log(database_url, id=-1) as log:
        with log.user.begin() as connection:
            insert(connection, action="product-created")
        assert [action for _, action in log.records()] == ["product-created"] * 2
