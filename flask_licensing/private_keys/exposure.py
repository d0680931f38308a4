"""Who else can read the files of private keys, or put others in their place."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_OTHERS_READ_OR_WRITE = 0o066
_OTHERS_WRITE = 0o022
_OTHERS_ENTER = 0o011


class Exposure(NamedTuple):
    """What should be fixed, and what an operator should know but can't fix here; a sentence each."""

    problems: list[str]
    remarks: list[str]


def find_exposure(folder: Path, files: Iterable[Path]) -> Exposure:
    """Look at files of private keys, and at their folder.

    What can't be changed here is no problem: on a file system that is read-only, or where this process itself reads as
    one of the others. So secrets that Kubernetes or Docker mounts get a remark. Files that can't be
    looked at are passed over.
    """
    exposure = Exposure([], [])
    if sys.platform == "win32":
        return exposure
    folders = {folder}
    for file in files:
        try:
            found, real_folder = file.stat(), file.resolve().parent
            folders_of_file = [file.parent.stat(), real_folder.stat()]
        except OSError:
            continue
        if not real_folder.is_relative_to(folder.resolve()):
            folders.add(real_folder)
            exposure.remarks.append(f"{file} is a link to {file.resolve()}")
        if found.st_mode & _OTHERS_READ_OR_WRITE and all(above.st_mode & _OTHERS_ENTER for above in folders_of_file):
            _tell(exposure, file, found, "can be read by others than its owner", "chmod 600")
        if found.st_uid not in {0, os.geteuid(), folders_of_file[0].st_uid}:
            _tell(exposure, file, found, f"belongs to another user, {found.st_uid}", "chown")
    for place in sorted(folders):
        if os.path.isdir(place):  # false, unlike the method of a path, where a folder above can not be read
            _look_at_folder(exposure, place)
    return exposure


def _look_at_folder(exposure: Exposure, folder: Path) -> None:
    found = folder.stat()
    if _is_read_only(folder):
        return
    if found.st_mode & _OTHERS_WRITE:
        exposure.problems.append(f"others than its owner can put keys into {folder}: chmod 700")
    if found.st_uid not in {0, os.geteuid()} and os.geteuid() != 0:
        exposure.problems.append(f"{folder} belongs to another user, {found.st_uid}: chown")
    above = folder.parent.stat()
    if above.st_mode & _OTHERS_WRITE and not above.st_mode & stat.S_ISVTX:
        exposure.problems.append(f"others can put a folder of theirs in place of {folder}: chmod go-w {folder.parent}")


def _tell(exposure: Exposure, file: Path, found: os.stat_result, what: str, fix: str) -> None:
    reads_as_another = os.geteuid() not in {0, found.st_uid} and not found.st_mode & stat.S_IWOTH
    if reads_as_another or _is_read_only(file):
        exposure.remarks.append(f"{file} {what}")
    else:
        exposure.problems.append(f"{file} {what}: {fix}")


def _is_read_only(path: Path) -> bool:
    return sys.platform != "win32" and bool(os.statvfs(path).f_flag & os.ST_RDONLY)
