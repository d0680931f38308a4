"""License files: who gets one, what it says, who signs it, and that libraries of others read it."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import sqlalchemy as sa

from flask_licensing import signals
from flask_licensing.errors import ConfigurationError, NoPrivateKey
from flask_licensing.http.answers import KEY_ID_HEADER
from flask_licensing.testing.parts import FrozenClock
from flask_licensing.verification import (
    BadLicenseFileSignature,
    BadSignature,
    MalformedEnvelope,
    MalformedLicenseFile,
    NoLicenseFile,
    load_public_keys,
    verify_license_file,
    verify_response,
)
from tests.foreign_clients import run_openssl
from tests.key_pairs import key_pairs
from tests.test_statements import counted_statements

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask

    from tests.hosts import Host

KEY = "AAAA-1111"
IDENTIFIER = "zoe.example"
QUESTION = {"license_key": KEY, "identifier": IDENTIFIER}
GLOBAL, OF_PRODUCT = key_pairs(2)
ISSUED = 1767225600
"""When the frozen clock stands still."""

DAY = 86_400


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def site(create_host: Callable[..., Host], clock: FrozenClock) -> Host:
    """A site whose product has a private key of its own, with a license key that is activated."""
    made = create_host(
        private_key_source=lambda product_id: (OF_PRODUCT if product_id else GLOBAL).private,
        clock=clock,
        license_file_issuer="https://licensing.example",
    )
    made.public_key = GLOBAL.public_pem + OF_PRODUCT.public_pem
    _activate(made)
    return made


def _activate(site: Host, **fields: str) -> None:
    assert site.create(**{"status": "assigned", "activation_limit": "3"} | fields)["code"] == 900
    assert site.ask("activate", **QUESTION)["code"] == 300


def _license_file(site: Host) -> str:
    return str(site.ask("get-license-file", **QUESTION)["license_file"])


def _part(token: str, number: int) -> Any:
    text = token.split(".")[number]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def _published(site: Host, product_id: int | None = None) -> str:
    path = "/api/v1/public-keys" if product_id is None else f"/api/v1/public-keys/{product_id}"
    return site.app.test_client().get(path).text


# Who gets one


def test_the_refusals_are_those_of_verify_in_their_order(site: Host, clock: FrozenClock) -> None:
    def codes(**question: str) -> list[int]:
        return [site.ask(endpoint, **QUESTION | question)["code"] for endpoint in ("verify", "get-license-file")]

    def set_product(status: str) -> None:
        with site.app.app_context():
            site.db.session.execute(sa.text("UPDATE licensing_products SET status = :status"), {"status": status})
            site.db.session.commit()

    assert codes() == [200, 502]
    assert codes(license_key="unknown") == [210, 210]
    assert codes(identifier="") == [215, 215]
    assert codes(identifier="another") == [202, 202]
    site.ask("update-license-key", license_key=KEY, validity="1")
    clock.move(days=1)
    assert codes() == [205, 205]
    site.ask("update-license-key", license_key=KEY, status="reserved")
    assert codes() == [201, 201]
    site.ask("update-license-key", license_key=KEY, status="blocked")
    assert codes() == [204, 204]
    set_product("inactive")
    assert codes() == [203, 203]


def test_the_capability_is_one_of_its_own(site: Host) -> None:
    with site.app.app_context():
        site.secret = site.licensing.create_api_key("verifies", capabilities=["verify"]).secret
    assert site.ask("get-license-file", **QUESTION)["code"] == 102
    assert site.ask("verify", **QUESTION)["code"] == 200


def test_a_nonce_is_not_repeated(site: Host) -> None:
    answer = site.ask("get-license-file", **QUESTION, nonce="n" * 300)
    assert list(answer) == ["code", "message", "license_file", "timestamp"]


def test_a_license_file_takes_two_queries_and_one_record(host_on_each_database: Host) -> None:
    host = host_on_each_database
    _activate(host)
    for _ in range(2):
        with counted_statements(host) as statements:
            assert host.ask("get-license-file", **QUESTION)["code"] == 502
        assert [statement.split()[0] for statement in statements] == ["SELECT", "SELECT", "INSERT"]


def test_whoever_asks_for_a_license_file_was_seen(site: Host, clock: FrozenClock) -> None:
    def last_seen() -> Any:
        with site.app.app_context():
            return site.licensing.list_activations(KEY)[0].last_seen_at

    begun = clock.now
    clock.move(days=1)
    site.ask("get-license-file", license_key=KEY, identifier="another")
    assert last_seen() == begun
    _license_file(site)
    assert last_seen() == clock.now


def test_the_same_idempotency_key_gives_the_same_license_file(site: Host, clock: FrozenClock) -> None:
    headers = {"Idempotency-Key": "once"}
    first = site.post(QUESTION, path="/api/v1/get-license-file", headers=headers)
    clock.move(days=2)
    again = site.post(QUESTION, path="/api/v1/get-license-file", headers=headers)
    assert first.data == again.data
    assert site.verified(again)["license_file"] != _license_file(site)


# What it says


def test_a_license_file_says_what_the_contract_names(site: Host) -> None:
    token = _license_file(site)
    assert list(_part(token, 0).items()) == [("alg", "RS256"), ("kid", OF_PRODUCT.id), ("typ", "license+jwt")]
    claims = _part(token, 1)
    assert len(claims.pop("jti")) >= 20
    assert claims == {
        "iss": "https://licensing.example",
        "sub": KEY,
        "aud": f"product:{site.product_id}",
        "iat": ISSUED,
        "exp": ISSUED + 30 * DAY,
        "identifier": IDENTIFIER,
        "activation_limit": 3,
        "expires_at": None,
    }


def test_no_two_license_files_have_one_id(site: Host) -> None:
    assert _part(_license_file(site), 1)["jti"] != _part(_license_file(site), 1)["jti"]


@pytest.mark.parametrize(
    ("validity", "lease"), [("29", 29 * DAY), ("30", 30 * DAY), ("31", 30 * DAY)], ids=["first", "same", "later"]
)
def test_a_license_file_ends_with_its_lease_or_with_the_license_key(site: Host, validity: str, lease: int) -> None:
    changed = site.ask("update-license-key", license_key=KEY, validity=validity, assigned_at="2026-01-01 00:00:00")
    assert changed["code"] == 950
    claims = _part(_license_file(site), 1)
    assert claims["exp"] == ISSUED + lease
    assert claims["expires_at"] == f"2026-01-{int(validity) + 1:02}T00:00:00.000000Z".replace("01-32", "02-01")


def test_parts_of_a_second_make_no_part_of_a_date(site: Host, clock: FrozenClock) -> None:
    clock.move(microseconds=999_999)
    claims = _part(_license_file(site), 1)
    assert (claims["iat"], claims["exp"]) == (ISSUED, ISSUED + 30 * DAY)


def test_the_lease_is_a_setting(create_host: Callable[..., Host], clock: FrozenClock) -> None:
    site = create_host(clock=clock, license_file_days=1)
    _activate(site)
    assert _part(_license_file(site), 1)["exp"] == ISSUED + DAY


@pytest.mark.parametrize("days", [0, 36_501, 1.5, True, "30"])
def test_a_lease_is_a_whole_number_of_days(create_host: Callable[..., Host], days: object) -> None:
    with pytest.raises(ConfigurationError, match="LICENSE_FILE_DAYS"):
        create_host(license_file_days=days)


@pytest.mark.parametrize("days", [1, 36_500])
def test_the_shortest_and_the_longest_lease_are_taken(create_host: Callable[..., Host], days: int) -> None:
    assert create_host(license_file_days=days).licensing is not None


@pytest.mark.parametrize(("server_name", "issuer"), [(None, "host"), ("shop.example", "shop.example")])
def test_the_issuer_is_the_sites_own_name_and_never_what_a_request_says(
    create_host: Callable[..., Host], server_name: str | None, issuer: str
) -> None:
    site = create_host()
    _activate(site)
    site.app.config["SERVER_NAME"] = server_name
    headers = {"Authorization": f"Bearer {site.secret}", "Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    answer = site.app.test_client().post("/api/v1/get-license-file", data=QUESTION, headers=headers)
    assert _part(site.verified(answer)["license_file"], 1)["iss"] == issuer


# Who signs it


def test_the_private_key_of_the_product_signs_file_and_answer_and_is_published(site: Host) -> None:
    answer = site.send("POST", "get-license-file", QUESTION)
    token = site.verified(answer)["license_file"]
    assert json.loads(answer.text)["private_key_used"] == "product"
    assert answer.headers[KEY_ID_HEADER] == OF_PRODUCT.id
    assert _part(token, 0)["kid"] in {key["kid"] for key in json.loads(_published(site, site.product_id))["keys"]}
    assert _part(token, 0)["kid"] not in {key["kid"] for key in json.loads(_published(site))["keys"]}


def test_without_a_private_key_of_the_product_the_global_one_signs(create_host: Callable[..., Host]) -> None:
    site = create_host(private_key_source=lambda product_id: None if product_id else GLOBAL.private)
    site.public_key = GLOBAL.public_pem
    _activate(site)
    token = _license_file(site)
    assert _part(token, 0)["kid"] == GLOBAL.id
    jwks = _published(site, site.product_id)
    assert verify_license_file(token, jwks, product_id=site.product_id, identifier=IDENTIFIER).license_key == KEY


def test_without_any_private_key_there_is_no_license_file(create_host: Callable[..., Host]) -> None:
    site = create_host(private_key_source=lambda _: None)
    assert json.loads(site.post(site.fields(status="assigned")).text)["response"]["code"] == 900
    refused = site.send("POST", "get-license-file", QUESTION)
    assert json.loads(refused.text)["response"]["code"] == 202, "who gets none anyway is told why"
    site.send("POST", "activate", QUESTION)
    answer = site.send("POST", "get-license-file", QUESTION)
    response = json.loads(answer.text)["response"]
    assert (answer.status_code, response["code"]) == (501, 9501)
    assert response["message"] == "License files need a private key, and none is set"
    with site.app.app_context():
        with pytest.raises(NoPrivateKey):
            site.licensing.create_license_file(KEY, IDENTIFIER)
        assert not list(site.licensing.audit_log(action="license-file-created"))


def test_a_license_file_holds_until_the_private_key_that_signed_it_is_retired(
    create_host: Callable[..., Host], tmp_path: Path
) -> None:
    GLOBAL.write(tmp_path / "global.pem")
    site = create_host(private_key_source=f"file:{tmp_path}", private_key_refresh_seconds=0)
    site.public_key = GLOBAL.public_pem
    _activate(site)
    before = _license_file(site)

    def verify(token: str) -> str:
        jwks = _published(site, site.product_id)
        return verify_license_file(token, jwks, product_id=site.product_id, identifier=IDENTIFIER).license_key

    with site.app.app_context():
        rotated = site.licensing.rotate_private_key(bits=3072)
    after = str(json.loads(site.send("POST", "get-license-file", QUESTION).text)["response"]["license_file"])
    assert _part(after, 0)["kid"] == rotated.active.key_id
    assert verify(before) == verify(after) == KEY
    with site.app.app_context():
        site.licensing.retire_private_key(GLOBAL.id)
    assert verify(after) == KEY
    with pytest.raises(BadLicenseFileSignature, match="not among those given"):
        verify(before)


class _Remote:
    """A private key that stays elsewhere, and may keep its public part to itself or not sign."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails

    def sign(self, data: bytes) -> bytes:
        from flask_licensing.private_keys.signing import RsaSigner

        if self.fails and b"." in data:
            raise RuntimeError("the vault is sealed")
        return RsaSigner(OF_PRODUCT.private).sign(data)


def test_a_remote_signer_that_does_not_tell_its_public_key_signs_without_a_name(
    create_host: Callable[..., Host],
) -> None:
    remote = _Remote()
    site = create_host(private_key_source=lambda _: remote)
    site.public_key = OF_PRODUCT.public_pem
    _activate(site)
    token = _license_file(site)
    assert _part(token, 0) == {"alg": "RS256", "typ": "license+jwt"}
    keys = [GLOBAL.public_pem, OF_PRODUCT.public_pem]
    assert verify_license_file(token, keys, product_id=site.product_id, identifier=IDENTIFIER).identifier == IDENTIFIER


def test_a_remote_signer_that_fails_makes_no_license_file(create_host: Callable[..., Host]) -> None:
    remote = _Remote(fails=True)
    site = create_host(private_key_source=lambda product_id: remote if product_id else GLOBAL.private)
    site.public_key = GLOBAL.public_pem + OF_PRODUCT.public_pem
    _activate(site)
    answer = site.send("POST", "get-license-file", QUESTION)
    assert (answer.status_code, site.verified(answer)["code"]) == (500, 9500)
    with site.app.app_context():
        assert not list(site.licensing.audit_log(action="license-file-created"))


# Neither passes for the other: a dot stands in what a license file signs, and none in what an answer signs.


def test_a_license_file_passes_for_no_answer(site: Host) -> None:
    head, claims, signature = _license_file(site).split(".")
    encoded = base64.b64encode(base64.urlsafe_b64decode(signature + "==")).decode()
    for signed_text in (f"{head}.{claims}", claims, head + claims):
        payload = {"response": _part(f"{head}.{claims}", 1), "private_key_used": "product"}
        with pytest.raises((BadSignature, MalformedEnvelope)):
            verify_response(payload | {"response_base64": signed_text, "signature": encoded}, site.public_key)


def test_an_answer_passes_for_no_license_file(site: Host) -> None:
    answer = json.loads(site.send("POST", "get-license-file", QUESTION).text)
    signature = base64.urlsafe_b64encode(base64.b64decode(answer["signature"])).rstrip(b"=").decode()
    signed_text = answer["response_base64"]
    for token in (f"{signed_text}.{signature}", f"{signed_text}..{signature}", f".{signed_text}.{signature}"):
        with pytest.raises((MalformedLicenseFile, NoLicenseFile)):
            verify_license_file(token, site.public_key, product_id=site.product_id, identifier=IDENTIFIER)


# In Python, as a command, on record


@pytest.fixture
def app(site: Host) -> Any:
    with site.app.app_context():
        yield site.app


def test_a_license_file_is_made_from_python(app: Flask, site: Host, clock: FrozenClock) -> None:
    result = site.licensing.create_license_file(f" {KEY} ", f" {IDENTIFIER} ")
    assert (result.code.number, result.product_id) == (502, site.product_id)
    assert result.license_file is not None
    keys = load_public_keys(_published(site, site.product_id))
    read = verify_license_file(
        result.license_file, keys, product_id=site.product_id, identifier=IDENTIFIER, now=clock.now
    )
    assert (read.license_key, read.lease_ends_at) == (KEY, clock.now + timedelta(days=30))
    refused = site.licensing.create_license_file(KEY, "another")
    assert (refused.code.number, refused.license_file, refused.product_id) == (202, None, site.product_id)
    assert site.licensing.create_license_file("unknown", "a").product_id is None


def test_each_license_file_is_recorded_once_and_sent_after_the_commit(app: Flask, site: Host) -> None:
    sent = []

    def receive(_: Flask, **payload: Any) -> None:
        sent.append(payload)

    with signals.license_file_created.connected_to(receive, app):
        site.licensing.create_license_file(KEY, IDENTIFIER)
        site.licensing.create_license_file(KEY, "another")
        site.licensing.create_license_file(KEY, IDENTIFIER, commit=False)
        site.db.session.rollback()
    (record,) = site.licensing.audit_log(action="license-file-created")
    assert (record.event.product_id, record.event.target) == (site.product_id, "license-key:1")
    ((key, identifier),) = ((payload["license_key"].license_key, payload["identifier"]) for payload in sent)
    assert (key, identifier) == (KEY, IDENTIFIER)


def test_the_commands_make_and_verify_a_license_file(
    app: Flask, site: Host, clock: FrozenClock, tmp_path: Path
) -> None:
    def run(*arguments: str) -> Any:
        return site.app.test_cli_runner().invoke(args=["licensing", *arguments])

    def verify(identifier: str, *options: str, public_key: str = "public.json") -> Any:
        return run(
            *("verify-license-file", str(tmp_path / "license.jwt"), "--public-key", str(tmp_path / public_key)),
            *("--product", str(site.product_id), "--identifier", identifier, *options),
        )

    site.ask("update-license-key", license_key=KEY, assigned_at="2026-01-01 00:00:00")
    clock.move_to(_now())
    made = run("create-license-file", KEY, IDENTIFIER)
    assert made.exit_code == 0
    (tmp_path / "license.jwt").write_text(made.stdout)
    (tmp_path / "public.json").write_text(_published(site, site.product_id))
    (tmp_path / "global.json").write_text(_published(site))
    verified = verify(IDENTIFIER)
    ends = f"{clock.now + timedelta(days=30):%Y-%m-%d %H:%M:%S}"
    assert (verified.exit_code, verified.stdout) == (0, f"Valid until {ends} UTC: {KEY}\n")
    as_json = json.loads(verify(IDENTIFIER, "--json").stdout)
    assert (as_json["valid"], as_json["license_key"], as_json["issuer"]) == (True, KEY, "https://licensing.example")
    for refused in (verify("another"), verify(IDENTIFIER, public_key="global.json")):
        assert refused.exit_code == 1
        assert refused.stderr.startswith("Error: The license file is not valid: The ")
    assert verify(IDENTIFIER, public_key="missing").exit_code == 2
    (tmp_path / "license.jwt").write_text("x")
    malformed = verify(IDENTIFIER, "--json")
    assert (malformed.exit_code, json.loads(malformed.stdout)["valid"]) == (2, None)

    made = run("create-license-file", KEY, IDENTIFIER, "--json")
    assert json.loads(made.stdout)["license_file"].count(".") == 2
    refused = run("create-license-file", KEY, "another")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("202 No activation found")
    refused = run("create-license-file", KEY, "another", "--json")
    assert (refused.exit_code, json.loads(refused.stdout)["license_file"]) == (1, None)


def _now() -> Any:
    from flask_licensing.core.domain import utc_now

    return utc_now().replace(microsecond=0)


# Libraries of others


@pytest.fixture
def today(site: Host, clock: FrozenClock) -> Host:
    """The site, now: libraries read their own clock."""
    clock.move_to(_now())
    return site


def test_pyjwt_reads_it_with_the_published_keys(today: Host) -> None:
    token = _license_file(today)
    keys = jwt.PyJWKSet.from_json(_published(today, today.product_id))
    audience = f"product:{today.product_id}"
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(
        token,
        key,
        algorithms=["RS256"],
        audience=audience,
        issuer="https://licensing.example",
        options={"require": ["iss", "sub", "aud", "iat", "exp", "jti"]},
    )
    assert (claims["sub"], claims["identifier"]) == (KEY, IDENTIFIER)
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(token, key, algorithms=["RS256"], audience="product:99")
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token[:-4] + "AAAA", key, algorithms=["RS256"], audience=audience)


_JOSE = """
import { createRequire } from "node:module";
const { createLocalJWKSet, jwtVerify } = createRequire(process.cwd() + "/")("jose");
const [token, jwks, audience] = process.argv.slice(1);
const options = { algorithms: ["RS256"], typ: "license+jwt", audience };
try {
  const { payload } = await jwtVerify(token, createLocalJWKSet(JSON.parse(jwks)), options);
  console.log(payload.sub, payload.identifier);
} catch (error) {
  if (!error.code) throw error;
  console.log(error.code);
}
"""


def test_jose_of_javascript_reads_it_with_the_published_keys(today: Host) -> None:
    token, jwks = _license_file(today), _published(today, today.product_id)
    assert _run_jose(token, jwks, f"product:{today.product_id}") == f"{KEY} {IDENTIFIER}"
    assert _run_jose(token, jwks, "product:99") == "ERR_JWT_CLAIM_VALIDATION_FAILED"
    assert _run_jose(token[:-4] + "AAAA", jwks, "product:1") == "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"
    assert _run_jose(token, _published(today), "product:1") == "ERR_JWKS_NO_MATCHING_KEY"


def _run_jose(*arguments: str) -> str:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node.js: install it, as with “apt-get install nodejs npm”, and have node on the PATH")
    finished = subprocess.run(  # noqa: S603 - the test's own program
        [node, "--input-type=module", "-e", _JOSE, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    if "Cannot find module 'jose'" in finished.stderr:
        pytest.skip("needs jose: “npm install jose” in a folder, and NODE_PATH=FOLDER/node_modules")
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


def test_openssl_reads_it_by_the_arithmetic_of_rfc_7515(site: Host, tmp_path: Path) -> None:
    signed_text, _, signature = _license_file(site).rpartition(".")
    (tmp_path / "signed").write_text(signed_text)
    (tmp_path / "signature").write_bytes(base64.urlsafe_b64decode(signature + "=="))
    (tmp_path / "public.pem").write_text(OF_PRODUCT.public_pem)
    arguments = ["dgst", "-sha256", "-verify", str(tmp_path / "public.pem"), "-signature", str(tmp_path / "signature")]
    assert run_openssl(*arguments, str(tmp_path / "signed")).stdout.strip() == "Verified OK"
    (tmp_path / "signed").write_text(signed_text + ".")
    assert run_openssl(*arguments, str(tmp_path / "signed")).returncode == 1
