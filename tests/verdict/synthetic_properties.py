"""Files of properties of a study whose truth is known."""

import json

import numpy as np

from superion.verdict import REFERENCE, PropertyFile, Value, error_value, property_path, write_property

FRENKEL = "Frenkel energy (vacancy 3, 4.1 Å)"
IN_FIELD = "Frenkel energy in 0.3 V/Å along z"


def put(folder, topic, potential, draw, values, notes=()):
    file = PropertyFile(property=topic, potential=potential, resampled=draw, values=values, notes=notes)
    write_property(property_path(folder, topic, potential, draw), file)


def write_properties(folder, fits=6, seed=0):
    """Forces of Li need electrostatics, of S not; defects do; moduli do not; conductivity is left open."""
    rng = np.random.default_rng(seed)
    hard = rng.normal(size=(2, 30, 42))
    for draw in (None, *range(1, fits + 1)):
        noise = 0.01 * rng.normal(size=12)
        for k, potential in enumerate(("gap", "es-gap")):
            li, s = (0.14, 0.09)[k] * np.exp(noise[0] + noise[1 + k]), 0.12 * np.exp(noise[0] + noise[3 + k])
            forces = [
                error_value(f"forces of {x}", "eV/Å", list(e * h))
                for x, e, h in zip(["Li", "S"], [li, s], hard, strict=True)
            ]
            put(folder, "forces", potential, draw, forces)
            energy = Value(name=FRENKEL, unit="eV", kind="plain", value=(0.5, 0.05)[k] + noise[5 + k])
            field = {"name": IN_FIELD, "unit": "eV", "kind": "plain"}
            why = "a local potential has no charges for a field to act on"
            in_field = (
                Value(**field, value=0.3, flags=("grade 7.2 > 5",))
                if k
                else Value(**field, value=None, why=why)
            )
            put(folder, "defects", potential, draw, [energy, in_field], ["2 × 2 × 1 cells"])
            modulus = Value(name="bulk modulus", unit="GPa", kind="positive", value=25 * np.exp(noise[7 + k]))
            put(folder, "elastic", potential, draw, [modulus])
            sigma = 1000 * np.exp(40 * noise[9 + k])
            put(
                folder,
                "conductivity",
                potential,
                draw,
                [Value(name="conductivity at 800 K", unit="mS/cm", kind="positive", value=sigma, error=0.2)],
            )
    put(folder, "defects", REFERENCE, None, [Value(name=FRENKEL, unit="eV", kind="plain", value=0.07)])
    (folder / "provenance.json").write_text(json.dumps({"seeds": {"fit": 3}}))
    drawn = {"by": "trajectories", "freedom": 50, "units": []}
    (folder / "census.json").write_text(json.dumps({"kind": "census", "resampling": drawn}))
    return folder
