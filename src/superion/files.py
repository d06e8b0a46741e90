"""Files that survive a killed process: atomic writes, checksums, and one writer per folder."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from superion.errors import BusyError, CorruptFileError, StorageError


def write_atomic(path: str | Path, data: bytes | str) -> None:
    """Write `data` to `path` so that a reader sees the old file or the new one, never a part.

    An OSError names `path`.
    """
    path = Path(path)
    raw = data.encode() if isinstance(data, str) else data
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as handle:
            handle.write(raw)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    write_atomic(path, json.dumps(value, indent=2) + "\n")


def read_json(path: str | Path, remedy: str = "delete the file; the step that wrote it is redone.") -> Any:
    """Read a JSON file; CorruptFileError with the remedy if it is not valid JSON."""
    try:
        return json.loads(Path(path).read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CorruptFileError(f"not valid JSON ({error}).", file=path, remedy=remedy) from error


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file; of a folder, of the names and contents of its files."""
    if Path(path).is_dir():
        digest = hashlib.sha256()
        for file in sorted(part for part in Path(path).rglob("*") if part.is_file()):
            digest.update(f"{file.relative_to(path).as_posix()} {sha256(file)}\n".encode())
        return digest.hexdigest()
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


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


@contextmanager
def locked(folder: str | Path) -> Iterator[Place]:
    """Hold the lock of `folder`; BusyError at once if another process holds it.

    The lock is advisory (flock) and ends with the process, however it ends. Raises StorageError at the end if
    the folder is no longer where it was; ask the `Place` for that before each write.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "a+") as handle:
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
        value = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CorruptFileError(
            f"not valid YAML ({error}).", file=path, remedy="restore it from a copy."
        ) from error
    return value if isinstance(value, dict) else {}
