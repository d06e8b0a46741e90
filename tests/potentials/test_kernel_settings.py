from pathlib import Path

import numpy as np
import pytest
from ase.build import molecule

from superion import KernelQEqSettings, Potential, fit_kqeq, read_frames
from superion.potentials.many_body.soap import SoapBlock

DATA = Path(__file__).parents[2] / "data/molecules/dipoles.extxyz"


def test_settings_for_molecules_foretell_dipoles_of_other_shapes_and_keep_charge():
    frames = read_frames(DATA)
    train, test = frames[:31], frames[31:]
    settings = KernelQEqSettings.for_molecules(s for atoms in train for s in atoms.symbols)
    labels = np.array([atoms.info["REF_dipole"] for atoms in test])

    def errors(chosen):
        model = Potential(fit_kqeq(train, chosen))
        results = [model.evaluate(atoms) for atoms in test]
        assert max(abs(r.charges.sum()) for r in results) < 1e-12
        return np.linalg.norm([r.dipole for r in results] - labels, axis=1)

    found = errors(settings)
    assert found.mean() < 0.18 * np.linalg.norm(labels, axis=1).mean()
    assert found.mean() < 0.95 * errors(KernelQEqSettings(learn=())).mean()


def test_shortest_kernel_lets_a_longer_bond_change_electronegativity_by_volts():
    soap = KernelQEqSettings.for_molecules(["C", "H"]).electronegativity[0]
    block, short = SoapBlock(soap, (1, 6), {}), molecule("C2H6")
    long = short.copy()
    long.positions[[0, 2, 3, 4]] += 0.1 * (short.positions[0] - short.positions[1]) / short.get_distance(0, 1)
    kernel = (block.spectra(short)[0] @ block.spectra(long)[0]) ** soap.zeta
    assert soap.delta * (2 - 2 * kernel) ** 0.5 == pytest.approx(1.5, abs=0.1)


def test_settings_for_molecules_know_each_element_once():
    settings = KernelQEqSettings.for_molecules(["O", "H", "H"])
    assert settings.hardness == {"H": 5.0, "O": 5.0}
    assert settings.width == pytest.approx({"H": 0.155, "O": 0.33})  # half of 0.31 and 0.66 Å
    assert settings.learn == ()


def test_dipoles_of_organic_molecules_bring_the_settings_for_molecules():
    frames = read_frames(DATA)[:4]
    symbols = {s for atoms in frames for s in atoms.symbols}
    said = KernelQEqSettings(total_charge=0.0, neutral_parts=False)
    expected = KernelQEqSettings.for_molecules(symbols)
    assert KernelQEqSettings().completed(frames) == expected
    assert said.completed(frames) == expected.model_copy(update={"total_charge": 0.0, "neutral_parts": False})
    everything = KernelQEqSettings(**KernelQEqSettings().model_dump())
    assert everything.completed(frames) == everything


@pytest.mark.parametrize("what", ["periodic", "another element", "no dipoles"])
def test_other_frames_keep_the_settings_for_any_structure(what):
    frames = [atoms.copy() for atoms in read_frames(DATA)[:2]]
    if what == "periodic":
        frames[0].set_cell([9, 9, 9])
        frames[0].pbc = True
    elif what == "another element":
        frames[0].symbols[0] = "Li"
    else:
        for atoms in frames:
            del atoms.info["REF_dipole"]
    assert KernelQEqSettings().completed(frames) == KernelQEqSettings()
