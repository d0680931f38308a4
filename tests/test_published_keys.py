"""``GET public-keys``: what verifies answers, for anyone."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from flask_licensing.hooks import PrivateKeyVersion
from flask_licensing.http.answers import KEY_ID_HEADER
from flask_licensing.private_keys.versions import PrivateKeyState
from flask_licensing.testing.parts import FrozenClock
from flask_licensing.verification import load_public_keys, verify_response
from tests.foreign_clients import run_openssl
from tests.key_pairs import key_pairs
from tests.test_statements import counted_statements

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from werkzeug.test import TestResponse

    from tests.hosts import Host

PATH = "/api/v1/public-keys"
OLD = "20260101T000000Z"
NEW = "20260201T000000Z"
FIRST, SECOND, THIRD, FOURTH = key_pairs(4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.mkdir()
    FIRST.write(path / "global.pem")
    return path


@pytest.fixture
def folder_host(create_host: Callable[..., Host], folder: Path) -> Host:
    """A host that looks at its folder of keys once, at start, as far as signing goes."""
    return create_host(private_key_source=f"file:{folder}", clock=FrozenClock())


def _get(host: Host, path: str = PATH, **options: Any) -> TestResponse:
    return host.app.test_client().open(path, **options)


def _ids(host: Host, path: str = PATH) -> list[str]:
    answer = _get(host, path)
    assert answer.status_code == 200
    return list(load_public_keys(answer.data))


def test_the_keys_are_published_as_jwks(folder_host: Host) -> None:
    answer = _get(folder_host)
    assert answer.mimetype == "application/jwk-set+json"
    (jwk,) = answer.get_json()["keys"]
    assert {name: jwk[name] for name in ("kty", "use", "alg", "kid", "e")} == {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": FIRST.id,
        "e": "AQAB",
    }
    assert jwk.keys() == {"kty", "use", "alg", "kid", "e", "n"}


def test_published_keys_verify_answers_and_their_ids_are_those_that_answers_name(folder_host: Host) -> None:
    answer = folder_host.post(folder_host.fields())
    public_keys = load_public_keys(_get(folder_host).data)
    assert verify_response(answer.data, public_keys[answer.headers[KEY_ID_HEADER]]).response["created"] == 1


def test_what_verifies_is_published_the_key_that_signs_first(folder_host: Host, folder: Path) -> None:
    SECOND.write(folder / f"global.{OLD}.verify-only.pem")
    THIRD.write(folder / f"global.{NEW}.active.pem")
    FOURTH.write(folder / f"global.{NEW}.pending.pem")
    assert _ids(folder_host) == [THIRD.id, FIRST.id, FOURTH.id, SECOND.id]
    (folder / f"global.{OLD}.verify-only.pem").rename(folder / f"global.{OLD}.retired.pem")
    assert _ids(folder_host) == [THIRD.id, FIRST.id, FOURTH.id]


def test_keys_are_published_at_once_though_signing_notices_them_later(folder_host: Host, folder: Path) -> None:
    assert _ids(folder_host) == [FIRST.id]
    SECOND.write(folder / f"global.{NEW}.active.pem")
    assert _ids(folder_host) == [SECOND.id, FIRST.id]
    assert folder_host.post(folder_host.fields()).headers[KEY_ID_HEADER] == FIRST.id


def test_a_key_that_is_gone_is_published_for_as_long_as_it_goes_on_signing(folder_host: Host, folder: Path) -> None:
    assert folder_host.post(folder_host.fields()).headers[KEY_ID_HEADER] == FIRST.id
    (folder / "global.pem").unlink()
    SECOND.write(folder / f"global.{NEW}.pending.pem")
    assert _ids(folder_host) == [FIRST.id, SECOND.id]
    (folder / "global.pem").write_text("half wri")
    assert _ids(folder_host) == [FIRST.id, SECOND.id]


def test_a_product_publishes_its_own_keys_and_the_global_ones_where_those_sign_for_it(
    folder_host: Host, folder: Path
) -> None:
    assert _ids(folder_host, f"{PATH}/1") == [FIRST.id]
    SECOND.write(folder / f"product-1.{OLD}.pending.pem")
    assert _ids(folder_host, f"{PATH}/1") == [FIRST.id, SECOND.id]
    (folder / f"product-1.{OLD}.pending.pem").rename(folder / f"product-1.{OLD}.active.pem")
    assert _ids(folder_host, f"{PATH}/1") == [SECOND.id]
    THIRD.write(folder / f"product-1.{NEW}.active.pem")
    (folder / f"product-1.{OLD}.active.pem").rename(folder / f"product-1.{OLD}.verify-only.pem")
    assert _ids(folder_host, f"{PATH}/1") == [THIRD.id, SECOND.id]
    assert _ids(folder_host) == [FIRST.id]


def test_an_unknown_product_is_answered_with_what_verifies_answers_about_it(folder_host: Host) -> None:
    answer = folder_host.post(folder_host.fields(product_id="99"))
    assert answer.get_json()["response"]["code"] == 901
    assert verify_response(answer.data, load_public_keys(_get(folder_host, f"{PATH}/99").data))
    with counted_statements(folder_host) as statements:
        assert _ids(folder_host, f"{PATH}/2147483647") == [FIRST.id]
    assert statements == []


def test_asking_for_products_without_keys_leaves_nothing_behind(folder_host: Host) -> None:
    ring = folder_host.app.extensions["licensing"].private_key_ring
    before = {name: len(value) for name, value in vars(ring).items() if isinstance(value, dict)}
    for product_id in range(1, 50):
        _ids(folder_host, f"{PATH}/{product_id}")
    assert {name: len(value) for name, value in vars(ring).items() if isinstance(value, dict)} == before


@pytest.mark.parametrize("options", [{"query_string": "format=pem"}, {"headers": {"Accept": "application/x-pem-file"}}])
def test_the_keys_are_published_as_pem_too_for_openssl(
    folder_host: Host, folder: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    SECOND.write(folder / f"global.{NEW}.pending.pem")
    answer = _get(folder_host, **options)
    assert answer.mimetype == "application/x-pem-file"
    assert answer.text == FIRST.public_pem + SECOND.public_pem
    (tmp_path / "public.pem").write_text(answer.text)
    read = run_openssl("rsa", "-pubin", "-in", str(tmp_path / "public.pem"))
    assert read.stdout == FIRST.public_pem


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "application/jwk-set+json"),
        ("application/json", "application/jwk-set+json"),
        ("application/json, application/x-pem-file;q=0.5", "application/jwk-set+json"),
        ("application/x-pem-file, */*;q=0.1", "application/x-pem-file"),
        ("text/html", "application/jwk-set+json"),
        ("", "application/jwk-set+json"),
        ("\u00ff;;q=,,", "application/jwk-set+json"),
    ],
)
def test_the_header_accept_chooses_and_what_it_does_not_know_is_passed_over(
    folder_host: Host, accept: str, expected: str
) -> None:
    answer = _get(folder_host, headers={"Accept": accept})
    assert (answer.status_code, answer.mimetype) == (200, expected)


def test_published_keys_may_be_cached_until_they_change(folder_host: Host, folder: Path) -> None:
    first = _get(folder_host)
    assert first.headers["Cache-Control"] == "public, max-age=60"
    assert first.headers["Vary"] == "Accept"
    etag = first.headers["ETag"]
    again = _get(folder_host, headers={"If-None-Match": etag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", etag)
    assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
    as_pem = _get(folder_host, query_string="format=pem", headers={"If-None-Match": etag})
    assert as_pem.status_code == 200
    SECOND.write(folder / f"global.{NEW}.pending.pem")
    changed = _get(folder_host, headers={"If-None-Match": etag})
    assert (changed.status_code, len(changed.get_json()["keys"])) == (200, 2)


def test_head_and_options_are_answered(folder_host: Host) -> None:
    full, head = _get(folder_host), _get(folder_host, method="HEAD")
    assert (head.status_code, head.data) == (200, b"")
    for name in ("ETag", "Content-Type", "Content-Length", "Cache-Control", "Vary"):
        assert head.headers[name] == full.headers[name]
    options = _get(folder_host, method="OPTIONS")
    assert (options.status_code, options.headers["Allow"]) == (204, "OPTIONS, GET, HEAD")


@pytest.mark.parametrize("path", [PATH, f"{PATH}/1"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
def test_other_methods_are_refused_signed(host: Host, path: str, method: str) -> None:
    answer = _get(host, path, method=method)
    assert (answer.status_code, host.verified(answer)["code"]) == (405, 9405)
    assert answer.headers["Allow"] == "OPTIONS, GET, HEAD"


@pytest.mark.parametrize("query", ["format=", "format=xml", "format=PEM", "format=pem&format=jwks"])
def test_an_unknown_format_is_refused_signed(host: Host, query: str) -> None:
    answer = _get(host, query_string=query)
    response = host.verified(answer)
    assert (answer.status_code, response["code"]) == (400, 9400)
    assert response["message"] == "The format of public-keys is jwks or pem"


@pytest.mark.parametrize("product", ["0", "-1", "x", "2147483648", "1.0", "٣", "07", "9" * 5000, "1%0a", "1/2", ""])
def test_what_can_not_be_a_product_leads_nowhere(host: Host, product: str) -> None:
    answer = _get(host, f"{PATH}/{product}")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")


def test_a_blocked_address_is_refused(create_host: Callable[..., Host]) -> None:
    host = create_host(blocked_addresses=["127.0.0.1"])
    assert host.verified(_get(host))["code"] == 150


def test_without_keys_an_empty_set_is_published(create_host: Callable[..., Host]) -> None:
    host = create_host(private_key_source=lambda _: None)
    assert _get(host).get_json() == {"keys": []}
    assert _get(host, query_string="format=pem").text == ""


def test_nothing_private_is_published_whatever_the_form(
    create_host: Callable[..., Host], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    SECOND.write(folder / f"product-1.{OLD}.verify-only.pem")
    host = create_host(private_key_source=f"file:{folder}")
    private = FIRST.private.private_numbers()
    secrets = [private.d, private.p, private.q, private.dmp1, private.dmq1, private.iqmp]
    shown = "".join(
        _get(host, path, query_string=f"format={form}").text for path in (PATH, f"{PATH}/1") for form in ("jwks", "pem")
    )
    numbers = {
        number
        for jwk in json.loads(_get(host).text)["keys"]
        for number in (int.from_bytes(_decoded(jwk[name])) for name in ("n", "e"))
    }
    assert numbers == {private.public_numbers.n, private.public_numbers.e}
    assert numbers.isdisjoint(secrets)
    assert "PRIVATE" not in shown + caplog.text


def test_a_remote_key_is_published_where_it_tells_its_public_part(create_host: Callable[..., Host]) -> None:
    class SecretiveKey:
        def sign(self, data: bytes) -> bytes:
            return data

    class RemoteKey(SecretiveKey):
        def public_key(self) -> Any:
            return SECOND.private.public_key()

    keys = [
        PrivateKeyVersion(RemoteKey(), PrivateKeyState.VERIFY_ONLY),
        PrivateKeyVersion(SecretiveKey(), PrivateKeyState.ACTIVE),
    ]
    host = create_host(private_key_source=lambda product_id: None if product_id else keys)
    assert _ids(host) == [SECOND.id]


def test_while_the_source_can_not_be_asked_the_keys_loaded_before_are_published(
    create_host: Callable[..., Host], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    SECOND.write(folder / f"global.{OLD}.verify-only.pem")
    host = create_host(private_key_source=f"file:{folder}")
    folder.rename(folder.with_name("away"))
    folder.write_text("a file where the folder should be")
    assert _ids(host) == [FIRST.id, SECOND.id]
    assert "the public keys loaded before are published" in caplog.text


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")
