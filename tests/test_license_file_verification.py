"""Checking license files without a network: the published ones, keys in every form, times, and anything else."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from flask_licensing import errors
from flask_licensing.core.public_keys import public_key_pem
from flask_licensing.verification import (
    MAX_LICENSE_FILE_LENGTH,
    BadLicenseFileSignature,
    ClockSetBack,
    LeaseEnded,
    LicenseFile,
    LicenseFileError,
    MalformedLicenseFile,
    PublicKeyError,
    load_public_keys,
    verify_license_file,
)
from tests import license_file_vectors
from tests.foreign_clients import run_php
from tests.key_pairs import key_pairs
from tests.license_file_vectors import CLAIMS, HEADER, IDENTIFIER, NOW, PRODUCT_ID, PUBLIC_KEY, token
from tests.signature_vectors import as_text

DOCUMENT = json.loads(license_file_vectors.FILE.read_text())
JWKS = json.dumps({"keys": DOCUMENT["keys"]})
LOADED = load_public_keys(JWKS)
VECTORS = DOCUMENT["tests"]
TOKEN = token()
(OTHER,) = key_pairs(1)


def _verify(of: str | bytes = TOKEN, keys: Any = JWKS, *, seconds: float = 0, **changes: Any) -> LicenseFile:
    question: Any = {"product_id": PRODUCT_ID, "identifier": IDENTIFIER, "now": _moment(NOW + seconds)} | changes
    return verify_license_file(of, keys, **question)


def _moment(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)


# The published ones


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["comment"] for vector in VECTORS])
def test_a_published_license_file_has_its_result(vector: dict[str, Any]) -> None:
    question = {"product_id": vector["product_id"], "identifier": vector["identifier"], "now": _moment(vector["now"])}
    if vector["result"] == "valid":
        assert verify_license_file(vector["token"], LOADED, **question).product_id == PRODUCT_ID
        return
    with pytest.raises(LicenseFileError) as raised:
        verify_license_file(vector["token"], LOADED, **question)
    assert type(raised.value) is getattr(errors, vector["result"])


def test_the_file_is_what_its_program_makes() -> None:
    assert license_file_vectors.FILE.read_text() == as_text(license_file_vectors.build())
    assert len({vector["comment"] for vector in VECTORS}) == len(VECTORS)


def test_every_error_has_a_published_license_file() -> None:
    raised = {kind.__name__ for kind in LicenseFileError.__subclasses__()}
    assert {vector["result"] for vector in VECTORS} == raised | {"valid"}


def test_pyjwt_takes_none_that_is_signed_wrongly_and_all_that_are_valid() -> None:
    """Types and times are told to it, or are left to the clock: the rest is its own."""
    key = jwt.PyJWK(DOCUMENT["keys"][0])
    options: Any = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
    for vector in VECTORS:
        if vector["result"] == "valid":
            claims = jwt.decode(vector["token"], key, algorithms=["RS256"], options=options)
            assert claims["identifier"] == vector["identifier"]
        elif vector["result"] == "BadLicenseFileSignature" and "key id" not in vector["comment"]:
            with pytest.raises(jwt.InvalidTokenError):
                jwt.decode(vector["token"], key, algorithms=["RS256"], options=options)


PHP = """
$decode = fn($text) => base64_decode(strtr($text, '-_', '+/'));
$read = json_decode(file_get_contents($argv[1]), true);
foreach ($read['tests'] as $test) {
    if (!in_array($test['result'], ['valid', 'BadLicenseFileSignature']) || str_contains($test['comment'], 'key id')) {
        continue;
    }
    [$header, $claims, $signature] = explode('.', $test['token']);
    $verified = openssl_verify("$header.$claims", $decode($signature), $argv[2], OPENSSL_ALGO_SHA256) === 1;
    if ($verified !== ($test['result'] === 'valid')) {
        echo $test['comment'];
    }
}
echo 'done';
"""


def test_php_verifies_the_same_signatures() -> None:
    assert run_php(PHP, "", str(license_file_vectors.FILE), public_key_pem(PUBLIC_KEY)) == "done"


# What is given


def test_everything_that_a_license_file_says_is_given_back() -> None:
    assert _verify() == LicenseFile(
        license_key="AAAA-1111",
        identifier=IDENTIFIER,
        product_id=PRODUCT_ID,
        activation_limit=2,
        expires_at=datetime(2026, 3, 2),
        issued_at=datetime(2026, 1, 1),
        lease_ends_at=datetime(2026, 1, 31),
        issuer="https://licensing.example",
        id="0123456789abcdefABCDEF",
    )


@pytest.mark.parametrize(
    "keys",
    [
        JWKS,
        JWKS.encode(),
        public_key_pem(PUBLIC_KEY),
        OTHER.public_pem + public_key_pem(PUBLIC_KEY),
        [OTHER.public_pem, JWKS],
        PUBLIC_KEY,
        LOADED,
    ],
    ids=["JWKS", "bytes", "PEM", "several PEM", "a list", "loaded", "loaded by ids"],
)
def test_public_keys_are_taken_in_every_form(keys: Any) -> None:
    assert _verify(keys=keys).license_key == "AAAA-1111"
    assert _verify(token(header={"alg": "RS256", "typ": "license+jwt"}), keys).license_key == "AAAA-1111"


def test_another_public_key_verifies_nothing() -> None:
    with pytest.raises(BadLicenseFileSignature, match="not among those given"):
        _verify(keys=OTHER.public_pem)
    with pytest.raises(BadLicenseFileSignature, match="does not fit"):
        _verify(token(header={"alg": "RS256", "typ": "license+jwt"}), OTHER.public_pem)


def _jwks(**purpose: Any) -> str:
    (key,) = DOCUMENT["keys"]
    return json.dumps({"keys": [key | purpose]})


@pytest.mark.parametrize(
    "keys",
    [
        public_key_pem(rsa.generate_private_key(65537, 1024).public_key()),  # noqa: S505 - it is to be refused
        _jwks(use="enc"),
        _jwks(alg="RS512"),
        _jwks(key_ops=["sign"]),
        [],
        "",
        None,
        7,
    ],
    ids=["1024 bits", "use", "alg", "key_ops", "none", "empty", "None", "a number"],
)
def test_what_is_no_public_key_for_this_says_nothing_about_the_license_file(keys: Any) -> None:
    with pytest.raises(PublicKeyError):
        _verify(keys=keys)


def test_white_space_around_a_license_file_and_an_identifier_is_not_part_of_it() -> None:
    assert _verify(f" {TOKEN}\r\n", identifier=f" {IDENTIFIER} ") == _verify(TOKEN.encode())


def test_a_license_file_is_bounded_before_it_is_read() -> None:
    assert _verify(TOKEN.ljust(MAX_LICENSE_FILE_LENGTH)).license_key == "AAAA-1111"
    with pytest.raises(MalformedLicenseFile, match="more than 16384"):
        _verify(TOKEN.ljust(MAX_LICENSE_FILE_LENGTH + 1))


def test_the_longest_texts_fit_with_the_longest_private_key() -> None:
    longest = token(claims=json.dumps(CLAIMS | dict.fromkeys(("sub", "identifier", "iss"), "😀" * 255)).encode())
    signature_of_16384_bits = "A" * (16384 // 6 + 1)
    assert len(longest.rpartition(".")[0]) + 1 + len(signature_of_16384_bits) <= MAX_LICENSE_FILE_LENGTH


# When


def test_times_are_compared_to_the_fraction_of_a_second() -> None:
    assert _verify(seconds=-60).issued_at == datetime(2026, 1, 1)
    with pytest.raises(ClockSetBack):
        _verify(seconds=-60.001)
    assert _verify(seconds=30 * 86_400 - 0.001).lease_ends_at == datetime(2026, 1, 31)
    with pytest.raises(LeaseEnded):
        _verify(seconds=30 * 86_400)


def test_a_time_may_be_naive_utc_or_have_an_offset() -> None:
    just_before = datetime(2026, 1, 30, 23, 59, 59)
    assert _verify(now=just_before) == _verify(now=just_before.replace(tzinfo=UTC))
    with pytest.raises(LeaseEnded):
        _verify(now=datetime.fromisoformat("2026-01-30T23:59:59-00:01"))


def test_by_default_this_computers_clock_is_asked() -> None:
    now = int(datetime.now(UTC).timestamp())
    expires_at = (datetime.now(UTC) + timedelta(days=9)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    lasting = token(claims=CLAIMS | {"iat": now, "exp": now + 3600, "expires_at": expires_at})
    ended = token(claims=CLAIMS | {"iat": now - 10, "exp": now, "expires_at": expires_at})
    assert _verify(lasting, now=None).identifier == IDENTIFIER
    with pytest.raises(LeaseEnded):
        _verify(ended, now=None)


# Whatever there is

JSON_VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=5,
)


@given(st.text() | st.binary() | st.tuples(st.binary(), st.binary(), st.binary()).map(b".".join))
def test_no_text_at_all_is_a_license_file_or_raises_another_error(text: str | bytes) -> None:
    with pytest.raises(MalformedLicenseFile):
        _verify(text, LOADED)


@given(st.sampled_from([*CLAIMS]), JSON_VALUES)
def test_no_value_of_a_claim_raises_another_error(name: str, value: object) -> None:
    try:
        read = _verify(token(claims=json.dumps(CLAIMS | {name: value}).encode()), LOADED)
    except LicenseFileError:
        return
    assert (read.product_id, read.identifier) == (PRODUCT_ID, IDENTIFIER)


@given(st.sampled_from([*HEADER, "crit"]), JSON_VALUES)
def test_no_value_in_the_header_passes_for_another(name: str, value: object) -> None:
    try:
        _verify(token(header=json.dumps(HEADER | {name: value}).encode()), LOADED)
    except LicenseFileError:
        return
    assert name == "kid"
    assert value in {None, HEADER["kid"]}


@given(st.integers(0, len(TOKEN) - 1), st.characters(codec="ascii"))
def test_no_character_of_a_license_file_can_be_another(place: int, character: str) -> None:
    changed = TOKEN[:place] + character + TOKEN[place + 1 :]
    if changed.strip() == TOKEN:
        return
    with pytest.raises(LicenseFileError):
        _verify(changed, LOADED)
