"""The process of a command: text is UTF-8, streams show what they can, signals let it save what it has."""

from __future__ import annotations

import locale
import os
import signal
import sys
from types import FrameType

UTF8 = "PYTHONUTF8"
ENDING = (signal.SIGTERM, signal.SIGHUP)


class Terminated(KeyboardInterrupt):
    """The process was asked to end; what it holds is saved as after Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def prepare() -> None:
    """Make this process one that a command can run in, wherever it was started."""
    require_folder()
    read_utf8()
    from superion.terminal import guard_streams

    guard_streams()
    for number in ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup has SIGHUP ignored
            signal.signal(number, _terminate)


def require_folder() -> None:
    """End this process if its working directory was deleted: libraries that are loaded later abort there."""
    try:
        os.getcwd()
    except OSError as error:
        print(
            f"error: the working directory is gone ({error.strerror}). Remedy: change to a folder that is "
            "there (cd /), and give the command again.",
            file=sys.stderr,
        )
        raise SystemExit(2) from error


def read_utf8() -> None:
    """Start this process again if Python takes text files for something else than UTF-8.

    Files are UTF-8 wherever they are read; what is written to the terminal keeps its encoding.
    """
    if sys.flags.utf8_mode or locale.getencoding().lower().replace("-", "") == "utf8":
        return
    if os.environ.get(UTF8) == "1" or not sys.executable:  # started with -E or -I
        return
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    environment = {UTF8: "1", "PYTHONIOENCODING": os.environ.get("PYTHONIOENCODING") or encoding}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | environment)


def _terminate(number: int, frame: FrameType | None) -> None:
    """Raise once: a second signal ends the process at once."""
    signal.signal(number, signal.SIG_DFL)
    raise Terminated(number)
