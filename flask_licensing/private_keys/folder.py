"""A folder of private keys: the name of each file says whose key it is, in which state, and when it was made.

``global.pem`` and ``product-7.pem`` are active keys. Beside them ``global.20260102T030405Z.pending.pem`` and the like
hold keys of any state. A file is never written twice: a change of state gives it another name, and it is there
under both names before it is there under the new one alone.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import TYPE_CHECKING

from flask_licensing.core.domain import MAX_INTEGER
from flask_licensing.errors import PrivateKeyError
from flask_licensing.private_keys.versions import PrivateKeyState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_OWNER_ONLY = 0o600
_OWNER_ONLY_FOLDER = 0o700
_SNAPSHOT_ATTEMPTS = 100
_LAST_SECOND = 253402300799  # of the year 9999
_STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(
    r"(?:global|product-(?P<product_id>[1-9][0-9]*))"
    rf"(?:\.(?P<stamp>[0-9]{{8}}T[0-9]{{6}}Z)\.(?P<state>{'|'.join(PrivateKeyState)}))?\.pem"
)
_BEGINS_LIKE_A_KEY = re.compile(r"(global|product[-_ ]?[0-9]+)(\W.*)?", re.IGNORECASE | re.DOTALL)
_HAS_A_SUFFIX_OF_KEYS = re.compile(r".*\.(pem|key|der|p8|p12|pfx).*", re.IGNORECASE | re.DOTALL)
_HAS_THE_SUFFIX_OF_PRIVATE_KEYS = re.compile(r".*\.(key|p8|p12|pfx)", re.IGNORECASE | re.DOTALL)
_OWNER = re.compile(r"global|(prod[a-z]*\W{0,3}_?)?0*(?P<product_id>[1-9][0-9]*)|prod", re.IGNORECASE)
_HEAD_BYTES = 8192


@dataclass(frozen=True)
class PrivateKeyFile:
    """What the name of a file in a key folder says.

    ``product_id`` is ``None`` for a global key. ``made_at`` is naive UTC in whole seconds; it is ``None`` for the plain
    name, which is an active key and counts as the oldest.
    """

    product_id: int | None
    state: PrivateKeyState = PrivateKeyState.ACTIVE
    made_at: datetime | None = None

    @property
    def name(self) -> str:
        """The name of the file."""
        owner = "global" if self.product_id is None else f"product-{self.product_id}"
        if self.made_at is None:
            return f"{owner}.pem"
        # Years before 1000 have no leading zeros in strftime.
        stamp = self.made_at.isoformat(timespec="seconds").replace("-", "").replace(":", "")
        return f"{owner}.{stamp}Z.{self.state}.pem"

    @classmethod
    def parse(cls, name: str) -> PrivateKeyFile | None:
        """Return what a name says, or ``None`` where it is not the name of a key."""
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        product_id, stamp, state = found["product_id"], found["stamp"], found["state"]
        if product_id and int(product_id) > MAX_INTEGER:
            return None
        try:
            made_at = datetime.strptime(stamp, _STAMP) if stamp else None  # noqa: DTZ007 - UTC, as the name says
        except ValueError:
            return None
        return cls(int(product_id) if product_id else None, PrivateKeyState(state or PrivateKeyState.ACTIVE), made_at)


class PrivateKeyFolder:
    """The files of one folder, which need not be there yet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def path_of(self, file: PrivateKeyFile) -> Path:
        """Return where a file is, or is to be written."""
        return self.path / file.name

    def product_ids(self) -> list[int]:
        """Return the products that have files here, in order; raises as :meth:`files`."""
        files = (PrivateKeyFile.parse(entry.name) for entry in self._entries())
        return sorted({file.product_id for file in files if file and file.product_id is not None})

    def misnamed(self) -> dict[str, str]:
        """Return the names of files that are no keys here and are meant as some, each with what is wrong.

        Raises:
            PrivateKeyError: the folder can't be read.

        """
        return self._told(entry for entry in self._entries_of_other_names() if _is_meant_as_a_key(entry))

    def similar_to_keys(self) -> dict[str, str]:
        """Return files that may be meant as a private key where there is none, as :meth:`misnamed` does.

        Those are files that might be keys by their names, and private keys that are hidden or one folder further down.
        """
        maybe = [entry for entry in self._entries_of_other_names() if _looks_like_a_key(entry)]
        return self._told([*maybe, *filter(_holds_a_private_key, self._hidden_and_further_down())])

    def similar(self, name: str) -> list[Path]:
        """Return files that look like keys and whose names begin as ``name`` does, in whatever case."""
        beginning = name.partition(".")[0].lower()
        return [path for path in self.paths() if path.name.strip().lower().startswith(beginning)]

    def paths(self) -> list[Path]:
        """Return every file that is a key by its name, or looks like one; raises as :meth:`files`."""
        return sorted(self.path / entry.name for entry in self._entries() if _looks_like_a_key(entry))

    def files(self, product_id: int | None) -> list[PrivateKeyFile]:
        """Return the files of a product, or the global ones, oldest first.

        Raises:
            PrivateKeyError: the folder can't be read.

        """
        return list(self._inodes(product_id))

    def read(self, file: PrivateKeyFile) -> bytes:
        """Return what is in a file.

        Raises:
            PrivateKeyError: it can't be read.

        """
        path = self.path_of(file)
        try:
            return path.read_bytes()
        except OSError as error:
            raise PrivateKeyError(f"The file {path} can't be read: {error.strerror}.") from error

    def snapshot(self, product_id: int | None) -> list[tuple[PrivateKeyFile, bytes | PrivateKeyError]]:
        """Return the files of a product, or the global ones, as they were at one moment, oldest first.

        Each comes with what is in it, or with why that can't be read. Without this care a file that is renamed while
        the folder is read is found under neither name.

        Raises:
            PrivateKeyError: the folder can't be read, or never stands still.

        """
        for _ in range(_SNAPSHOT_ATTEMPTS):
            before = self._inodes(product_id)
            contents = [(file, self._content_or_problem(file)) for file in before]
            if self._inodes(product_id) == before:
                return contents
        raise PrivateKeyError(f"The files of the folder {self.path} keep changing.")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder where it is missing, and keep other processes from changing it while the block runs.

        Raises:
            PrivateKeyError: another process is changing it, or the folder can't be made or written.

        """
        try:
            make_private_key_folder(self.path)
            with _lock(self.path):
                yield
        except BlockingIOError:
            raise PrivateKeyError(f"Another command is changing the keys in {self.path}; try again.") from None
        except OSError as error:
            raise PrivateKeyError(f"The folder {self.path} can't be written: {error.strerror}.") from error

    def unused_time(self, product_id: int | None, now: datetime) -> datetime:
        """Return ``now``, or a second beside the newest of the files where that is later."""
        taken = {file.made_at for file in self.files(product_id) if file.made_at}
        made_at = max(now.replace(microsecond=0), *taken) if taken else now.replace(microsecond=0)
        step = _step_from(made_at)
        while made_at in taken:
            made_at += step
        return made_at

    def move(self, file: PrivateKeyFile, state: PrivateKeyState) -> PrivateKeyFile:
        """Give a file another state and return it; at no moment is it gone. A move that broke off can be repeated."""
        source = self.path_of(file)
        made_at = file.made_at or _time_of_change(source)
        moved = replace(file, state=state, made_at=made_at)
        step = _step_from(made_at)
        while not _is_linked(source, self.path_of(moved)):
            made_at += step
            moved = replace(moved, made_at=made_at)
        _sync_folder(self.path)
        source.unlink()
        _sync_folder(self.path)
        return moved

    def _told(self, entries: Iterable[os.DirEntry[str]]) -> dict[str, str]:
        names = sorted(os.path.relpath(entry.path, self.path) for entry in entries)
        return {name: self._advice(name) for name in names}

    def _advice(self, name: str) -> str:
        base = os.path.basename(name)
        found = _OWNER.match(base.strip(" ."))
        product_id = found and found["product_id"]
        owner = "product-ID" if found and found[0].lower() != "global" else "global"
        if product_id and int(product_id) <= MAX_INTEGER:
            owner = f"product-{product_id}"
        state = next((state for state in PrivateKeyState if state in base.lower()), PrivateKeyState.ACTIVE)
        by, place = ("its name", "") if base == name else ("its folder", f" in {self.path}")
        return (
            f"The file {self.path / name} is no private key by {by}; it should be called {owner}.pem,"
            f" or with a time and a state {owner}.20260131T235959Z.{state}.pem{place}."
        )

    def _entries_of_other_names(self) -> list[os.DirEntry[str]]:
        return [entry for entry in self._entries() if PrivateKeyFile.parse(entry.name) is None]

    def _hidden_and_further_down(self) -> Iterator[os.DirEntry[str]]:
        """Yield hidden files, and those of the folders in this one.

        What Kubernetes mounts is in folders that begin with two dots, and has links to it.
        """
        for entry in [*self._entries(), *self._entries(hidden=True)]:
            if not entry.is_dir():
                yield from [entry] if entry.name.startswith(".") else []
            elif not entry.name.startswith(".."):
                below = PrivateKeyFolder(self.path / entry.name)
                with suppress(PrivateKeyError):
                    yield from [*below._entries(), *below._entries(hidden=True)]

    def _entries(self, *, hidden: bool = False) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.path) as entries:
                return [entry for entry in entries if entry.name.startswith(".") == hidden]
        except FileNotFoundError as error:
            if self.path.is_symlink():
                raise PrivateKeyError(f"The folder {self.path} is a link to what is not there.") from error
            return []
        except OSError as error:
            raise PrivateKeyError(f"The folder {self.path} can't be read: {error.strerror}.") from error

    def _inodes(self, product_id: int | None) -> dict[PrivateKeyFile, int]:
        beginning = PrivateKeyFile(product_id).name.removesuffix("pem")
        entries = (entry for entry in self._entries() if entry.name.startswith(beginning))
        inodes = {file: entry.inode() for entry in entries if (file := PrivateKeyFile.parse(entry.name))}
        return dict(sorted(inodes.items(), key=lambda item: (bool(item[0].made_at), item[0].made_at or datetime.min)))

    def _content_or_problem(self, file: PrivateKeyFile) -> bytes | PrivateKeyError:
        try:
            return self.read(file)
        except PrivateKeyError as problem:
            return problem


def make_private_key_folder(path: Path) -> None:
    """Make a folder, if it is missing, and those above it; only the owner can enter, whatever the umask."""
    if path.is_dir():
        return
    make_private_key_folder(path.parent)
    path.mkdir(mode=_OWNER_ONLY_FOLDER, exist_ok=True)
    path.chmod(_OWNER_ONLY_FOLDER)
    _give_to_owner_of(path.parent, path)


def keep_out_of_git(folder: Path, pattern: str) -> None:
    """Put a ``.gitignore`` of one line into a folder that has no such file; raises :class:`OSError`."""
    with suppress(FileExistsError):
        write_private_key_file(folder / ".gitignore", f"{pattern}\n".encode())


def write_private_key_file(target: Path, pem: bytes, *, overwrite: bool = False) -> None:
    """Write a private key that its owner alone can read, whatever the umask; it appears whole or not at all.

    A link that somebody put at its place is not followed.

    Written by root, it belongs to whom the folder belongs to, so that the workers of a site can read it.

    Raises:
        FileExistsError: there is a file and ``overwrite`` is false.
        OSError: it can't be written.

    """
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "wb") as file:
            _give_to_owner_of(target.parent, file.fileno())
            draft.chmod(_OWNER_ONLY)
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            draft.replace(target)
        else:
            # A link, unlike a rename, refuses where there is a file already.
            os.link(draft, target)
        _sync_folder(target.parent)
    finally:
        draft.unlink(missing_ok=True)


def _give_to_owner_of(folder: Path, made: Path | int) -> None:
    """Let a site that root set up read what root made: a path, or an open file."""
    if sys.platform != "win32" and os.geteuid() == 0:
        owner = folder.stat()
        os.chown(made, owner.st_uid, owner.st_gid)


def _is_linked(source: Path, target: Path) -> bool:
    """Make ``target`` another name of ``source``; whether it is one now, or was before."""
    try:
        os.link(source, target)
    except FileExistsError:
        return target.samefile(source)
    return True


def _time_of_change(path: Path) -> datetime:
    seconds = min(max(int(path.stat().st_mtime), 0), _LAST_SECOND)
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def _step_from(made_at: datetime) -> timedelta:
    """Return where to look for another second: the later one, unless time is about to end."""
    return timedelta(seconds=-1 if made_at.year == MAXYEAR else 1)


def _looks_like_a_key(entry: os.DirEntry[str]) -> bool:
    name = entry.name.strip()
    by_name = _BEGINS_LIKE_A_KEY.fullmatch(name) or _HAS_A_SUFFIX_OF_KEYS.fullmatch(name)
    return by_name is not None or _holds_a_private_key(entry)


def _is_meant_as_a_key(entry: os.DirEntry[str]) -> bool:
    """Whether a file holds a private key, or nothing that is known under a name that private keys have."""
    name = entry.name.strip()
    begins_like_a_key = _BEGINS_LIKE_A_KEY.fullmatch(name) and _HAS_A_SUFFIX_OF_KEYS.fullmatch(name)
    by_name = begins_like_a_key or _HAS_THE_SUFFIX_OF_PRIVATE_KEYS.fullmatch(name)
    return _holds_a_private_key(entry) or (by_name is not None and b"-----BEGIN" not in _head_of(entry))


def _holds_a_private_key(entry: os.DirEntry[str]) -> bool:
    return b"PRIVATE KEY-----" in _head_of(entry)


def _head_of(entry: os.DirEntry[str]) -> bytes:
    """Return the beginning of a file, also where it was written as UTF-16; nothing of what can't be read."""
    try:
        if entry.is_file():
            with open(entry.path, "rb") as file:
                return file.read(_HEAD_BYTES).replace(b"\0", b"")
    except OSError:
        pass
    return b""


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    if sys.platform == "win32":  # has no locks of folders: there nothing but the names keeps two commands apart
        yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Have names on the disk in the order they changed in, for the case that the power fails."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
