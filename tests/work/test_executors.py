"""Processes of a pool: they do not outlive what started them, and their death is reported."""

import os
import signal
import subprocess
import sys
import time

import pytest

from superion.errors import SuperionError
from superion.work.executors import open_executor

PARENT = """
import os, time
from superion.work.executors import open_executor
if __name__ == "__main__":
    with open_executor(2) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 100).result()
"""


def test_processes_end_with_a_killed_parent(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        os.kill(worker, 0)
        parent.kill()
    deadline = time.monotonic() + 30
    while alive(worker):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended, but that nobody has asked about, does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_killed_process_is_told_with_a_remedy():
    with pytest.raises(SuperionError, match=r"process was killed by SIGKILL.*Remedy: run the same command"):
        lose_a_process()


def lose_a_process():
    with open_executor(1) as pool:
        pid = pool.submit(os.getpid).result()
        pool.submit(os.kill, pid, signal.SIGKILL).result()
