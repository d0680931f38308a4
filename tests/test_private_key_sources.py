"""Where private keys come from, seen through the answers an app signs with them."""

from __future__ import annotations

import base64
import logging
import math
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from flask import Flask

from flask_licensing import ConfigurationError, Licensing
from flask_licensing.core.public_keys import public_key_pem
from flask_licensing.errors import PrivateKeyError
from flask_licensing.private_keys.signing import RsaSigner, generate_private_key
from flask_licensing.private_keys.sources import (
    EnvironmentPrivateKeySource,
    FilePrivateKeySource,
    FolderPrivateKeySource,
    private_key_source_from,
)
from flask_licensing.stores.memory import MemoryKeyStore
from flask_licensing.verification import is_valid_response
from tests.key_pairs import key_pairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.hosts import Host

PASSPHRASE = "open sesame, please"


def given_by_name(product_id: int | None) -> str | None:
    return None


def public_key_of(pem: bytes | str) -> str:
    loaded = load_pem_private_key(pem.encode() if isinstance(pem, str) else pem, None)
    return public_key_pem(RsaSigner(loaded).public_key())  # type: ignore[arg-type] # tests make RSA keys only


@pytest.fixture(scope="session")
def other_key() -> bytes:
    return generate_private_key()


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1)

    def __call__(self) -> datetime:
        return self.now


def _signed_with(host: Host, **changes: Any) -> tuple[str, str]:
    """Send a request; answer with ``private_key_used`` and the body."""
    answer = host.post(host.fields(**changes))
    assert answer.status_code == 200
    return answer.get_json()["private_key_used"], answer.text


def test_one_file_is_the_global_key(
    create_host: Callable[..., Host], tmp_path: Path, private_key: str, public_key: str
) -> None:
    (tmp_path / "key.pem").write_text(private_key)
    used, body = _signed_with(create_host(private_key_source=f"file:{tmp_path / 'key.pem'}"))
    assert used == "global"
    assert is_valid_response(body, public_key)


def test_a_folder_holds_global_and_product_keys(
    create_host: Callable[..., Host], tmp_path: Path, private_key: str, public_key: str, other_key: bytes
) -> None:
    (tmp_path / "global.pem").write_text(private_key)
    (tmp_path / "product-1.pem").write_bytes(other_key)
    host = create_host(private_key_source=f"file:{tmp_path}")
    with host.app.app_context():
        other_product = host.licensing.create_product("Video Editor")
    used, body = _signed_with(host, product_id=1)
    assert (used, is_valid_response(body, public_key_of(other_key))) == ("product", True)
    used, body = _signed_with(host, product_id=other_product.id)
    assert (used, is_valid_response(body, public_key)) == ("global", True)
    used, body = _signed_with(host, product_id=99)
    assert (used, is_valid_response(body, public_key)) == ("global", True)


def test_wrong_fields_of_an_existing_product_are_answered_with_its_key(
    create_host: Callable[..., Host], private_key: str, other_key: bytes
) -> None:
    host = create_host(private_key_source=lambda product_id: other_key if product_id == 1 else private_key)
    used, body = _signed_with(host, status="sold")
    assert (used, is_valid_response(body, public_key_of(other_key))) == ("product", True)


def test_a_failed_authentication_is_answered_with_the_global_key(
    create_host: Callable[..., Host], private_key: str, public_key: str, other_key: bytes
) -> None:
    host = create_host(private_key_source=lambda product_id: other_key if product_id == 1 else private_key)
    answer = host.app.test_client().post("/api/v1/create-license-keys", data=host.fields())
    assert answer.get_json()["private_key_used"] == "global"
    assert is_valid_response(answer.data, public_key)


@pytest.mark.parametrize("line_end", ["\n", "\\n", "\\r\\n", "\r\n"])
def test_an_environment_variable_is_the_global_key(
    create_host: Callable[..., Host],
    monkeypatch: pytest.MonkeyPatch,
    private_key: str,
    public_key: str,
    line_end: str,
) -> None:
    monkeypatch.setenv("SITE_PRIVATE_KEY", private_key.replace("\n", line_end))
    used, body = _signed_with(create_host(private_key_source="env:SITE_PRIVATE_KEY"))
    assert (used, is_valid_response(body, public_key)) == ("global", True)


@pytest.mark.parametrize("value", ["", " ", "\\n"])
def test_an_environment_variable_that_is_set_and_empty_is_no_absence_of_keys(
    create_host: Callable[..., Host], monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """It answered with code 900 unsigned, where a deployment had lost the value of its secret."""
    monkeypatch.setenv("SITE_PRIVATE_KEY", value)
    with pytest.raises(PrivateKeyError, match="the environment variable SITE_PRIVATE_KEY is empty"):
        create_host(private_key_source="env:SITE_PRIVATE_KEY")


def test_a_passphrase_comes_from_a_setting_or_the_environment(
    create_host: Callable[..., Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    encrypted = generate_private_key(PASSPHRASE)
    with pytest.raises(PrivateKeyError, match="no passphrase is set"):
        create_host(private_key_source=lambda _: encrypted)
    assert _signed_with(create_host(private_key_source=lambda _: encrypted, private_key_passphrase=PASSPHRASE))
    monkeypatch.setenv("LICENSING_PRIVATE_KEY_PASSPHRASE", PASSPHRASE)
    assert _signed_with(create_host(private_key_source=lambda _: encrypted))


def test_without_a_key_answers_say_so_and_the_log_warns(
    create_host: Callable[..., Host], caplog: pytest.LogCaptureFixture
) -> None:
    host = create_host(private_key_source=lambda _: None)
    answer = host.post(host.fields()).get_json()
    assert (answer["signature"], answer["private_key_used"]) == ("Private key not set", "global")
    assert answer["response"]["code"] == 900
    assert "unsigned: no private key is set" in caplog.text


def test_a_key_is_loaded_once_for_many_requests(create_host: Callable[..., Host], private_key: str) -> None:
    asked: list[int | None] = []

    def source(product_id: int | None) -> str | None:
        asked.append(product_id)
        return None if product_id else private_key

    host = create_host(private_key_source=source, clock=Clock())
    for number in range(5):
        _signed_with(host, license_keys=f'["K-{number}"]')
    assert asked == [None, 1]


def test_a_replaced_file_is_noticed_after_the_interval_and_not_before(
    create_host: Callable[..., Host],
    tmp_path: Path,
    private_key: str,
    public_key: str,
    other_key: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path, clock = tmp_path / "global.pem", Clock()
    path.write_text(private_key)
    host = create_host(private_key_source=f"file:{path}", private_key_refresh_seconds=10, clock=clock)
    path.write_bytes(other_key)
    clock.now += timedelta(seconds=9)
    assert is_valid_response(_signed_with(host)[1], public_key)
    clock.now += timedelta(seconds=1)
    with caplog.at_level(logging.INFO):
        assert is_valid_response(_signed_with(host)[1], public_key_of(other_key))
    assert f"signing with a new private key from the file {path}" in caplog.text


@pytest.mark.parametrize("state", ["half written", "empty", "gone", "a folder"])
def test_while_a_file_is_no_key_the_one_loaded_before_goes_on_signing(
    create_host: Callable[..., Host],
    tmp_path: Path,
    private_key: str,
    public_key: str,
    other_key: bytes,
    caplog: pytest.LogCaptureFixture,
    state: str,
) -> None:
    path, clock = tmp_path / "global.pem", Clock()
    path.write_text(private_key)
    host = create_host(private_key_source=f"file:{path}", private_key_refresh_seconds=10, clock=clock)
    path.unlink()
    if state == "a folder":
        path.mkdir()
    elif state != "gone":
        path.write_text(private_key[:900] if state == "half written" else "")
    clock.now += timedelta(seconds=10)
    assert is_valid_response(_signed_with(host)[1], public_key)
    assert is_valid_response(_signed_with(host)[1], public_key)
    warnings = [record.message for record in caplog.records if "goes on signing" in record.message]
    assert len(warnings) == 1
    assert str(path) in warnings[0]
    path.rmdir() if state == "a folder" else path.unlink(missing_ok=True)
    path.write_bytes(other_key)
    clock.now -= timedelta(days=1)
    assert is_valid_response(_signed_with(host)[1], public_key_of(other_key))


def test_no_request_fails_while_keys_are_swapped(
    create_host: Callable[..., Host], tmp_path: Path, private_key: str, public_key: str, other_key: bytes
) -> None:
    path = tmp_path / "global.pem"
    path.write_text(private_key)
    host = create_host(private_key_source=f"file:{path}", private_key_refresh_seconds=0)
    keys = [public_key, public_key_of(other_key)]
    bodies: list[str] = []
    ended = threading.Event()

    def swap() -> None:
        turn = 0
        while not ended.is_set():
            turn += 1
            path.write_bytes(other_key if turn % 2 else private_key.encode())

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        bodies.extend(_signed_with(host)[1] for _ in range(100))
    finally:
        ended.set()
        swapping.join()
    assert all(is_valid_response(body, keys) for body in bodies)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.mkdir()
    return path


def test_a_wrong_products_key_is_found_at_its_first_use_and_creates_nothing(
    create_host: Callable[..., Host], folder: Path, private_key: str, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "global.pem").write_text(private_key)
    (folder / "product-1.pem").write_text("nonsense")
    host = create_host(private_key_source=f"file:{folder}")
    with host.app.app_context():
        other_product = host.licensing.create_product("Video Editor").id
        (check,) = [result for result in host.licensing.check() if result.name == "private key"]
    assert not check.ok
    assert "product-1.pem is not a private key" in check.message
    answer = host.post(host.fields())
    assert (answer.status_code, host.verified(answer)["code"]) == (500, 9500)
    assert host.stored_license_keys() == []
    assert f"{folder / 'product-1.pem'} is not a private key" in caplog.text
    assert host.create(product_id=other_product)["created"] == 1


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bytes, bool]]:
    """Each private key that is loaded, and whether the library proves it, which takes a twentieth of a second."""
    loads: list[tuple[bytes, bool]] = []
    load = serialization.load_pem_private_key

    def counted(pem: bytes, password: bytes | None, *, unsafe_skip_rsa_key_validation: bool) -> Any:
        loads.append((pem, not unsafe_skip_rsa_key_validation))
        return load(pem, password, unsafe_skip_rsa_key_validation=unsafe_skip_rsa_key_validation)

    monkeypatch.setattr(serialization, "load_pem_private_key", counted)
    return loads


def test_a_products_key_is_loaded_at_its_first_use_and_once_for_all_who_wait(
    create_host: Callable[..., Host], folder: Path, loads: list[tuple[bytes, bool]]
) -> None:
    """With 350 products, no worker had loaded all keys within 75 seconds."""
    first, second = key_pairs(2)
    first.write(folder / "global.pem")
    for product_id in range(1, 20):
        second.write(folder / f"product-{product_id}.pem")
    host = create_host(private_key_source=f"file:{folder}")
    assert loads == [(first.pem.encode(), True)]
    with ThreadPoolExecutor(8) as pool:
        used = pool.map(lambda number: _signed_with(host, license_keys=f'["K-{number}"]')[0], range(8))
        assert set(used) == {"product"}
    assert loads == [(first.pem.encode(), True), (second.pem.encode(), True)]


def test_keys_are_listed_and_checked_without_the_proof_that_each_use_takes(
    create_host: Callable[..., Host], folder: Path, loads: list[tuple[bytes, bool]]
) -> None:
    """With 1,000 products, list-private-keys and check took a minute."""
    first, second = key_pairs(2)
    first.write(folder / "global.pem")
    for product_id in range(1, 20):
        second.write(folder / f"product-{product_id}.pem")
    host = create_host(private_key_source=f"file:{folder}")
    with host.app.app_context():
        assert len(host.licensing.list_private_keys()) == 20
        assert all(result.ok for result in host.licensing.check() if result.name == "private key")
    assert [pem for pem, is_proven in loads if is_proven] == [first.pem.encode()]
    assert len(loads) > 20
    # What was only looked at is proven before it signs.
    assert _signed_with(host)[0] == "product"
    assert loads[-1] == (second.pem.encode(), True)


def _der(tag: int, content: bytes) -> bytes:
    count = len(content)
    length = bytes([count]) if count < 128 else bytes([130]) + count.to_bytes(2) if count > 255 else bytes([129, count])
    return bytes([tag]) + length + content


def _private_key_of(numbers: dict[str, int]) -> str:
    """Encode an RSAPrivateKey (RFC 8017 appendix A.1.2) as PEM."""
    integers = b"".join(_der(2, number.to_bytes(number.bit_length() // 8 + 1)) for number in (0, *numbers.values()))
    text = base64.encodebytes(_der(48, integers)).decode()
    return f"-----BEGIN RSA PRIVATE KEY-----\n{text}-----END RSA PRIVATE KEY-----\n"


def _private_keys_of_which_the_first_is_good() -> list[str]:
    key = key_pairs(1)[0].private.private_numbers()
    e, d, p, q = key.public_numbers.e, key.d, key.p, key.q
    good = {"n": p * q, "e": e, "d": d, "p": p, "q": q, "dmp1": key.dmp1, "dmq1": key.dmq1, "iqmp": key.iqmp}
    damaged = [good | {name: number ^ 1 << 9} for name, number in good.items()]
    damaged += [good | {"p": 0}, good | {"p": 1}, good | {"q": 1}]
    # Numbers that belong together, in which the first prime is none.
    composite = 3 * key_pairs(2)[1].private.private_numbers().p
    d = pow(e, -1, math.lcm(composite - 1, q - 1))
    parts = {"dmp1": d % (composite - 1), "dmq1": d % (q - 1), "iqmp": pow(q, -1, composite)}
    damaged.append({"n": composite * q, "e": e, "d": d, "p": composite, "q": q} | parts)
    return [_private_key_of(numbers) for numbers in (good, *damaged)]


def test_the_check_finds_every_damaged_key_that_would_not_sign(create_host: Callable[..., Host], folder: Path) -> None:
    """OpenSSL signs with half of the numbers: a trial signature alone said ok of keys whose first use was an error."""
    key_pairs(1)[0].write(folder / "global.pem")
    private_keys = dict(enumerate(_private_keys_of_which_the_first_is_good(), 1))
    for product_id, pem in private_keys.items():
        (folder / f"product-{product_id}.pem").write_text(pem)
    host = create_host(private_key_source=f"file:{folder}")
    with host.app.app_context():
        while host.licensing.create_product("Another").id < len(private_keys):
            pass
        (check,) = [result for result in host.licensing.check() if result.name == "private key"]
        listed = host.licensing.list_private_keys()
    assert [key.product_id for key in listed if not key.problem] == [None, 1]
    for product_id in private_keys:
        is_told = f"{folder / f'product-{product_id}.pem'} is not a private key" in check.message
        answer = host.post(host.fields(product_id=product_id, license_keys=f'["{product_id}"]'))
        assert (is_told, answer.status_code) == ((False, 200) if product_id == 1 else (True, 500))


@pytest.mark.parametrize(
    ("name", "proper"),
    [
        ("global.active.pem", "global.pem"),
        ("Global.pem", "global.pem"),
        ("global.PEM", "global.pem"),
        ("global.20260101.active.pem", "global.20260131T235959Z.active.pem"),
        ("global.20260230T000000Z.verify-only.pem", "global.20260131T235959Z.verify-only.pem"),
        ("global.pem.txt", "global.pem"),
        ("global.pem~", "global.pem"),
        ("#global.pem#", "global.pem"),
        ("global.key", "global.pem"),
        ("global .pem", "global.pem"),
        (" global.pem", "global.pem"),
        ("global", "global.pem"),
        ("global.der", "global.pem"),
        ("site.key", "global.pem"),
        ("gl.der", "global.pem"),
        ("prod-2.pem", "product-2.pem"),
        ("2.pem", "product-2.pem"),
        ("public.pem", "global.pem"),
        ("product-01.pem", "product-1.pem"),
        ("product_1.pem", "product-1.pem"),
        ("Product-1.pem", "product-1.pem"),
        ("product1.pem", "product-1.pem"),
        ("product-1.p12", "product-1.pem"),
        ("product-0.pem", "product-ID.pem"),
        ("product-99999999999.pem", "product-ID.pem"),
    ],
)
def test_an_app_whose_files_only_look_like_keys_does_not_start(
    create_host: Callable[..., Host], folder: Path, name: str, proper: str
) -> None:
    """It answered with code 900 unsigned, as an app without keys does."""
    (folder / name).write_text("anything")
    with pytest.raises(PrivateKeyError) as refused:
        create_host(private_key_source=f"file:{folder}")
    assert f"The file {folder / name} is no private key by its name; it should be called" in str(refused.value)
    assert f" {proper}" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("licensing_private_key", "its name; it should be called global.pem, "),
        (".global.pem", "its name; it should be called global.pem, "),
        (".product-2.pem.swp", "its name; it should be called product-2.pem, "),
        ("sub/global.pem", "its folder; it should be called global.pem, "),
        ("sub/.7.pem", "its folder; it should be called product-7.pem, "),
        (".sub/private", "its folder; it should be called global.pem, "),
    ],
)
@pytest.mark.parametrize("encoding", ["ascii", "utf-16"])
def test_a_private_key_by_any_name_and_wherever_it_is_looks_like_one(
    create_host: Callable[..., Host], folder: Path, private_key: str, name: str, advice: str, encoding: str
) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(private_key, encoding=encoding)
    with pytest.raises(PrivateKeyError) as refused:
        create_host(private_key_source=f"file:{folder}")
    assert f"The file {folder / name} is no private key by {advice}" in str(refused.value)
    assert ("its folder" in advice) == str(refused.value).endswith(f" in {folder}.")


def test_what_kubernetes_keeps_behind_its_links_is_no_key(
    create_host: Callable[..., Host], folder: Path, private_key: str
) -> None:
    (folder / "..2026_01_31").mkdir()
    (folder / "..2026_01_31" / "tls").write_text(private_key)
    (folder / "..data").symlink_to("..2026_01_31")
    host = create_host(private_key_source=f"file:{folder}")
    assert host.post(host.fields()).get_json()["signature"] == "Private key not set"
    (folder / "tls").symlink_to("..data/tls")
    with pytest.raises(PrivateKeyError, match="tls is no private key by its name"):
        create_host(private_key_source=f"file:{folder}")


@pytest.mark.parametrize(
    "name", ["README", ".global.pem.draft", ".gitignore", "products.db", "global_settings.py", "sub"]
)
def test_other_files_do_not_look_like_keys(create_host: Callable[..., Host], folder: Path, name: str) -> None:
    (folder / name).mkdir() if name == "sub" else (folder / name).write_text("anything")
    host = create_host(private_key_source=f"file:{folder}")
    assert host.post(host.fields()).get_json()["signature"] == "Private key not set"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("a folder", r"global\.pem can't be read: Is a directory"),
        ("a broken link", r"global\.pem can't be read: No such file"),
        ("empty", r"global\.pem is empty"),
        ("a public key", r"global\.pem holds a public key"),
        ("retired", "none of them is active"),
        ("pending", "none of them is active"),
    ],
)
def test_an_app_whose_only_key_can_not_sign_does_not_start(
    create_host: Callable[..., Host], folder: Path, private_key: str, public_key: str, kind: str, reason: str
) -> None:
    file = folder / "global.pem"
    if kind == "a folder":
        file.mkdir()
    elif kind == "a broken link":
        file.symlink_to(folder / "elsewhere")
    elif kind in {"empty", "a public key"}:
        file.write_text("" if kind == "empty" else public_key)
    else:
        (folder / f"global.20260101T000000Z.{kind}.pem").write_text(private_key)
    with pytest.raises(PrivateKeyError, match=reason):
        create_host(private_key_source=f"file:{folder}")


@pytest.mark.parametrize("name", ["Site.pem", "site.PEM", "site.pem.txt", "site.pem~", "site .pem", "site.key", "site"])
def test_a_file_that_is_missing_and_has_one_like_it_beside_it_is_no_absence_of_keys(
    create_host: Callable[..., Host], folder: Path, private_key: str, name: str
) -> None:
    (folder / name).write_text(private_key)
    with pytest.raises(PrivateKeyError) as refused:
        create_host(private_key_source=f"file:{folder / 'site.pem'}")
    assert f"The file {folder / 'site.pem'} is missing, and {folder / name} looks like it" in str(refused.value)
    (folder / name).unlink()
    for other in ("site.db", "website.pem", ".site.pem.swp"):
        (folder / other).write_text("anything")
    host = create_host(private_key_source=f"file:{folder / 'site.pem'}")
    assert host.post(host.fields()).get_json()["signature"] == "Private key not set"


@pytest.mark.parametrize("name", ["keys", "key.pem"])
def test_a_link_to_what_is_not_there_is_no_absence_of_keys(
    create_host: Callable[..., Host], tmp_path: Path, name: str
) -> None:
    (tmp_path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PrivateKeyError, match="is a link to what is not there"):
        create_host(private_key_source=f"file:{tmp_path / name}")


@pytest.mark.parametrize("source", ["a folder", "a callable"])
def test_where_a_product_alone_has_a_key_nothing_is_created_for_another(
    create_host: Callable[..., Host], folder: Path, private_key: str, public_key: str, source: str
) -> None:
    """It answered with code 900 unsigned for the others, as an app without keys does."""
    (folder / "product-1.pem").write_text(private_key)
    by_callable = {"private_key_source": lambda product_id: private_key if product_id == 1 else None}
    host = create_host(**by_callable if source == "a callable" else {"private_key_source": f"file:{folder}"})
    with host.app.app_context():
        other_product = host.licensing.create_product("Video Editor").id
    used, body = _signed_with(host)
    assert (used, is_valid_response(body, public_key)) == ("product", True)
    answer = host.post(host.fields(license_keys='["B"]', product_id=other_product))
    assert (answer.status_code, answer.get_json()["response"]["code"]) == (500, 9500)
    assert host.stored_license_keys() == ["AAAA-1111"]


def test_a_file_that_only_looks_like_a_key_never_makes_a_running_app_sign_less(
    create_host: Callable[..., Host], folder: Path, private_key: str, public_key: str
) -> None:
    clock = Clock()
    host = create_host(private_key_source=f"file:{folder}", clock=clock)
    (folder / "Global.pem").write_text(private_key)
    clock.now += timedelta(seconds=10)
    assert host.post(host.fields()).status_code == 500
    assert host.stored_license_keys() == []
    (folder / "Global.pem").rename(folder / "global.pem")
    assert is_valid_response(_signed_with(host)[1], public_key)
    (folder / "global.pem").rename(folder / "Global.pem")
    clock.now += timedelta(seconds=10)
    assert is_valid_response(_signed_with(host)[1], public_key)


def _check_of_files(host: Host) -> tuple[bool, str]:
    with host.app.app_context():
        (check,) = [result for result in host.licensing.check() if result.name == "private key files"]
    return check.ok, check.message


def test_check_says_where_others_can_put_a_folder_of_theirs_in_place_of_the_private_keys(
    create_host: Callable[..., Host], folder: Path, private_key: str
) -> None:
    (folder / "global.pem").write_text(private_key)
    (folder / "global.pem").chmod(0o600)
    folder.chmod(0o700)
    host = create_host(private_key_source=f"file:{folder}")
    assert _check_of_files(host)[0]
    try:
        folder.parent.chmod(0o777)
        ok, message = _check_of_files(host)
        assert (ok, f"chmod go-w {folder.parent}" in message) == (False, True)
        folder.parent.chmod(0o1777)
        assert _check_of_files(host)[0]
    finally:
        folder.parent.chmod(0o700)


needs_modes = pytest.mark.skipif(os.name == "nt", reason="needs files with modes")
needs_root = pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs to give files away, as root may")


@needs_modes
@pytest.mark.parametrize("one_file", [True, False], ids=["one file", "a folder"])
@pytest.mark.parametrize(
    ("file_mode", "folder_mode", "told"),
    [
        (0o600, 0o700, ""),
        (0o600, 0o755, ""),
        (0o644, 0o700, ""),
        (0o644, 0o755, "global.pem can be read by others than its owner: chmod 600"),
        (0o640, 0o750, "global.pem can be read by others than its owner: chmod 600"),
        (0o602, 0o711, "global.pem can be read by others than its owner: chmod 600"),
        (0o644, 0o777, "global.pem can be read by others"),
        (0o600, 0o777, "others than its owner can put keys into"),
        (0o600, 0o720, "others than its owner can put keys into"),
        (0o600, 0o1777, "others than its owner can put keys into"),
    ],
    ids=lambda value: f"{value:o}" if isinstance(value, int) else None,
)
def test_check_tells_of_a_key_that_others_can_read_or_replace(
    create_host: Callable[..., Host],
    folder: Path,
    private_key: str,
    one_file: bool,
    file_mode: int,
    folder_mode: int,
    told: str,
) -> None:
    """A key of mode 0644 in a folder of 0777 was “ok” six times."""
    (folder / "global.pem").write_text(private_key)
    (folder / "global.pem").chmod(file_mode)
    folder.chmod(folder_mode)
    host = create_host(private_key_source=f"file:{folder / 'global.pem' if one_file else folder}")
    ok, message = _check_of_files(host)
    assert (ok, told in message) == (not told, True)
    assert bool(told) is (message != "nobody but their owner can read or replace them")


@needs_root
def test_check_tells_of_a_key_that_belongs_to_another_user(
    create_host: Callable[..., Host], folder: Path, private_key: str
) -> None:
    file = folder / "global.pem"
    file.write_text(private_key)
    file.chmod(0o600)
    host = create_host(private_key_source=f"file:{folder}")
    os.chown(file, 12345, 12345)
    assert _check_of_files(host) == (False, f"{file} belongs to another user, 12345: chown")
    os.chown(folder, 12345, 12345)
    assert _check_of_files(host)[0], "a folder of the site's user, looked at by root"


@needs_modes
def test_check_looks_where_a_link_leads_and_takes_those_of_kubernetes_for_files(
    create_host: Callable[..., Host], folder: Path, tmp_path: Path, private_key: str
) -> None:
    versioned, file = folder / "..2026_01_01", folder / "global.pem"
    versioned.mkdir(mode=0o700)
    (versioned / "global.pem").write_text(private_key)
    (folder / "..data").symlink_to(versioned.name)
    file.symlink_to("..data/global.pem")
    host = create_host(private_key_source=f"file:{folder}")
    assert _check_of_files(host) == (True, "nobody but their owner can read or replace them")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o777)
    (versioned / "global.pem").rename(elsewhere / "site.pem")
    (elsewhere / "site.pem").chmod(0o600)
    file.unlink()
    file.symlink_to(elsewhere / "site.pem")
    ok, message = _check_of_files(host)
    assert not ok
    assert f"others than its owner can put keys into {elsewhere}" in message
    assert f"{file} is a link to {elsewhere / 'site.pem'}" in message


@needs_modes
def test_check_does_not_refuse_what_can_not_be_changed_where_secrets_are_mounted(
    create_host: Callable[..., Host], folder: Path, private_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "global.pem").write_text(private_key)
    (folder / "global.pem").chmod(0o444)
    folder.chmod(0o1777)
    host = create_host(private_key_source=f"file:{folder}")
    status = os.statvfs(folder)
    read_only = SimpleNamespace(f_flag=status.f_flag | os.ST_RDONLY)
    monkeypatch.setattr(os, "statvfs", lambda _: read_only)
    ok, message = _check_of_files(host)
    assert ok
    assert "global.pem can be read by others" in message


@needs_modes
def test_check_does_not_refuse_where_the_app_reads_as_one_of_the_others(
    create_host: Callable[..., Host], folder: Path, private_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "global.pem").write_text(private_key)
    (folder / "global.pem").chmod(0o644)
    folder.chmod(0o755)
    host = create_host(private_key_source=f"file:{folder}")
    owner = folder.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    message = _check_of_files(host)[1]
    assert "global.pem can be read by others" in message
    assert _check_of_files(host)[0] is (owner == 0), "another user's folder could be changed by that user"


def test_check_of_a_source_without_files_has_none_to_look_at(host: Host) -> None:
    assert _check_of_files(host) == (True, "this source has none")


def test_while_nobody_knows_whether_there_are_keys_nothing_is_sent_unsigned(
    create_host: Callable[..., Host], folder: Path
) -> None:
    clock = Clock()
    host = create_host(private_key_source=f"file:{folder}", clock=clock)
    assert host.post(host.fields()).get_json()["signature"] == "Private key not set"
    folder.rmdir()
    folder.write_text("a file where the folder should be")
    clock.now += timedelta(seconds=10)
    assert host.post(host.fields(license_keys='["B"]')).status_code == 500
    assert host.stored_license_keys() == ["AAAA-1111"]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (None, "No private key is set, so answers are unsigned: set LICENSING_PRIVATE_KEY_SOURCE"),
        ("file:{keys}", "global.pem is missing, so answers are unsigned: make it with “flask licensing generate"),
        ("file:{keys}/one.pem", "one.pem is missing, so answers are unsigned: make it with “flask licensing generate"),
        ("env:NO_SUCH_KEY", "variable NO_SUCH_KEY is missing, so answers are unsigned: put it there"),
        ("products", "global.pem is missing, so what needs it gets code 9500: make it with"),
    ],
)
def test_the_start_says_what_is_missing(
    folder: Path, private_key: str, caplog: pytest.LogCaptureFixture, source: str | None, told: str
) -> None:
    """It said to set LICENSING_PRIVATE_KEY_SOURCE where it was set."""
    if source == "products":
        (folder / "product-1.pem").write_text(private_key)
    text = None if source is None else source.replace("products", "file:{keys}").format(keys=folder)
    Licensing(Flask("site"), key_store=MemoryKeyStore(), private_key_source=text)
    assert told in caplog.text


def test_the_check_tells_of_a_file_that_only_looks_like_a_key(
    create_host: Callable[..., Host], folder: Path, private_key: str
) -> None:
    (folder / "global.pem").write_text(private_key)
    host = create_host(private_key_source=f"file:{folder}")
    (folder / "product-01.pem").write_text(private_key)
    with host.app.app_context():
        (check,) = [result for result in host.licensing.check() if result.name == "private key"]
    assert not check.ok
    assert "it should be called product-1.pem" in check.message


def test_a_source_that_raises_at_start_is_refused_without_what_it_said(create_host: Callable[..., Host]) -> None:
    def source(product_id: int | None) -> str:
        raise OSError("password=hunter2")

    with pytest.raises(PrivateKeyError, match="the global private key could not be asked for: OSError") as refused:
        create_host(private_key_source=source)
    assert "hunter2" not in str(refused.value)


def test_a_text_that_names_no_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="neither “file:PATH” nor “env:NAME”"):
        private_key_source_from("nowhere.to:be_found", folder=tmp_path)


def test_a_text_names_a_file_a_folder_a_variable_or_an_import(tmp_path: Path) -> None:
    (tmp_path / "dotted.keys").mkdir()
    (tmp_path / "docker_secret").touch()
    sources = {
        text: private_key_source_from(text, folder=tmp_path)
        for text in ("file:key.pem", "file:docker_secret", "file:keys", "file:dotted.keys", "env:KEY")
    }
    assert [type(source) for source in sources.values()] == [
        FilePrivateKeySource,
        FilePrivateKeySource,
        FolderPrivateKeySource,
        FolderPrivateKeySource,
        EnvironmentPrivateKeySource,
    ]
    assert sources["file:keys"].path_for(3) == tmp_path / "keys" / "product-3.pem"  # type: ignore[attr-defined] # a folder source
    assert private_key_source_from(f"{__name__}:given_by_name", folder=tmp_path) is given_by_name


def test_relative_paths_start_at_the_apps_instance_folder(create_host: Callable[..., Host]) -> None:
    host = create_host(private_key_source="file:keys")
    source = host.licensing
    with host.app.app_context():
        origin = source.state.private_key_ring.source.origin(None)  # type: ignore[attr-defined] # a folder source
    assert origin == f"the file {Path(host.app.instance_path) / 'keys' / 'global.pem'}"


def test_one_file_has_no_place_for_a_products_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="make it a folder"):
        FilePrivateKeySource(tmp_path / "key.pem").path_for(1)
