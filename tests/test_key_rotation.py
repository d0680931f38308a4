"""Rotating, retiring and listing private keys in a folder."""

from __future__ import annotations

import json
import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from flask_licensing.core.public_keys import load_public_keys
from flask_licensing.errors import LicensingError, PrivateKeyError
from flask_licensing.http.answers import KEY_ID_HEADER
from flask_licensing.private_keys.folder import PrivateKeyFolder
from flask_licensing.private_keys.versions import PrivateKeyState
from flask_licensing.testing.parts import FrozenClock
from flask_licensing.verification import verify_response
from tests.key_pairs import key_pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

    from tests.hosts import Host

OLD = "20251201T000000Z"
FIRST, SECOND, THIRD = key_pairs(3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def rotating_host(create_host: Callable[..., Host], folder: Path) -> Iterator[Host]:
    """A host over a folder with one global key, whose context is open and which looks at the folder every time."""
    folder.mkdir()
    _begin(folder)
    host = create_host(private_key_source=f"file:{folder}", private_key_refresh_seconds=0, clock=FrozenClock())
    with host.app.app_context():
        yield host


def _begin(folder: Path) -> None:
    """Leave nothing in the folder but a global key, made long ago."""
    for path in folder.iterdir():
        path.unlink()
    FIRST.write(folder / "global.pem")
    os.utime(folder / "global.pem", (0, 0))


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".gitignore")


def _states(host: Host) -> dict[str | None, PrivateKeyState]:
    return {key.key_id: key.state for key in host.licensing.list_private_keys()}


def _signer(host: Host) -> str:
    return host.post(host.fields()).headers[KEY_ID_HEADER]


def _run(host: Host, *arguments: str) -> Result:
    return host.app.test_cli_runner().invoke(args=["licensing", *arguments])


def test_a_rotation_without_a_pending_key_makes_one_and_keeps_the_one_before(rotating_host: Host, folder: Path) -> None:
    assert _signer(rotating_host) == FIRST.id
    rotation = rotating_host.licensing.rotate_private_key()
    kept, made = _names(folder)
    assert (kept, made) == ("global.19700101T000000Z.verify-only.pem", "global.20260101T000000Z.active.pem")
    assert (folder / kept).read_text() == FIRST.pem
    assert (folder / made).stat().st_mode & 0o777 == 0o600
    assert rotation.active.signs
    assert [key.key_id for key in rotation.verify_only] == [FIRST.id]
    assert _signer(rotating_host) == rotation.active.key_id != FIRST.id
    assert _states(rotating_host) == {
        rotation.active.key_id: PrivateKeyState.ACTIVE,
        FIRST.id: PrivateKeyState.VERIFY_ONLY,
    }


def test_the_oldest_pending_key_comes_first(rotating_host: Host, folder: Path) -> None:
    made = rotating_host.licensing.generate_private_key(pending=True)
    assert made.name == "global.20260101T000000Z.pending.pem"
    assert made.stat().st_mode & 0o777 == 0o600
    second = rotating_host.licensing.generate_private_key(pending=True)
    assert second.name == "global.20260101T000001Z.pending.pem", "each name is of one second"
    content = made.read_bytes()
    assert _signer(rotating_host) == FIRST.id
    rotation = rotating_host.licensing.rotate_private_key()
    assert (folder / "global.20260101T000000Z.active.pem").read_bytes() == content
    assert _signer(rotating_host) == rotation.active.key_id
    assert list(_states(rotating_host).values()).count(PrivateKeyState.PENDING) == 1


def test_a_rotation_keeps_the_size_of_the_key_that_signs_or_takes_the_one_given(rotating_host: Host) -> None:
    licensing = rotating_host.licensing
    assert licensing.rotate_private_key().active.bits == 2048
    assert licensing.rotate_private_key(bits=3072).active.bits == 3072
    pending = licensing.generate_private_key(pending=True)
    assert load_pem_private_key(pending.read_bytes(), None).key_size == 3072  # type: ignore[union-attr]
    before = _states(rotating_host)
    with pytest.raises(LicensingError, match="There is a pending key"):
        licensing.rotate_private_key(bits=4096)
    assert _states(rotating_host) == before
    assert licensing.rotate_private_key().active.bits == 3072
    assert licensing.rotate_private_key(1).active.bits == 2048, "the first one of a product"
    assert licensing.generate_private_key(pending=True, bits=2048).exists()
    assert licensing.rotate_private_key().active.bits == 2048


def test_a_size_that_is_not_made_changes_nothing(rotating_host: Host, folder: Path) -> None:
    before = _names(folder)
    for bits in (1024, 2047, 2049, 8192):
        with pytest.raises(LicensingError, match="made of 2048, 3072, 4096 bits"):
            rotating_host.licensing.rotate_private_key(bits=bits)
        with pytest.raises(LicensingError, match="made of 2048, 3072, 4096 bits"):
            rotating_host.licensing.generate_private_key(bits=bits, overwrite=True)
    assert _names(folder) == before


def test_a_rotation_away_from_a_key_that_can_not_be_read_makes_one_of_the_smallest_size(
    rotating_host: Host, folder: Path
) -> None:
    (folder / "global.20300101T000000Z.active.pem").write_text("nonsense")
    assert rotating_host.licensing.rotate_private_key().active.bits == 2048
    for file in folder.glob("*.pem"):
        file.write_text("nonsense")
    assert rotating_host.licensing.rotate_private_key().active.bits == 2048


def test_the_key_of_a_product_rotates_on_its_own(rotating_host: Host, folder: Path) -> None:
    first = rotating_host.licensing.rotate_private_key(1)
    assert first.verify_only == ()
    assert _signer(rotating_host) == first.active.key_id
    second = rotating_host.licensing.rotate_private_key(1)
    assert [key.key_id for key in second.verify_only] == [first.active.key_id]
    assert _signer(rotating_host) == second.active.key_id
    assert (folder / "global.pem").read_text() == FIRST.pem


def test_keys_made_by_a_rotation_are_encrypted_where_a_passphrase_is_set(
    create_host: Callable[..., Host], folder: Path
) -> None:
    settings: dict[str, Any] = {"private_key_source": f"file:{folder}", "private_key_passphrase": "open sesame"}
    host = create_host(**settings)
    with host.app.app_context():
        host.licensing.generate_private_key()
        host.licensing.generate_private_key(pending=True)
        host.licensing.rotate_private_key()
        host.licensing.rotate_private_key()
        assert sorted(_states(host).values()) == [
            PrivateKeyState.ACTIVE,
            PrivateKeyState.VERIFY_ONLY,
            PrivateKeyState.VERIFY_ONLY,
        ]
    assert all("ENCRYPTED" in path.read_text() for path in folder.glob("*.pem"))


@pytest.mark.parametrize(
    ("pending", "reason"),
    [
        ("nonsense", "is not a private key as PEM"),
        (SECOND.public_pem, "holds a public key instead of a private one"),
        (FIRST.pem, "is the key that is in the file"),
    ],
    ids=["nonsense", "a public key", "the active key"],
)
def test_a_pending_key_that_can_not_sign_changes_nothing(
    rotating_host: Host, folder: Path, pending: str, reason: str
) -> None:
    (folder / f"global.{OLD}.pending.pem").write_text(pending)
    before = _names(folder)
    with pytest.raises(PrivateKeyError, match=f"Nothing was changed: .*{reason}"):
        rotating_host.licensing.rotate_private_key()
    assert _names(folder) == before
    assert _signer(rotating_host) == FIRST.id


def test_every_active_key_before_becomes_verify_only_readable_or_not(rotating_host: Host, folder: Path) -> None:
    (folder / f"global.{OLD}.active.pem").write_text("nonsense")
    SECOND.write(folder / "global.20300101T000000Z.active.pem")
    THIRD.write(folder / f"global.{OLD}.pending.pem")
    rotation = rotating_host.licensing.rotate_private_key()
    assert rotation.active.key_id == THIRD.id == _signer(rotating_host)
    assert {key.key_id for key in rotation.verify_only} == {FIRST.id, SECOND.id, None}


def test_a_verify_only_file_of_that_time_is_not_written_over(rotating_host: Host, folder: Path) -> None:
    SECOND.write(folder / "global.19700101T000000Z.verify-only.pem")
    rotating_host.licensing.rotate_private_key()
    assert (folder / "global.19700101T000000Z.verify-only.pem").read_text() == SECOND.pem
    assert (folder / "global.19700101T000001Z.verify-only.pem").read_text() == FIRST.pem


STAMPS = ["00010101T000000Z", "09991231T235959Z", "19691231T235959Z", "99990101T000000Z", "99991231T235959Z"]


@pytest.mark.parametrize("stamp", STAMPS)
def test_a_key_of_any_year_rotates(rotating_host: Host, folder: Path, stamp: str) -> None:
    """One of the year 9999 ended the command in a traceback: there is no later second."""
    (folder / "global.pem").rename(folder / f"global.{stamp}.active.pem")
    SECOND.write(folder / f"global.{stamp}.verify-only.pem")
    THIRD.write(folder / f"global.{stamp}.retired.pem")
    assert _signer(rotating_host) == FIRST.id
    made = rotating_host.licensing.generate_private_key(pending=True)
    assert made.name not in {f"global.{stamp}.pending.pem"}
    rotation = rotating_host.licensing.rotate_private_key()
    assert _signer(rotating_host) == rotation.active.key_id
    rotating_host.licensing.rotate_private_key()
    rotating_host.licensing.retire_private_key(FIRST.id)
    states = _states(rotating_host)
    assert [states[key.id] for key in (FIRST, SECOND, THIRD)] == ["retired", "verify-only", "retired"]


@pytest.mark.parametrize("seconds", [-(10**9), 10**12])
def test_a_file_that_was_changed_at_an_odd_time_rotates(rotating_host: Host, folder: Path, seconds: int) -> None:
    os.utime(folder / "global.pem", (seconds, seconds))
    rotation = rotating_host.licensing.rotate_private_key()
    assert [key.key_id for key in rotation.verify_only] == [FIRST.id]


class _PowerFailure(BaseException):
    """Ends a command in the middle."""


@pytest.fixture
def fail_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Have the power fail before the n-th change that a command makes to a folder."""
    left = [0]

    def counted(name: str) -> Callable[..., Any]:
        change = getattr(os, name)

        def counted_change(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                raise _PowerFailure
            return change(*arguments, **options)

        return counted_change

    for name in ("link", "unlink", "rename", "replace"):
        monkeypatch.setattr(os, name, counted(name))

    def fail_at(number: int) -> None:
        left[0] = number

    return fail_at


@pytest.mark.parametrize("pending", [True, False], ids=["pending", "no pending"])
def test_a_rotation_that_breaks_off_anywhere_loses_no_key_and_can_be_repeated(
    rotating_host: Host, create_host: Callable[..., Host], folder: Path, fail_at: Callable[[int], None], pending: bool
) -> None:
    for step in count(1):
        _begin(folder)
        if pending:
            SECOND.write(folder / f"global.{OLD}.pending.pem")
        signed_before = rotating_host.post(rotating_host.fields())
        assert signed_before.headers[KEY_ID_HEADER] == FIRST.id
        fail_at(step)
        try:
            rotating_host.licensing.rotate_private_key()
        except _PowerFailure:
            pass
        else:
            break
        finally:
            fail_at(0)
        for host in (rotating_host, create_host(private_key_source=f"file:{folder}")):
            public_keys = host.app.extensions["licensing"].private_key_ring.published(None)
            assert verify_response(signed_before.data, public_keys)
            assert verify_response(host.post(host.fields()).data, public_keys)
        rotating_host.licensing.rotate_private_key()
        states = _states(rotating_host)
        assert states[FIRST.id] is PrivateKeyState.VERIFY_ONLY
        assert not pending or states[SECOND.id] is not PrivateKeyState.PENDING
        assert [key_id for key_id, state in states.items() if state is PrivateKeyState.ACTIVE] == [
            _signer(rotating_host)
        ]
    assert step > 4


def test_of_rotations_at_once_those_that_are_not_refused_each_change_the_key_once(
    rotating_host: Host, folder: Path
) -> None:
    start = threading.Barrier(4)

    def rotate(_: int) -> str | None:
        with rotating_host.app.app_context():
            start.wait()
            with suppress(PrivateKeyError):
                return rotating_host.licensing.rotate_private_key().active.key_id
            return None

    with ThreadPoolExecutor(4) as pool:
        rotated = [key_id for key_id in pool.map(rotate, range(4)) if key_id]
    assert rotated
    states = _states(rotating_host)
    assert set(states) == {FIRST.id, *rotated}
    assert [key_id for key_id, state in states.items() if state is PrivateKeyState.ACTIVE] == [_signer(rotating_host)]


def test_while_one_command_changes_the_keys_others_are_refused(rotating_host: Host, folder: Path) -> None:
    before = _names(folder)
    licensing = rotating_host.licensing
    changes: list[Callable[[], object]] = [
        licensing.rotate_private_key,
        licensing.generate_private_key,
        lambda: licensing.generate_private_key(pending=True),
        lambda: licensing.retire_private_key(FIRST.id),
    ]
    with PrivateKeyFolder(folder).locked():
        for change in changes:
            with pytest.raises(PrivateKeyError, match="Another command is changing the keys"):
                change()
    assert _names(folder) == before


def test_a_retired_key_is_kept_and_no_longer_published(rotating_host: Host, folder: Path) -> None:
    old = rotating_host.post(rotating_host.fields())
    rotating_host.licensing.rotate_private_key()
    (retired,) = rotating_host.licensing.retire_private_key(FIRST.id)
    assert retired.state is PrivateKeyState.RETIRED
    assert [path.read_text() for path in folder.glob("*.retired.pem")] == [FIRST.pem]
    published = rotating_host.app.extensions["licensing"].private_key_ring.published(None)
    assert FIRST.id not in published
    assert old.headers[KEY_ID_HEADER] == FIRST.id
    with pytest.raises(LicensingError, match="is retired"):
        rotating_host.licensing.retire_private_key(FIRST.id)


def test_a_pending_key_can_be_given_up(rotating_host: Host, folder: Path) -> None:
    SECOND.write(folder / f"global.{OLD}.pending.pem")
    rotating_host.licensing.retire_private_key(SECOND.id)
    assert _states(rotating_host) == {SECOND.id: PrivateKeyState.RETIRED, FIRST.id: PrivateKeyState.ACTIVE}


def test_a_public_key_of_several_owners_is_retired_everywhere(rotating_host: Host, folder: Path) -> None:
    for name in (f"global.{OLD}", f"product-1.{OLD}", f"product-2.{OLD}"):
        (folder / f"{name}.verify-only.pem").write_text(SECOND.public_pem)
    assert {key.product_id for key in rotating_host.licensing.retire_private_key(SECOND.id)} == {None, 1, 2}


def test_an_active_key_and_one_that_is_not_there_are_not_retired(rotating_host: Host, folder: Path) -> None:
    SECOND.write(folder / f"global.{OLD}.verify-only.pem")
    SECOND.write(folder / "product-1.pem")
    before = _names(folder)
    for key_id in (FIRST.id, SECOND.id):
        with pytest.raises(LicensingError, match="is active"):
            rotating_host.licensing.retire_private_key(key_id)
    with pytest.raises(LicensingError, match="There is no key unknown"):
        rotating_host.licensing.retire_private_key("unknown")
    assert _names(folder) == before


def test_a_key_that_another_process_may_still_sign_with_is_not_retired(
    create_host: Callable[..., Host], folder: Path
) -> None:
    folder.mkdir()
    FIRST.write(folder / "global.pem")
    host = create_host(private_key_source=f"file:{folder}", private_key_refresh_seconds=3600)
    with host.app.app_context():
        host.licensing.rotate_private_key()
        with pytest.raises(LicensingError, match=r"may still sign in another process; try again in \d+ s"):
            host.licensing.retire_private_key(FIRST.id)
        assert _states(host)[FIRST.id] is PrivateKeyState.VERIFY_ONLY


def test_a_key_is_made_by_its_plain_name_only_where_none_is_active(rotating_host: Host, folder: Path) -> None:
    rotating_host.licensing.rotate_private_key()
    (active,) = folder.glob("*.active.pem")
    before = active.read_bytes()
    with pytest.raises(PrivateKeyError, match=r"active\.pem exists"):
        rotating_host.licensing.generate_private_key()
    assert rotating_host.licensing.generate_private_key(overwrite=True) == active
    assert active.read_bytes() != before
    with pytest.raises(LicensingError, match="nothing to overwrite"):
        rotating_host.licensing.generate_private_key(overwrite=True, pending=True)


@pytest.mark.parametrize("kind", ["one file", "a callable"])
def test_a_source_without_states_says_where_keys_are_changed(
    create_host: Callable[..., Host], tmp_path: Path, kind: str
) -> None:
    FIRST.write(tmp_path / "key.pem")
    source = f"file:{tmp_path / 'key.pem'}" if kind == "one file" else lambda _: FIRST.pem
    host = create_host(private_key_source=source)
    with host.app.app_context():
        for change in (host.licensing.rotate_private_key, lambda: host.licensing.retire_private_key(FIRST.id)):
            with pytest.raises(LicensingError, match="changed where they are kept"):
                change()
        (key,) = host.licensing.list_private_keys()
    assert (key.key_id, key.state, key.signs) == (FIRST.id, PrivateKeyState.ACTIVE, True)


def test_a_folder_that_never_stands_still_is_an_error_not_a_wrong_answer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir()
    FIRST.write(folder / "global.pem")
    key_folder = PrivateKeyFolder(folder)
    read = key_folder.read

    def read_and_replace(file: Any) -> bytes:
        content = read(file)
        FIRST.write(folder / "new.pem")
        (folder / "new.pem").rename(folder / "global.pem")
        return content

    monkeypatch.setattr(key_folder, "read", read_and_replace)
    with pytest.raises(PrivateKeyError, match="keep changing"):
        key_folder.snapshot(None)


def test_a_rotation_while_the_folder_is_read_hides_no_key(
    rotating_host: Host, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SECOND.write(folder / f"global.{OLD}.pending.pem")
    key_folder = PrivateKeyFolder(folder)
    read = key_folder.read

    def rotate_and_read(file: Any) -> bytes:
        if (folder / "global.pem").exists():
            rotating_host.licensing.rotate_private_key()
        return read(file)

    monkeypatch.setattr(key_folder, "read", rotate_and_read)
    seen = {file.state: content for file, content in key_folder.snapshot(None)}
    assert seen == {PrivateKeyState.VERIFY_ONLY: FIRST.pem.encode(), PrivateKeyState.ACTIVE: SECOND.pem.encode()}


def test_the_commands_rotate_retire_and_list(rotating_host: Host, folder: Path) -> None:
    made = json.loads(_run(rotating_host, "generate-private-key", "--pending", "--json").stdout)
    assert made["file"].endswith(".pending.pem")
    rotated = _run(rotating_host, "rotate-private-key")
    assert rotated.exit_code == 0
    assert re.match(r"Signs from now on: [\w-]{43}, the file .*\.active\.pem\.\nVerify-only: ", rotated.stdout)
    assert f"Verify-only: {FIRST.id}, the file " in rotated.stdout
    again = json.loads(_run(rotating_host, "rotate-private-key", "--product", "1", "--json").stdout)
    assert (again["active"]["product_id"], again["verify_only"]) == (1, [])
    assert f"Retired: {FIRST.id}, the file " in _run(rotating_host, "retire-private-key", FIRST.id).stdout
    (folder / f"product-2.{OLD}.verify-only.pem").write_text("nonsense")
    lines = [line.split("\t") for line in _run(rotating_host, "list-private-keys").stdout.splitlines()]
    assert [line[1:3] for line in lines] == [
        ["global", "retired"],
        ["global", "active, signs"],
        ["product 1", "active, signs"],
        ["product 2", "verify-only"],
    ]
    assert lines[3][0] == "-"
    assert "is not a private key" in lines[3][3]
    assert len(json.loads(_run(rotating_host, "list-private-keys", "--json").stdout)) == 4
    refused = _run(rotating_host, "retire-private-key", again["active"]["key_id"])
    assert (refused.exit_code, "is active" in refused.output) == (1, True)


@pytest.mark.parametrize(
    "key_id", ["-Bp61rydT4waGzDdzY1xdzJnkgDIPAPeIwGnI3YY4cQ", "--json-rydT4waGzDdzY1xdzJnkgDIPAPeIwGn"]
)
def test_a_key_id_that_begins_with_a_dash_is_no_option(rotating_host: Host, key_id: str) -> None:
    """One in 64 does; the command took its letters for options."""
    refused = _run(rotating_host, "retire-private-key", key_id)
    assert (refused.exit_code, refused.output) == (1, f"Error: There is no key {key_id}.\n")


def test_listed_keys_show_nothing_private(rotating_host: Host) -> None:
    shown = (
        repr(rotating_host.licensing.list_private_keys()) + _run(rotating_host, "list-private-keys", "--json").output
    )
    assert FIRST.pem.splitlines()[3] not in shown
    assert load_public_keys(FIRST.public_pem).keys() == {FIRST.id}


@pytest.mark.parametrize("product_id", [0, -1, 2**31])
def test_a_key_for_what_can_not_be_a_product_is_not_made(rotating_host: Host, folder: Path, product_id: int) -> None:
    licensing = rotating_host.licensing
    for make in (licensing.generate_private_key, licensing.rotate_private_key):
        with pytest.raises(LicensingError, match="a number from 1 to 2147483647"):
            make(product_id)
    assert _names(folder) == ["global.pem"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs to run as root, who may give files away")
def test_a_key_that_root_makes_belongs_to_the_owner_of_the_folder(rotating_host: Host, folder: Path) -> None:
    os.chown(folder, 12345, 23456)
    rotating_host.licensing.generate_private_key(pending=True)
    rotating_host.licensing.rotate_private_key()
    rotating_host.licensing.rotate_private_key()
    made = [path for path in folder.glob("*.pem") if not path.name.startswith("global.1970")]
    assert [(path.stat().st_uid, path.stat().st_gid) for path in made] == [(12345, 23456)] * 2
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in made)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs to run as root, who may give files away")
def test_a_folder_that_root_makes_belongs_to_the_owner_of_the_one_above(
    create_host: Callable[..., Host], tmp_path: Path
) -> None:
    os.chown(tmp_path, 12345, 23456)
    host = create_host(private_key_source=f"file:{tmp_path / 'deep' / 'keys'}")
    with host.app.app_context():
        made = host.licensing.generate_private_key()
    assert {(path.stat().st_uid, path.stat().st_gid) for path in (made, made.parent, tmp_path / "deep")} == {
        (12345, 23456)
    }


def test_check_tells_of_keys_that_can_not_be_read(rotating_host: Host, folder: Path) -> None:
    (folder / f"global.{OLD}.retired.pem").write_text("nonsense")
    assert _check_of_the_private_key(rotating_host) == (True, "there is a global one")
    (folder / f"product-1.{OLD}.pending.pem").write_text("nonsense")
    ok, message = _check_of_the_private_key(rotating_host)
    assert not ok
    assert f"product-1.{OLD}.pending.pem is not a private key" in message


def _check_of_the_private_key(host: Host) -> tuple[bool, str]:
    (check,) = [result for result in host.licensing.check() if result.name == "private key"]
    return check.ok, check.message
