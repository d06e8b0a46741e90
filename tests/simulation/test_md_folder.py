"""A folder that is moved, replaced or deleted while a run works in it."""

import shutil

import pytest
from toy_crystals import Springs, crystal

from superion.errors import StorageError
from superion.files import locked
from superion.simulation import MDSettings, read_trajectory, run_md


class Meddling(Springs):
    """Calls `meddle` in evaluation number `after`."""

    def __init__(self, after, meddle):
        super().__init__(crystal())
        self.after, self.meddle = after, meddle

    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        if self.count == self.after:
            self.meddle()


SETTINGS = MDSettings(temperature=300, steps=100, sample_every=5, chunk_frames=8)


def run(folder, calculator=None, *, resume=False):
    return run_md(
        crystal(), calculator or Springs(crystal()), SETTINGS, folder, resume=resume, progress=False
    )


@pytest.mark.parametrize("after", [1, 5, 50, 101])
@pytest.mark.parametrize("again", [False, True])
def test_a_moved_folder(tmp_path, after, again):
    """Also if there is another one in its place: nothing is written there, and the run resumes elsewhere."""
    folder, moved = tmp_path / "run", tmp_path / "moved"

    def move():
        folder.rename(moved)
        if again:
            folder.mkdir()

    with pytest.raises(StorageError, match=rf"was moved while .*is in {moved}"):
        run(folder, Meddling(after, move))
    assert not again or not any(folder.iterdir())
    assert run(moved, resume=True).frames == 21
    assert len(read_trajectory(moved)) == 21


@pytest.mark.parametrize("after", [5, 101])
def test_a_deleted_folder(tmp_path, after):
    folder = tmp_path / "run"
    with pytest.raises(StorageError, match="was deleted while it was worked in"):
        run(folder, Meddling(after, lambda: shutil.rmtree(folder)))
    assert not folder.exists()
    assert run(folder).frames == 21


def test_any_work_in_a_folder_ends_with_an_error(tmp_path):
    folder = tmp_path / "study"
    with pytest.raises(StorageError, match="was moved"), locked(folder):
        folder.rename(tmp_path / "elsewhere")
    with pytest.raises(KeyError, match="first"), locked(folder):
        fail_in(folder)


def fail_in(folder):
    shutil.rmtree(folder)
    raise KeyError("first")
