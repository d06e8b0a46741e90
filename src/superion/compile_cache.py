"""Where compiled loops are kept: beside the package, at home, in a private folder, or nowhere.

numba refuses to compile a function whose cache cannot be written, as in containers, in module trees on
clusters and in read-only homes. Here such a function gets a folder of its owner alone under the temporary
folder of the system, which the processes that this one starts share; and where that cannot be had or cannot
be trusted, none. A cache that is damaged or full is not used, and that is all.
"""

from __future__ import annotations

import os
import stat
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numba.core.config


class CacheWarning(UserWarning):
    """Compiled loops are kept in an unusual place, or compiled again by every process."""


def njit(*functions: Callable[..., Any], **options: Any) -> Any:
    """`numba.njit`; `cache=True` is a wish, and no error where nothing can be written."""

    def compiled(function: Callable[..., Any]) -> Any:
        try:
            made = numba.njit(**options)(function)
        except RuntimeError as error:
            if "cannot cache function" not in str(error):
                raise
            use_other_place()
            try:
                made = numba.njit(**options)(function)
            except RuntimeError:
                return numba.njit(**options | {"cache": False})(function)
        if options.get("cache"):
            _forgive(made)
        return made

    return compiled(*functions) if functions else compiled


@cache
def use_other_place() -> None:
    """Let numba, here and in processes to come, use the private folder if there is one; says what it does."""
    folder = private_folder()
    if folder is None:
        warnings.warn(
            "no folder can be written to: every command compiles its loops again, for a minute or two. "
            "Set NUMBA_CACHE_DIR to a folder of yours.",
            CacheWarning,
            stacklevel=3,
        )
        return
    os.environ["NUMBA_CACHE_DIR"] = numba.core.config.CACHE_DIR = str(folder)
    warnings.warn(
        f"neither the package nor the home can be written to: compiled loops are kept in {folder}. "
        "Set NUMBA_CACHE_DIR to a folder of yours to keep them for good.",
        CacheWarning,
        stacklevel=3,
    )


def private_folder() -> Path | None:
    """A folder under the temporary one that no other user can write to or has made; None if there is none.

    Code is loaded from it, so that nobody else may have a hand in it.
    """
    try:
        folder = Path(tempfile.gettempdir()) / f"superion-compiled-{os.geteuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        owned = found.st_uid == os.geteuid() and stat.S_ISDIR(found.st_mode)
        if not owned or stat.S_IMODE(found.st_mode) & 0o077:
            return None
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return None
    return folder


def _forgive(function: Any) -> None:
    """Compile where the cache of a compiled function cannot be read, go on where it cannot be written."""
    held = function._cache
    load, save = held.load_overload, held.save_overload

    def load_overload(*arguments: Any) -> Any:
        try:
            return load(*arguments)
        except Exception:  # whatever unpickling makes of a damaged file
            _begin_again(held)
            return None

    def save_overload(*arguments: Any) -> None:
        try:
            save(*arguments)
        except Exception as error:
            _say_full(str(held.cache_path), str(error))

    held.load_overload, held.save_overload = load_overload, save_overload


def _begin_again(held: Any) -> None:
    try:
        held.flush()
    except OSError as error:
        _say_full(str(held.cache_path), str(error))


@cache
def _say_full(folder: str, why: str) -> None:
    warnings.warn(
        f"{folder}: compiled loops cannot be kept there ({why}); the next command compiles them again.",
        CacheWarning,
        stacklevel=2,
    )
