"""Several private keys in states of their own: which one signs, seen through the answers of an app."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from flask_licensing.errors import PrivateKeyError
from flask_licensing.hooks import PrivateKeyVersion
from flask_licensing.http.answers import KEY_ID_HEADER
from flask_licensing.private_keys.versions import PrivateKeyState
from flask_licensing.testing.parts import FrozenClock
from tests.key_pairs import KeyPair, key_pairs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.hosts import Host

OLD = "20260101T000000Z"
NEW = "20260201T000000Z"
FIRST, SECOND, THIRD = key_pairs(3)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.mkdir()
    return path


@pytest.fixture
def serve(create_host: Callable[..., Host], folder: Path, clock: FrozenClock) -> Callable[..., Host]:
    """Make a host over the folder, as one of several processes would be."""

    def serve(**settings: Any) -> Host:
        return create_host(private_key_source=f"file:{folder}", clock=clock, **settings)

    return serve


def _signer(host: Host, **changes: Any) -> str | None:
    """The id of the key that signs an answer."""
    answer = host.post(host.fields(**changes))
    assert answer.status_code == 200, answer.text
    return answer.headers.get(KEY_ID_HEADER)


def _after_refresh(clock: FrozenClock) -> None:
    clock.move(seconds=10)


def test_the_newest_active_key_signs_and_the_plain_name_is_the_oldest(folder: Path, serve: Callable[..., Host]) -> None:
    FIRST.write(folder / "global.pem")
    host = serve()
    assert _signer(host) == FIRST.id
    SECOND.write(folder / f"global.{OLD}.active.pem")
    assert _signer(serve()) == SECOND.id
    THIRD.write(folder / f"global.{NEW}.active.pem")
    assert _signer(serve()) == THIRD.id
    assert _signer(host) == FIRST.id, "before the refresh interval is over nothing is read"


@pytest.mark.parametrize("state", ["pending", "verify-only", "retired"])
def test_keys_in_other_states_do_not_sign(folder: Path, serve: Callable[..., Host], state: str) -> None:
    FIRST.write(folder / f"global.{OLD}.active.pem")
    SECOND.write(folder / f"global.{NEW}.{state}.pem")
    SECOND.write(folder / f"product-1.{NEW}.{state}.pem")
    answer = serve()
    assert _signer(answer) == FIRST.id


def test_a_key_renamed_by_hand_changes_its_state_in_a_running_process(
    folder: Path, serve: Callable[..., Host], clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    FIRST.write(folder / f"global.{OLD}.active.pem")
    SECOND.write(folder / f"global.{NEW}.pending.pem")
    host = serve()
    assert _signer(host) == FIRST.id
    (folder / f"global.{NEW}.pending.pem").rename(folder / f"global.{NEW}.active.pem")
    (folder / f"global.{OLD}.active.pem").rename(folder / f"global.{OLD}.verify-only.pem")
    assert _signer(host) == FIRST.id
    _after_refresh(clock)
    with caplog.at_level(logging.INFO):
        assert _signer(host) == SECOND.id
    assert f"signing with a new private key from the file {folder / f'global.{NEW}.active.pem'}" in caplog.text


@pytest.mark.parametrize("state", ["pending", "verify-only", "retired"])
def test_a_products_key_that_is_told_to_stop_leaves_signing_to_the_global_one(
    folder: Path, serve: Callable[..., Host], clock: FrozenClock, caplog: pytest.LogCaptureFixture, state: str
) -> None:
    FIRST.write(folder / "global.pem")
    SECOND.write(folder / "product-1.pem")
    host = serve()
    assert _signer(host) == SECOND.id
    (folder / "product-1.pem").rename(folder / f"product-1.{OLD}.{state}.pem")
    _after_refresh(clock)
    assert _signer(host) == FIRST.id
    assert f"the file {folder / 'product-1.pem'} no longer signs" in caplog.text


@pytest.mark.parametrize("state", ["pending", "verify-only", "retired"])
def test_where_no_global_key_is_active_any_more_nothing_is_created_until_one_is(
    folder: Path, serve: Callable[..., Host], clock: FrozenClock, caplog: pytest.LogCaptureFixture, state: str
) -> None:
    FIRST.write(folder / "global.pem")
    host = serve()
    stopped = folder / f"global.{OLD}.{state}.pem"
    (folder / "global.pem").rename(stopped)
    _after_refresh(clock)
    answer = host.post(host.fields())
    assert (answer.status_code, answer.get_json()["response"]["code"]) == (500, 9500)
    assert answer.get_json()["signature"] == "Private key not set"
    assert host.stored_license_keys() == []
    assert "none of them is active" in caplog.text
    SECOND.write(folder / f"global.{NEW}.active.pem")
    assert _signer(host) == SECOND.id, "without waiting for the interval"


def test_a_key_that_is_gone_goes_on_signing_and_its_return_in_another_state_stops_it(
    folder: Path, serve: Callable[..., Host], clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    FIRST.write(folder / "global.pem")
    SECOND.write(folder / f"product-1.{NEW}.active.pem")
    host = serve()
    assert _signer(host) == SECOND.id
    (folder / f"product-1.{NEW}.active.pem").unlink()
    _after_refresh(clock)
    assert _signer(host) == SECOND.id
    assert f"{NEW}.active.pem is gone; restart to stop using it" in caplog.text
    SECOND.write(folder / f"product-1.{OLD}.retired.pem")
    _after_refresh(clock)
    assert _signer(host) == FIRST.id


def test_an_older_active_key_takes_over_from_one_that_was_removed(
    folder: Path, serve: Callable[..., Host], clock: FrozenClock
) -> None:
    FIRST.write(folder / f"global.{OLD}.active.pem")
    SECOND.write(folder / f"global.{NEW}.active.pem")
    host = serve()
    assert _signer(host) == SECOND.id
    (folder / f"global.{NEW}.active.pem").unlink()
    _after_refresh(clock)
    assert _signer(host) == FIRST.id


@pytest.mark.parametrize("content", ["", "half written", "a folder"])
def test_a_new_active_file_that_is_no_key_leaves_the_one_before_signing(
    folder: Path, serve: Callable[..., Host], clock: FrozenClock, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    FIRST.write(folder / "global.pem")
    host = serve()
    assert _signer(host) == FIRST.id
    path = folder / f"global.{NEW}.active.pem"
    if content == "a folder":
        path.mkdir()
    else:
        path.write_text(SECOND.pem[:900] if content else "")
    _after_refresh(clock)
    assert [_signer(host), _signer(host)] == [FIRST.id] * 2
    (warning,) = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert "the private key loaded before goes on signing" in warning or "an older private key" in warning
    assert str(path) in warning
    path.rmdir() if content == "a folder" else path.unlink()
    SECOND.write(path)
    _after_refresh(clock)
    assert _signer(host) == SECOND.id


def test_a_key_told_to_stop_does_not_go_on_because_its_successor_is_half_written(
    folder: Path, serve: Callable[..., Host], clock: FrozenClock
) -> None:
    FIRST.write(folder / f"global.{OLD}.active.pem")
    host = serve()
    (folder / f"global.{OLD}.active.pem").rename(folder / f"global.{OLD}.verify-only.pem")
    successor = folder / f"global.{NEW}.active.pem"
    successor.write_text(SECOND.pem[:900])
    _after_refresh(clock)
    for _ in range(2):
        assert host.post(host.fields()).status_code == 500
    assert host.stored_license_keys() == []
    SECOND.write(successor)
    assert _signer(host) == SECOND.id, "without waiting for the interval"


def test_an_active_key_that_does_not_sign_is_told_in_the_log(
    folder: Path, serve: Callable[..., Host], clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A plain file put into the folder after a rotation is older than the key that the rotation made."""
    FIRST.write(folder / f"global.{OLD}.active.pem")
    host = serve()
    SECOND.write(folder / "global.pem")
    for _ in range(2):
        _after_refresh(clock)
        assert _signer(host) == FIRST.id
    told = (
        f"the file {folder / 'global.pem'} is active and does not sign: the file {folder / f'global.{OLD}.active.pem'}"
    )
    assert caplog.text.count(told) == 1


def test_where_one_key_is_there_in_two_states_the_one_further_along_counts(
    folder: Path, serve: Callable[..., Host]
) -> None:
    FIRST.write(folder / f"global.{OLD}.active.pem")
    SECOND.write(folder / f"global.{NEW}.active.pem")
    SECOND.write(folder / f"global.{OLD}.pending.pem")
    assert _signer(serve()) == SECOND.id
    SECOND.write(folder / f"global.{OLD}.verify-only.pem")
    assert _signer(serve()) == FIRST.id


def test_a_wrong_active_key_is_refused_at_start_and_others_are_passed_over(
    folder: Path, serve: Callable[..., Host], clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    FIRST.write(folder / "global.pem")
    for state in ("pending", "verify-only", "retired"):
        (folder / f"global.{OLD}.{state}.pem").write_text("nonsense")
    host = serve()
    _after_refresh(clock)
    assert _signer(host) == FIRST.id
    passed_over = [record.message for record in caplog.records if "passed over" in record.message]
    assert len(passed_over) == 3, "once, not once per interval"
    (folder / f"global.{NEW}.active.pem").write_text("nonsense")
    with pytest.raises(PrivateKeyError, match=rf"global\.{NEW}\.active\.pem is not a private key"):
        serve()


@pytest.mark.parametrize(
    "name",
    [
        "global.20260230T000000Z.active.pem",
        f"global.{NEW}.actve.pem",
        "global.old.pem",
        "global.pem~",
        "product-07.pem",
        "product-99999999999.pem",
        "prod-2.pem",
        "2.pem",
        "private",
    ],
)
def test_a_private_key_by_another_name_is_refused_at_start_beside_good_ones_too(
    folder: Path, serve: Callable[..., Host], name: str
) -> None:
    FIRST.write(folder / "global.pem")
    SECOND.write(folder / name)
    with pytest.raises(PrivateKeyError, match=f"{name} is no private key by its name; it should be called"):
        serve()


@pytest.mark.parametrize("name", ["product_1.pem", "global.key", "site.key", "site.p12", "site.P8", "site.pfx"])
def test_a_file_named_like_a_private_key_is_refused_unless_it_is_something_else(
    folder: Path, serve: Callable[..., Host], name: str
) -> None:
    FIRST.write(folder / "global.pem")
    (folder / name).write_text("unknown")
    with pytest.raises(PrivateKeyError, match=f"{name} is no private key by its name"):
        serve()
    (folder / name).write_text(SECOND.public_pem)
    assert _signer(serve()) == FIRST.id


def test_other_files_beside_good_keys_are_ignored(folder: Path, serve: Callable[..., Host]) -> None:
    FIRST.write(folder / "global.pem")
    for name in ("certificate.pem", "README", ".gitignore", "site.der", "product-1.txt", "global"):
        (folder / name).write_text("something else")
    for name in ("global.public.pem", "product-7.pub"):
        (folder / name).write_text(SECOND.public_pem)
    for name in (".global.pem.draft", "archive/global.pem", "..data/private"):
        (folder / name).parent.mkdir(exist_ok=True)
        SECOND.write(folder / name)
    assert _signer(serve()) == FIRST.id


def test_encrypted_keys_have_states_too(folder: Path, serve: Callable[..., Host]) -> None:
    def encrypted(pair: KeyPair, passphrase: bytes) -> bytes:
        return pair.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))

    (folder / f"global.{OLD}.verify-only.pem").write_bytes(encrypted(FIRST, b"open sesame"))
    (folder / f"global.{NEW}.active.pem").write_bytes(encrypted(SECOND, b"open sesame"))
    (folder / f"global.{OLD}.retired.pem").write_bytes(encrypted(THIRD, b"a passphrase of old"))
    host = serve(private_key_passphrase="open sesame")
    assert _signer(host) == SECOND.id


def test_a_folder_that_can_not_be_read_for_a_while_stops_nothing(
    folder: Path, serve: Callable[..., Host], clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    FIRST.write(folder / "global.pem")
    SECOND.write(folder / "product-1.pem")
    host = serve()
    with host.app.app_context():
        other_product = host.licensing.create_product("Video Editor").id
    assert (_signer(host), _signer(host, product_id=other_product)) == (SECOND.id, FIRST.id)
    away = folder.rename(folder.with_name("away"))
    folder.write_text("a file where the folder should be")
    _after_refresh(clock)
    assert (_signer(host), _signer(host, product_id=other_product)) == (SECOND.id, FIRST.id)
    assert f"The folder {folder} can't be read: Not a directory" in caplog.text
    folder.unlink()
    away.rename(folder)
    THIRD.write(folder / f"global.{NEW}.active.pem")
    _after_refresh(clock)
    assert _signer(host, product_id=other_product) == THIRD.id


def test_a_source_of_the_hosts_own_tells_several_keys(create_host: Callable[..., Host], clock: FrozenClock) -> None:
    keys = [
        PrivateKeyVersion(FIRST.pem, PrivateKeyState.ACTIVE),
        PrivateKeyVersion(SECOND.private, PrivateKeyState.PENDING),
    ]
    host = create_host(private_key_source=lambda product_id: [] if product_id else keys, clock=clock)
    assert _signer(host) == FIRST.id
    keys[:] = [
        PrivateKeyVersion(FIRST.private.public_key(), PrivateKeyState.VERIFY_ONLY),
        PrivateKeyVersion(SECOND.private, PrivateKeyState.ACTIVE),
    ]
    _after_refresh(clock)
    assert _signer(host) == SECOND.id


def test_a_source_of_the_hosts_own_may_tell_states_as_text_and_what_can_not_be_read(
    create_host: Callable[..., Host], caplog: pytest.LogCaptureFixture
) -> None:
    keys = [
        PrivateKeyVersion(FIRST.pem, "active"),  # type: ignore[arg-type] # read from somewhere as text
        PrivateKeyVersion(PrivateKeyError("version 2 is locked away"), PrivateKeyState.PENDING, "version 2"),
    ]
    host = create_host(private_key_source=lambda product_id: [] if product_id else keys)
    assert _signer(host) == FIRST.id
    assert "a private key is passed over: version 2 is locked away" in caplog.text
    with pytest.raises(ValueError, match="'unknown' is not a valid PrivateKeyState"):
        PrivateKeyVersion(FIRST.pem, "unknown")  # type: ignore[arg-type] # this is the mistake


def test_a_wrong_list_of_keys_is_refused_at_start(create_host: Callable[..., Host]) -> None:
    keys: Any = [FIRST.pem]
    with pytest.raises(PrivateKeyError, match="the global private key could not be asked for: AttributeError"):
        create_host(private_key_source=lambda _: keys)
    public: Any = [PrivateKeyVersion(FIRST.public_pem, PrivateKeyState.ACTIVE)]
    with pytest.raises(PrivateKeyError, match="holds a public key instead of a private one"):
        create_host(private_key_source=lambda _: public)


def test_an_unchanged_key_is_loaded_once_however_often_it_is_asked_for(
    folder: Path, serve: Callable[..., Host], clock: FrozenClock
) -> None:
    FIRST.write(folder / f"global.{OLD}.active.pem")
    host = serve()
    state = host.app.extensions["licensing"]
    (before,) = state.private_key_ring.keys(None)
    for _ in range(3):
        clock.now += timedelta(seconds=10)
        (again,) = state.private_key_ring.keys(None)
        assert again.signer is before.signer
