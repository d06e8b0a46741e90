"""numba where it can run; elsewhere a stand-in, so that superion can be imported and go the slow way.

Modules with compiled loops say `from superion.compiled import numba` and use its `njit`, which forgives
places that cannot be written to (`superion.compile_cache`). Without numba their functions can be defined, but
not called: they raise InputError, which names the remedy.

Functions that compiled loops call are `forceinline`. Else the process that compiles a loop may call another
copy of them than processes that load it, optimised in another way, and get other last digits.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from superion.errors import InputError

THREADS = "NUMBA_NUM_THREADS"


class SlowPathWarning(UserWarning):
    """Energies and forces are computed without compiled loops."""


def _njit(*functions: Callable[..., Any], **options: object) -> Callable[..., Any]:
    """In place of `numba.njit`: a function that says what is missing, or a decorator that makes one."""

    def replace(function: Callable[..., Any]) -> Callable[..., Any]:
        def absent(*arguments: object, **named: object) -> Any:
            raise unavailable(f"{function.__module__}.{function.__name__}")

        return absent

    return replace(*functions) if functions else replace


def unavailable(what: str) -> InputError:
    """The error that `what` cannot be done without numba."""
    return InputError(
        f"{what} needs compiled loops, and numba cannot be imported here ({MISSING}).",
        remedy="install numba, with a version of Python that it supports. Only energies, forces and dynamics "
        "of a model that is there already can do without: Calculator(model), or TorchPotential.",
    )


def _check_threads() -> None:
    """Take away a number of threads that is none: numba could not be imported; no loop uses several here."""
    given = os.environ.get(THREADS, "").strip()
    if given and not (given.isdecimal() and int(given) > 0):
        del os.environ[THREADS]
        warnings.warn(f"{THREADS}={given} is no number of threads: ignored.", UserWarning, stacklevel=2)


def missing() -> str | None:
    """Why numba cannot be imported; None where it can."""
    return MISSING


def require_numba(what: str) -> None:
    """Raise the InputError of `unavailable` where there is no numba."""
    if MISSING is not None:
        raise unavailable(what)


MISSING: str | None = None
"""Why numba cannot be imported; None where it can."""
_check_threads()
try:
    from superion import compile_cache as numba
except (ImportError, OSError, ValueError) as error:  # OSError: a shared library of llvmlite cannot be loaded
    numba = SimpleNamespace(njit=_njit)  # type: ignore[assignment]
    MISSING = str(error)
