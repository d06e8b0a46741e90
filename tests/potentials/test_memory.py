"""What a fit is said to take, beside what the process really took."""

import subprocess
import sys

import pytest
from ase import Atoms

from superion.errors import InputError
from superion.potentials.few_body.angle import AngleSettings
from superion.potentials.gap import memory
from superion.potentials.gap.fit import fit
from superion.potentials.gap.memory import check_memory, estimate_memory
from superion.potentials.gap.settings import FitSettings
from superion.potentials.many_body.soap import SoapSettings

MEASURE = """
import resource
import sys
import numpy as np
from ase import Atoms
from superion.potentials.gap.fit import fit
from superion.potentials.gap.settings import FitSettings
from superion.potentials.gap.memory import estimate_memory
from superion.potentials.many_body.soap import SoapSettings

rng = np.random.default_rng(0)
frames = []
grid = np.array([(i, j, l) for i in range(4) for j in range(4) for l in range(4)]) * 2.4
for _ in range(25):
    atoms = Atoms("Li32S32", grid + rng.normal(0, 0.1, (64, 3)), cell=[9.6] * 3, pbc=True)
    atoms.info["REF_energy"] = rng.normal()
    frames.append(atoms)
for atoms in frames[:2]:
    atoms.arrays["REF_forces"] = rng.normal(size=(64, 3))
shape = dict(cutoff=3.5, cutoff_width=1.0, n_max=12, l_max=6, sparse_points=800)
soap = SoapSettings(**shape, sparse_method="METHOD")
settings = FitSettings(pair=None, soap=soap)
def peak():  # of this process alone: ru_maxrss on Linux begins at that of the parent
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))

start = peak()
fit(frames, settings, {"gap": []})
print(start, peak(), estimate_memory(settings, frames))
"""


def frame() -> Atoms:
    atoms = Atoms("LiS", [[0, 0, 0], [2.0, 0, 0]], cell=[6, 6, 6], pbc=True)
    atoms.info["REF_energy"] = -1.0
    return atoms


@pytest.mark.parametrize("method", ["cur", "all"])
def test_a_process_takes_no_more_than_stated_and_at_least_half(method):
    done = subprocess.run(
        [sys.executable, "-c", MEASURE.replace("METHOD", method)], capture_output=True, text=True, check=True
    )
    start, peak, stated = map(int, done.stdout.split())
    assert peak <= stated <= 2 * peak
    assert peak > 1.3 * start  # the fit counts, not the libraries alone


def test_stated_memory_grows_with_what_it_should():
    base = FitSettings(soap=SoapSettings(sparse_points=10), angle=AngleSettings())
    frames = [frame() for _ in range(50)]

    def arrays(settings=base, data=frames, **more) -> float:
        return estimate_memory(settings, data, **more) - memory.LIBRARIES

    def soap(**changed) -> FitSettings:
        return base.model_copy(update={"soap": base.soap.model_copy(update=changed)})

    assert arrays(soap(sparse_points=50)) > arrays()
    assert arrays(soap(l_max=8)) > 1.5 * arrays()
    assert arrays(base.model_copy(update={"more_soap": (SoapSettings(),)})) > arrays()
    assert arrays(workers=4) > 1.5 * arrays()
    many = [frame() for _ in range(memory.soap.CANDIDATES)]
    assert arrays(data=many * 3) == arrays(data=many)  # no more than the candidates


def test_a_fit_that_cannot_succeed_is_not_started(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 1000)
    with pytest.raises(InputError, match=r"will use up to .* GB, of which 0.0 GB .* fewer sparse points"):
        fit([frame()], FitSettings(), {"gap": []})
    monkeypatch.setattr(memory, "available_memory", lambda: None)
    check_memory(FitSettings(), [frame()], 1, 1)
