"""Seeded ways to damage text, bytes, nested values and options."""

import copy
import signal
from contextlib import contextmanager

VALUES = (
    *(None, True, "", "abc", "nan", "1e999", -1, 0, 1e-300, 1e300, 10**40, float("nan"), float("inf")),
    *([], {}, [[]], ["x"], {"x": 1}, [1, 2], "\x1b[31m", "../../etc/passwd", "/dev/zero", "é" * 300),
)
"""What takes the place of a value."""


class Hang(BaseException):
    """A case that did not end in its time."""


@contextmanager
def within(seconds):
    """End what takes longer, with `Hang`."""

    def ring(number, frame):
        raise Hang(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def places(value, path=()):
    """Paths to every value in nested mappings and lists, as keys and indices."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items)[:40]:
        yield (*path, key)
        yield from places(inner, (*path, key))


def values(rng, content, count):
    """`count` copies of nested values, each with one key gone, renamed or of another value."""
    every = list(places(content))
    for _ in range(count):
        changed = copy.deepcopy(content)
        place = every[rng.integers(len(every))]
        owner = changed
        for key in place[:-1]:
            owner = owner[key]
        kind = rng.integers(len(VALUES) + 3)
        if kind < len(VALUES):
            owner[place[-1]] = VALUES[kind]
        elif kind == len(VALUES) and isinstance(owner, dict):
            owner[f"{place[-1]}x"] = owner.pop(place[-1])
        elif kind == len(VALUES) + 1 and isinstance(owner[place[-1]], int | float):
            owner[place[-1]] = owner[place[-1]] * -1e6
        else:
            del owner[place[-1]]
        yield ".".join(map(str, place)), changed


def damaged(rng, text, count):
    """`count` copies of a text as bytes: cut, with other bytes, lines gone, doubled or words replaced."""
    words = (
        b"nan",
        b"-1",
        b"1e400",
        b"",
        b"\x00",
        b"\xff\xfe",
        b"Xx",
        b"9" * 400,
        b"[[",
        b"\x1b[2J",
        b"inf",
        b"0",
    )
    for _ in range(count):
        raw = bytearray(text.encode())
        kind = rng.integers(6)
        if kind == 0:
            del raw[rng.integers(len(raw)) :]
        elif kind == 1:
            for position in rng.integers(len(raw), size=3):
                raw[position] = rng.integers(256)
        elif kind == 2:
            lines = bytes(raw).split(b"\n")
            del lines[rng.integers(len(lines))]
            raw = bytearray(b"\n".join(lines))
        elif kind == 3:
            lines = bytes(raw).split(b"\n")
            lines.insert(rng.integers(len(lines)), lines[rng.integers(len(lines))])
            raw = bytearray(b"\n".join(lines))
        else:
            parts = bytes(raw).split(b" ")
            for position in rng.integers(len(parts), size=1 + kind % 2):
                parts[position] = words[rng.integers(len(words))]
            raw = bytearray(b" ".join(parts))
        yield f"way {kind}", bytes(raw)
