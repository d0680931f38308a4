"""Private keys that stay elsewhere, and everything their signers may do wrong."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from flask import current_app

from flask_licensing.core.public_keys import load_public_keys
from flask_licensing.errors import ConfigurationError, RemoteSignerTimeout
from flask_licensing.hooks import PrivateKeyVersion
from flask_licensing.http.answers import KEY_ID_HEADER
from flask_licensing.private_keys.remote_signing import MAX_ABANDONED_CALLS, TimeLimit
from flask_licensing.private_keys.signing import RsaSigner, generate_private_key
from flask_licensing.private_keys.versions import PrivateKeyState
from flask_licensing.testing.parts import FrozenClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from werkzeug.test import TestResponse

    from tests.hosts import Host

SHORT = 0.05
"""A time limit, in seconds, for signers that are meant to exceed it."""


class SecretiveSigner:
    """Signs elsewhere, as far as the package can tell, and does not tell its public key."""

    def __init__(self, pem: str | bytes, fault: Callable[[bytes], Any] | None = None) -> None:
        pem = pem.encode() if isinstance(pem, str) else pem
        self.rsa = RsaSigner(load_pem_private_key(pem, None))  # type: ignore[arg-type] # tests make RSA keys only
        self.fault = fault
        self.calls = 0

    def sign(self, data: bytes) -> Any:
        self.calls += 1
        signature = self.rsa.sign(data)
        return self.fault(signature) if self.fault else signature


class RemoteSigner(SecretiveSigner):
    """Signs elsewhere and tells its public key."""

    def public_key(self) -> RSAPublicKey:
        return self.rsa.public_key()


def _raise(_: bytes) -> Any:
    raise OSError("the service is away")


FAULTS: dict[str, Callable[[bytes], Any]] = {
    "raises": _raise,
    "answers nothing": lambda _: None,
    "answers empty": lambda _: b"",
    "answers text": lambda signature: signature.hex(),
    "answers a number": lambda _: 7,
    "answers a bytearray": bytearray,
    "answers too little": lambda signature: signature[:-1],
    "answers too much": lambda signature: signature + b"\0",
    "answers another signature": lambda signature: bytes(reversed(signature)),
}

UNNOTICED_WITHOUT_PUBLIC_KEY = {"answers too much", "answers another signature"}

faulty = pytest.mark.parametrize("fault", FAULTS)


@pytest.fixture
def hang() -> Iterator[Callable[[bytes], bytes]]:
    """A fault that hangs until the test is over."""
    over = threading.Event()

    def wait(signature: bytes) -> bytes:
        over.wait()
        return signature

    yield wait
    over.set()


def _assert_unsigned_refusal(host: Host, answer: TestResponse) -> None:
    body = answer.get_json()
    assert (answer.status_code, body["response"]["code"]) == (500, 9500)
    assert (body["signature"], body["private_key_used"]) == ("Private key not set", "global")
    assert KEY_ID_HEADER not in answer.headers
    assert host.stored_license_keys() == []


def test_a_remote_signer_signs_and_its_key_is_named(
    create_host: Callable[..., Host], private_key: str, public_key: str
) -> None:
    host = create_host(private_key_source=lambda product_id: None if product_id else RemoteSigner(private_key))
    answer = host.post(host.fields())
    assert host.verified(answer)["code"] == 900
    assert answer.headers[KEY_ID_HEADER] in load_public_keys(public_key)


def test_a_signer_that_does_not_tell_its_public_key_signs_unnamed(
    create_host: Callable[..., Host], private_key: str
) -> None:
    host = create_host(private_key_source=lambda product_id: None if product_id else SecretiveSigner(private_key))
    answer = host.post(host.fields())
    assert host.verified(answer)["code"] == 900
    assert KEY_ID_HEADER not in answer.headers


@faulty
def test_a_products_faulty_signer_creates_nothing_and_the_global_key_signs_the_refusal(
    create_host: Callable[..., Host], private_key: str, fault: str
) -> None:
    remote = RemoteSigner(generate_private_key(), FAULTS[fault])
    host = create_host(private_key_source=lambda product_id: remote if product_id else private_key)
    answer = host.post(host.fields())
    assert (answer.status_code, host.verified(answer)["code"]) == (500, 9500)
    assert host.stored_license_keys() == []
    remote.fault = None
    assert host.post(host.fields()).get_json()["response"]["created"] == 1


@faulty
def test_a_faulty_global_signer_creates_nothing_and_the_refusal_is_unsigned(
    create_host: Callable[..., Host], private_key: str, fault: str
) -> None:
    remote = RemoteSigner(private_key, FAULTS[fault])
    host = create_host(private_key_source=lambda product_id: None if product_id else remote)
    _assert_unsigned_refusal(host, host.post(host.fields()))
    assert remote.calls == 1


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - UNNOTICED_WITHOUT_PUBLIC_KEY))
def test_garbage_that_shows_without_a_public_key_creates_nothing(
    create_host: Callable[..., Host], private_key: str, fault: str
) -> None:
    remote = SecretiveSigner(private_key, FAULTS[fault])
    host = create_host(private_key_source=lambda product_id: None if product_id else remote)
    _assert_unsigned_refusal(host, host.post(host.fields()))


def test_a_failed_signature_with_an_idempotency_key_can_be_tried_again(
    create_host: Callable[..., Host], private_key: str
) -> None:
    remote = RemoteSigner(private_key, _raise)
    host = create_host(private_key_source=lambda product_id: None if product_id else remote)
    headers = {"Idempotency-Key": "order-1"}
    assert host.post(host.fields(), headers=headers).status_code == 500
    remote.fault = None
    assert host.verified(host.post(host.fields(), headers=headers))["created"] == 1


def test_a_products_hanging_signer_creates_nothing_and_the_global_key_signs_the_refusal(
    create_host: Callable[..., Host], private_key: str, hang: Callable[[bytes], bytes]
) -> None:
    remote = RemoteSigner(generate_private_key(), hang)
    source = {"private_key_source": lambda product_id: remote if product_id else private_key}
    host = create_host(signing_timeout_seconds=SHORT, **source)
    answer = host.post(host.fields())
    assert (answer.status_code, host.verified(answer)["code"]) == (500, 9500)
    assert host.stored_license_keys() == []


def test_a_refusal_does_not_wait_for_a_hanging_signer_a_second_time(
    create_host: Callable[..., Host], private_key: str, hang: Callable[[bytes], bytes]
) -> None:
    of_product, of_site = RemoteSigner(generate_private_key(), hang), RemoteSigner(private_key, hang)
    source = {"private_key_source": lambda product_id: of_product if product_id == 1 else of_site}
    host = create_host(signing_timeout_seconds=SHORT, **source)
    _assert_unsigned_refusal(host, host.post(host.fields()))
    assert (of_product.calls, of_site.calls) == (1, 0)
    _assert_unsigned_refusal(host, host.post(host.fields(product_id="99")))
    assert (of_product.calls, of_site.calls) == (1, 1)


def test_where_one_remote_signer_raises_another_signs_the_refusal(
    create_host: Callable[..., Host], private_key: str
) -> None:
    of_product, of_site = RemoteSigner(generate_private_key(), _raise), RemoteSigner(private_key)
    host = create_host(private_key_source=lambda product_id: of_product if product_id == 1 else of_site)
    assert host.verified(host.post(host.fields()))["code"] == 9500


def test_a_late_signature_is_dropped(create_host: Callable[..., Host], private_key: str) -> None:
    go_on, returned = threading.Event(), threading.Event()

    def late(signature: bytes) -> bytes:
        go_on.wait()
        returned.set()
        return signature

    remote = RemoteSigner(private_key, late)
    source = {"private_key_source": lambda product_id: None if product_id else remote}
    host = create_host(signing_timeout_seconds=2, **source)
    _assert_unsigned_refusal(host, host.post(host.fields()))
    go_on.set()
    assert returned.wait(10)
    assert host.stored_license_keys() == []
    remote.fault = None
    assert host.verified(host.post(host.fields()))["created"] == 1


def test_calls_that_never_end_are_bounded_and_once_they_do_calls_are_made_again() -> None:
    limit, over, made = TimeLimit(0.001), threading.Event(), []

    def hang() -> None:
        made.append(threading.current_thread())
        over.wait()

    for _ in range(MAX_ABANDONED_CALLS + 5):
        with pytest.raises(RemoteSignerTimeout):
            limit.call(hang)
    assert len(made) == MAX_ABANDONED_CALLS
    over.set()
    for thread in made:
        thread.join()
    made_again = threading.Event()
    with suppress(RemoteSignerTimeout):
        limit.call(made_again.set)
    assert made_again.wait(10)


def test_a_hanging_signer_does_not_keep_the_process_from_exiting() -> None:
    program = (
        "import time\n"
        "from flask_licensing.private_keys.remote_signing import TimeLimit\n"
        "try:\n"
        "    TimeLimit(0.01).call(lambda: time.sleep(3600))\n"
        "except Exception as error:\n"
        "    print(type(error).__name__)\n"
    )
    finished = subprocess.run(  # noqa: S603 - the test's own program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert finished.stdout == "RemoteSignerTimeout\n"


def test_a_signer_reads_the_apps_configuration(create_host: Callable[..., Host], private_key: str) -> None:
    class ConfiguredSigner(RemoteSigner):
        def sign(self, data: bytes) -> Any:
            assert current_app.config["KMS_REGION"] == "eu-north-1"
            return super().sign(data)

    host = create_host(private_key_source=lambda product_id: None if product_id else ConfiguredSigner(private_key))
    host.app.config["KMS_REGION"] = "eu-north-1"
    assert host.create()["created"] == 1


@pytest.mark.parametrize("told", [None, "a PEM", 7])
def test_a_wrong_public_key_counts_as_none(
    create_host: Callable[..., Host], private_key: str, caplog: pytest.LogCaptureFixture, told: Any
) -> None:
    class ConfusedSigner(SecretiveSigner):
        def public_key(self) -> Any:
            return told

    host = create_host(private_key_source=lambda product_id: None if product_id else ConfusedSigner(private_key))
    assert host.create()["created"] == 1
    assert f"told a {type(told).__name__} as its public key" in caplog.text


def test_a_public_key_that_can_not_be_asked_for_counts_as_none(
    create_host: Callable[..., Host], private_key: str, caplog: pytest.LogCaptureFixture
) -> None:
    class HalfAwaySigner(SecretiveSigner):
        def public_key(self) -> RSAPublicKey:
            raise PermissionError("token=hunter2")

    host = create_host(private_key_source=lambda product_id: None if product_id else HalfAwaySigner(private_key))
    assert host.create()["created"] == 1
    assert "could not be asked for its public key: PermissionError" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_key_of_this_process_signs_in_the_thread_of_the_request(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a thread was started")

    monkeypatch.setattr(TimeLimit, "call", refuse)
    assert host.create()["created"] == 1


@pytest.mark.parametrize("seconds", [0, -1, 601, float("inf"), float("nan"), True, "5"])
def test_a_time_limit_is_more_than_nothing_and_at_most_ten_minutes(
    create_host: Callable[..., Host], seconds: Any
) -> None:
    with pytest.raises(ConfigurationError, match="LICENSING_SIGNING_TIMEOUT_SECONDS is wrong: must be a number"):
        create_host(signing_timeout_seconds=seconds)


def test_a_public_key_that_is_told_later_is_used_from_then_on(
    create_host: Callable[..., Host], private_key: str, public_key: str
) -> None:
    class LateSigner(RemoteSigner):
        is_away = True

        def public_key(self) -> RSAPublicKey:
            if self.is_away:
                raise OSError("away")
            return super().public_key()

    remote, clock = LateSigner(private_key), FrozenClock()
    host = create_host(private_key_source=lambda product_id: None if product_id else remote, clock=clock)
    assert KEY_ID_HEADER not in host.post(host.fields()).headers
    remote.is_away = False
    clock.move(seconds=10)
    assert host.post(host.fields()).headers[KEY_ID_HEADER] in load_public_keys(public_key)
    assert list(load_public_keys(host.app.test_client().get("/api/v1/public-keys").data)) == list(
        load_public_keys(public_key)
    )


def test_strangers_who_ask_for_public_keys_do_not_use_up_the_calls_for_signing(
    create_host: Callable[..., Host], private_key: str, hang: Callable[[bytes], bytes]
) -> None:
    class HalfHangingSigner(SecretiveSigner):
        def public_key(self) -> Any:
            return hang(b"")

    remote = HalfHangingSigner(private_key)
    source = {"private_key_source": lambda product_id: None if product_id else remote}
    host = create_host(signing_timeout_seconds=2, **source)
    host.app.extensions["licensing"].private_key_ring.loader._asking._seconds = 0.001  # noqa: SLF001 - not to wait for minutes
    for _ in range(MAX_ABANDONED_CALLS + 5):
        assert host.app.test_client().get("/api/v1/public-keys").get_json() == {"keys": []}
    assert host.create()["created"] == 1


def test_a_remote_key_that_is_told_to_stop_stops_though_nobody_knows_its_id(
    create_host: Callable[..., Host], private_key: str, public_key: str
) -> None:
    class HalfAwaySigner(SecretiveSigner):
        def public_key(self) -> RSAPublicKey:
            raise OSError("away")

    clock = FrozenClock()
    versions = [PrivateKeyVersion(HalfAwaySigner(generate_private_key()), PrivateKeyState.ACTIVE)]
    source = {"private_key_source": lambda product_id: versions if product_id else private_key}
    host = create_host(clock=clock, **source)
    assert host.post(host.fields()).get_json()["private_key_used"] == "product"
    versions[0] = PrivateKeyVersion(versions[0].material, PrivateKeyState.VERIFY_ONLY)
    clock.move(seconds=10)
    answer = host.post(host.fields())
    assert answer.get_json()["private_key_used"] == "global"
    assert host.verified(answer)
