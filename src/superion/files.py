"""Files that survive a killed process: atomic writes, checksums, and one writer per folder."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import socket
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any

import yaml

from superion.errors import BusyError, CorruptFileError, InputError, StorageError

_HOST = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]
_TEMPORARY = re.compile(r"\..+\.(?:([0-9a-f]{6})-)?(\d{1,9})\.tmp", re.DOTALL)


def write_atomic(path: str | Path, data: bytes | str | Iterable[str]) -> None:
    """Write `data`, whole or in parts, to `path`; a reader sees the old file or the new one, never a part.

    A file that is replaced keeps its permissions; a link is replaced by the file, never followed; a device or
    a pipe is written to. Temporary files beside it that killed processes have left are removed. An OSError
    names `path`.
    """
    path = Path(path)
    parts = [data] if isinstance(data, bytes | str) else data
    raw = (part.encode(errors="surrogateescape") if isinstance(part, str) else part for part in parts)
    temporary = path.with_name(f".{path.name}.{_HOST}-{os.getpid()}.tmp")
    try:
        mode = path.lstat().st_mode if os.path.lexists(path) else None
        if mode is not None and (stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)):
            with open(path, "wb") as handle:
                handle.writelines(raw)
            return
        _remove_once(path.absolute().parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with open(os.open(temporary, flags, 0o666), "wb") as handle:
            if mode is not None and stat.S_ISREG(mode):
                os.fchmod(handle.fileno(), stat.S_IMODE(mode))
            handle.writelines(raw)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


@cache
def _remove_once(folder: Path) -> None:
    remove_dead(folder)


def remove_dead(folder: Path) -> None:
    """Remove temporary files that processes of this machine have left in `folder` as they were killed."""
    for path in folder.glob(".*.tmp"):
        named = _TEMPORARY.fullmatch(path.name)
        if named and named[1] in (None, _HOST) and not _alive(int(named[2])):
            path.unlink(missing_ok=True)


def is_temporary(path: Path) -> bool:
    """Whether `path` is named as `write_atomic` names files that are not complete yet."""
    return _TEMPORARY.fullmatch(path.name) is not None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def write_json(path: str | Path, value: Any, *, ascii_only: bool = True) -> None:
    """Write `value` as indented JSON, atomically; InputError for numbers that JSON does not have."""
    try:
        text = json.dumps(value, indent=2, allow_nan=False, ensure_ascii=ascii_only)
    except ValueError as error:
        raise InputError(
            "a result that is no finite number cannot be written as JSON.",
            file=path,
            remedy="look for NaN or infinity in what it was computed from.",
        ) from error
    write_atomic(path, text + "\n")


def read_json(path: str | Path, remedy: str = "delete the file; the step that wrote it is redone.") -> Any:
    """Read a JSON file; CorruptFileError with the remedy if it is not valid JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # also numbers of thousands of digits
        raise CorruptFileError(f"not valid JSON ({error}).", file=path, remedy=remedy) from error


def is_model(path: str | Path) -> bool:
    """Whether this is a safetensors file, as all models are, whatever its name; told from its beginning."""
    try:
        if not Path(path).is_file():  # a pipe would wait
            return False
        with open(path, "rb") as file:
            size, brace = int.from_bytes(file.read(8), "little"), file.read(1)
    except (OSError, ValueError):
        return False
    return brace == b"{" and size < 10**9  # no text begins with so small a number


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file; of a folder, of the names and contents of its files.

    InputError for a link in a folder that leads out of it: what is there may be anything, and may change.
    """
    if Path(path).is_dir():
        digest = hashlib.sha256()
        for part in sorted(Path(path).rglob("*")):  # which enters no links
            name = part.relative_to(path).as_posix()
            if part.is_symlink():
                _require_inside(part, Path(path))
            if part.is_file():
                digest.update(f"{name} {sha256(part)}\n".encode(errors="surrogateescape"))
            elif part.is_symlink():
                digest.update(f"{name} -> {os.readlink(part)}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _require_inside(link: Path, folder: Path) -> None:
    target, root = os.path.realpath(link), os.path.realpath(folder)
    if os.path.commonpath([target, root]) != root:
        raise InputError(
            f"this link leads out of the folder {folder}, to {target}.",
            file=link,
            remedy="put what it leads to in its place (cp -rL FOLDER COPY copies a folder so).",
        )


class Place:
    """A folder that is worked in, held open, so that it is noticed when it is moved, replaced or deleted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._handle = os.open(folder, os.O_RDONLY)
        self._absolute = folder.absolute()

    def check(self) -> None:
        """Raise StorageError, saying where the files are now, unless the folder is where it was."""
        held = os.fstat(self._handle)
        try:
            now = os.stat(self._absolute)
        except OSError:
            now = None
        if now is not None and (now.st_dev, now.st_ino) == (held.st_dev, held.st_ino):
            return
        moved = _path_of(self._handle) if held.st_nlink else None
        if moved is not None and os.path.exists(moved):
            raise StorageError(
                f"the folder was moved while it was worked in; what was written is in {moved}.",
                file=self.folder,
                remedy="move it back, or name the new folder, and go on there.",
            )
        raise StorageError(
            "the folder was deleted while it was worked in; what was written in it is gone.",
            file=self.folder,
            remedy="run the same command again, and leave its folder alone while it works.",
        )

    def close(self) -> None:
        """Let the folder go."""
        os.close(self._handle)


def _path_of(handle: int) -> str | None:
    """Where the folder of an open handle is now; None where the system does not say."""
    try:
        if sys.platform == "darwin":
            return fcntl.fcntl(handle, 50, bytes(1024)).rstrip(b"\0").decode()  # F_GETPATH
        return os.readlink(f"/proc/self/fd/{handle}")
    except OSError:
        return None


def open_inside(folder: Path, name: str, mode: str) -> IO[Any]:
    """Open a file in `folder` to write to it; CorruptFileError for a link, which would lead elsewhere."""

    def opener(path: str, flags: int) -> int:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)

    try:
        return open(folder / name, mode, opener=opener, encoding=None if "b" in mode else "utf-8")
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENXIO):
            raise
        raise CorruptFileError(
            "this is a link or a pipe, where a file of the folder should be.",
            file=folder / name,
            remedy="remove it; it was not made by superion.",
        ) from error


@contextmanager
def locked(folder: str | Path) -> Iterator[Place]:
    """Hold the lock of `folder`; BusyError at once if another process holds it.

    The lock is advisory (flock) and ends with the process, however it ends. Raises StorageError at the end if
    the folder is no longer where it was; ask the `Place` for that before each write.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with open_inside(folder, ".lock", "a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            owner = handle.read().strip() or "unknown"
            raise BusyError(
                f"another superion process (pid {owner}) is working in this folder.",
                file=folder,
                remedy="wait for it, stop it, or use another folder.",
            ) from None
        except OSError as error:
            raise StorageError(
                f"its file system has no locks ({error.strerror}): two processes could write here at once.",
                file=folder,
                remedy="use a folder on another file system, or have this one mounted with flock.",
            ) from error
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        place = Place(folder)
        try:
            yield place
            place.check()
        finally:
            place.close()


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file, empty if there is none; CorruptFileError if it is no YAML."""
    if not path.exists():
        return {}
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise CorruptFileError(
            f"not valid YAML ({error}).", file=path, remedy="restore it from a copy."
        ) from error
    return value if isinstance(value, dict) else {}
