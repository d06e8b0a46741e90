"""A small example of every kind of result, as files without kind and format hold it."""

from __future__ import annotations

from typing import Any

from test_readers import DEFECT, ROW
from test_results import DIFFUSION, JUDGE, PROVENANCE, RESULT, VALUE

ERRORS = {"frames": 2, "atoms": 16, "force_rmse": 0.1, "force_rmse_by_species": {"Li": 0.1}}
CHARGES = {"Li": {"mean": 0.7, "std": 0.0, "min": 0.7, "max": 0.7, "atoms": 8}}
ERRORS |= {"charges": {"by_species": CHARGES, "total_error": 0.0, "doubts": ["x"]}}
GROUP = {"name": "a / md", "frames": 2, "atoms": [8, 8], "species": ["Li"], "labels": {"energy": 2}}
CENSUS = {"groups": [GROUP], "total": GROUP, "duplicates": [["a", "b"]]}
SUSPECT = {"frame": "a", "label": "forces", "reason": "a net force", "atom": 3}
TEMPERATURE = {"mean": 301.0, "std": 9.0, "error": 2.0, "target": 300.0, "allowed": 8.0, "status": "as asked"}
SUMMARY = {"steps": 240, "frames": 121, "temperature": TEMPERATURE, "cell": [5.0, 90.0], "warnings": ["hot"]}
THERMO = {"time_ps": [0.0], "temperature_K": [500.0], "conserved_eV_per_atom": [0.0]}
CURVE = {"name": "gap", "volumes_A3": [1.0, 2.0], "energies_eV": [0.1, 1e-17], "residual_eV": 0.1}
CURVE |= {"energy_eV": [0.0, 0.1], "volume_A3": [1.5, 0.1], "modulus_GPa": [30.0, 1.0]}
CURVE |= {"derivative": [4.0, 0.1], "difference": {"differences_eV": [0.0, 1.0], "rms_eV": 0.1}}
CLAIM = {"claim": "matters", "p": 1e-3, "adjusted": 2e-3, "shown": True}
CHANGE = {"value": 1.0, "low": 0.5, "high": 2.0}
VERDICT = {"property": "elastic", "name": "bulk modulus", "unit": "GPa", "kind": "positive"}
VERDICT |= {"outcome": "needed", "because": "it is.", "baseline": 23.0, "fits": 4}
VERDICT |= {"change": CHANGE | {"unit": "%"}}
VERDICT |= {"in_tolerances": CHANGE, "standard_errors": {"fit": 0.1}, "claims": [CLAIM]}
SIX = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
CONSTANTS = {"tensor_GPa": [SIX] * 6, "residual_GPa": 0.1, "stress_GPa": SIX, "eigenvalues_GPa": SIX}
CONSTANTS |= {"stable": True, "operations": 48, "strains": 2, "notes": ["n"], "bulk_GPa": 20.0}
LITHIUM = {"volume_ratio": 1.0, "chi_eV_per_A": 1.0, "error_eV_per_A": 0.1, "deviatoric_eV_per_A": 1.0}
LITHIUM |= {"hydrostatic_eV_per_A": 0.5, "stable": False, "anisotropy": 0.1}
DOUBTS = {"energy_deviations_eV": [0.1, None], "extrapolated": [1]}
TENSOR = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
RUN = {"run": "up", "status": "stationary", "start_frame": 2, "start_ps": 0.1, "independent_samples": 30.0}
RUN |= {"epsilon": 3.0, "error": 0.1, "tensor": TENSOR, "tensor_error": TENSOR, "notes": ["n"]}
PATH = {"wave_vectors": [[0.0, 0.0, 0.0]], "place": [0.0], "ticks": [0.0], "names": ["G"]}
PATH |= {"frequencies_THz": [[-0.1, 1.0]]}
MODE = {"wave_vector": [0.0, 0.0, 0.5], "frequencies_THz": [-0.1], "exact": True}
CHECK = {"name": "forces", "status": "pass", "number": 1e-7, "limit": 1e-5, "unit": "eV/Å", "why": "x"}
REGION = {"low_A": 1.0, "high_A": 2.0, "field_V_per_A": 0.1, "error_V_per_A": None, "spread_V_per_A": 0.0}
REGION |= {"vector_V_per_A": [0.0, 0.0, 0.1], "notes": ["n"]}
WORST = {"frame": "a", "energy_error_per_atom": 0.1, "force_rmse": 0.1, "atom": 2, "force_error": 0.3}
BORN = {"born_rmse": 0.1, "born_mae": 0.1, "born_slope": 0.9, "sum_rule": 0.0, "frames": 2}

ON_PATH = {"name": "local", "energies_eV": [0.0, 0.2, None], "forward_eV": 0.2, "backward_eV": None}
BARRIER = {"name": "path", "atoms": 8, "mover": 2, "hop_length_A": 3.1, "forward_eV": 0.3}
BARRIER |= {"backward_eV": 0.2, "saddle": 1, "path_A": [0.0, 1.0, 2.0], "energies_eV": [0.0, 0.3, 0.1]}
BARRIER |= {"slopes_eV_per_A": [0.0, 0.0, 0.0], "converged": True, "steps": 9, "force_left_eV_per_A": 0.04}
BARRIER |= {"forward_interval_eV": [0.2, 0.4], "backward_interval_eV": [0.1, 0.3], "flags": ["f"]}
BARRIER |= {"extrapolation_grades": [0.5], "force_deviations_eV_per_A": [0.1], "others": [ON_PATH]}
BARRIER |= {"fits_forward_eV": {"a": 0.3}, "fits_backward_eV": {"a": None}, "labels": ON_PATH}
HOPS = {"species": "Li", "status": "hops", "temperature_K": 600.0, "length_ps": 20.0, "timestep_ps": 0.1}
HOPS |= {"frames": 200, "ions": 3, "hops": 6, "rate_per_ps": 0.1, "rate_interval_per_ps": [0.05, 0.2]}
HOPS |= {"rate_bound_per_ps": 0.2, "dispersion": 1.0, "jump_diffusion_cm2_per_s": 1e-6}
HOPS |= {"jump_diffusion_interval_cm2_per_s": [5e-7, 2e-6], "correlation_factor": 0.7}
HOPS |= {"correlation_interval": [0.5, 0.9], "attempt_frequency_THz": 8.0, "percolation": 1, "outside": 0.1}
HOPS |= {"brief": 2, "site_kinds": [0], "site_places": [[0.0, 0.5, 0.5]], "connections": [[0, 0, 1, 0, 0, 6]]}
HOPS |= {"kinds": [{"name": "Li1(4a)", "sites": 1, "occupation": 0.5, "empty": 0, "free_energy_eV": 0.0}]}
HOPS["kinds"][0]["residence_ps"] = 5.0
HOPS |= {"strings": {"1": 6}, "followed": 0, "followed_by_chance": 0.1, "followed_p": 1.0, "notes": ["n"]}
HOPS |= {
    "jumps": [{"origin": "Li1(4a)", "target": "Li1(4a)", "length_A": 3.0, "hops": 6, "rate_per_ps": 0.1}]
}
HOPS["jumps"][0] |= {"rate_interval_per_ps": [0.05, 0.2], "rate_bound_per_ps": 0.2, "bottleneck_eV": 0.1}
HOPS["jumps"][0] |= {"effective_barrier_eV": 0.2, "profile_A": [0.0, 1.5], "profile_eV": [0.0, 0.1]}
ROTATIONS = {"species": "Li", "temperature_K": 600.0, "length_ps": 20.0, "timestep_ps": 0.1, "lags_ps": [0.1]}
ROTATIONS |= {"first": [0.9], "second": [0.8], "first_relaxation_ps": None, "second_relaxation_ps": 5.0}
ROTATIONS |= {"hops": 6, "pairs": 3, "pairs_by_chance": 1.5, "p": 0.04, "coupling_lags_ps": [0.5]}
ROTATIONS |= {"coupling": [2.0], "anions": [{"name": "PS4", "anions": 8, "turns": 9, "rate_per_ps": 0.05}]}
ROTATIONS["anions"][0] |= {"rate_interval_per_ps": [0.02, 0.1], "rate_bound_per_ps": 0.1}
ROTATIONS["anions"][0] |= {"mean_turn_degrees": 120.0, "libration_degrees": 9.0}
TRIED = {"sigma": 1.0, "scale": None, "force_rmse": 0.1}
CHOICE = {"tolerances": {"elastic": 0.1}, "level": 0.05, "pairs": ["gap, es-gap"], "seen": False}
CHOICE |= {"properties": {"elastic": "a"}, "hash": "b", "time": "2026-03-01"}
RUNG = {"quality": "fine", "sigma": 1.0, "points": 1.0, "width": 1.0, "reach": 1.0}
RUNG |= {"force_rmse": 0.1, "energy_rmse_per_atom": None, "stress_rmse": 0.001, "seconds": 3.0}
EXAMPLES: dict[str, dict[str, Any]] = {
    "accuracy": {
        "gap": {"train": ERRORS, "test": None, "born_charges": {"Li": 0.8}},
        "4g": {"test": ERRORS},
    },
    "hops": HOPS,
    "rotations": ROTATIONS,
    "barriers": {"barriers": [BARRIER]},
    "anions": {
        "frames": 2,
        "kinds": [{"name": "PS4 3-", "mean": 2.0, "error": None, "least": 2, "most": 2}],
        "ligands": {"S": {"terminal": 8.0}},
        "first_change": None,
        "changed": 0,
        "notes": ["n"],
    },
    "arrhenius": {
        "species": "Li",
        "quantity": "conductivity",
        "status": "line",
        "reason": "r",
        "notes": ["n"],
        "activation_energy": 0.3,
        "activation_interval": [0.2, 0.4],
        "activation_error": 0.05,
        "activation_bound": None,
        "prefactor": 1e5,
        "prefactor_interval": [1e4, 1e6],
        "branches": [
            {"temperatures": [600.0, 800.0], "activation_energy": 0.3, "activation_interval": [0.2, 0.4]}
        ],
        "misfit_p": 0.5,
        "widened": 1.0,
        "reach": 400.0,
        "extrapolated": [
            {"temperature": 300.0, "value": 1.0, "interval": [0.1, 9.0], "spans": 2.5, "beyond": True}
        ],
        "points": [
            {
                "run": "a",
                "temperature": 600.0,
                "status": "converged",
                "value": 0.1,
                "interval": [0.05, 0.2],
                "bound": None,
                "used": True,
                "reason": "r",
            }
        ],
        "measured": [{"name": "Li3PS4", "temperature": 298.0, "conductivity": 0.1, "source": "doi"}],
        "composition": "Li3PS4",
        "band": {"temperature": [600.0], "low": [0.1], "value": [0.2], "high": [0.3]},
    },
    "census": {"census": CENSUS, "split": {"train": {"a": 2}, "test": {}}},
    "census-result": CENSUS | {"warnings": ["w"], "notes": ["n"], "suspects": [SUSPECT]},
    "charge-fit": {"charges": {"Li": 0.8}, "screening": 2.0, "radius": 6.0},
    "check": {
        "model": {"file": "m"},
        "structure": "Li",
        "atoms": 2,
        "settings": {"level": "quick"},
        "noise": {"energy": 1e-12, "force": 1e-12, "virial": None},
        "checks": [CHECK],
    },
    "defects": {"defects": [DEFECT]},
    "dielectric": {
        "runs": [RUN],
        "response": {"epsilon": 3.0, "error": 0.1, "constant": "constant fields", "notes": ["n"]},
    },
    "diffusion": DIFFUSION,
    "dipoles": {"frames": 1, "centres": 4, "dipole_e_A": [[0.0, 0.0, 1.0]], "largest_step": 0.1},
    "elastic": {
        "volume_A3": 100.0,
        "relaxed_cell": True,
        "relaxed_ions": CONSTANTS,
        "clamped_ions": CONSTANTS,
        "lithium": LITHIUM,
    }
    | DOUBTS,
    "eos": CURVE | {"atoms": 8},
    "eos-result": {"atoms": 8, "relaxed_ions": False, "ions": "clamped", "curves": [CURVE | DOUBTS]},
    "errors": {
        "train": ERRORS,
        "test": ERRORS | {"energy_rmse_per_atom_shifted": 0.1, "born_charges": BORN},
        "worst_frames": {"train": [WORST], "test": None},
    },
    "fit-tuning": {"made_from": "c" * 64, "left_out": [2], "whole": True, "tried": [RUNG], "chosen": RUNG},
    "infrared": {
        "wavenumber_per_cm": [1.0, 2.0],
        "absorption_A2": [0.1, 0.2],
        "error_A2": [0.1, 0.1],
        "resolution_per_cm": 10.0,
        "temperature_K": 300.0,
        "notes": ["n"],
        "conductivity_S_per_cm": [0.1, 0.2],
    },
    "judge": JUDGE,
    "locality": {"forces": {"Li": [ROW]}, "without": {}},
    "md": SUMMARY,
    "md-result": SUMMARY | {"folder": "run", "resumed_at": None, "seconds": 1.0, "ns_per_day": 2.0},
    "phonons": {
        "supercell": [2, 2, 2],
        "sufficient_supercell": [2, 2, 2],
        "reach_A": None,
        "atoms": 16,
        "displacements": 2,
        "residual_eV_per_A": 1e-5,
        "uneven": 1e-9,
        "notes": ["n"],
        "epsilon_inf": TENSOR,
        "gamma_THz": [0.0, 1.0],
        "path": PATH,
        "mesh": [8, 8, 8],
        "imaginary": [MODE],
        "gamma_longitudinal_THz": {"x": [0.0, 1.0]},
    },
    "profile": {
        "axis": "z",
        "normal": [0.0, 0.0, 1.0],
        "thickness_A": 30.0,
        "frames": 2,
        "surroundings": "vacuum",
        "smoothing_A": 0.0,
        "window_A": 0.0,
        "applied_V_per_A": 0.0,
        "step_V": 0.1,
        "height_A": [0.0],
        "charge_e_per_A3": [0.0],
        "field_V_per_A": [0.0],
        "potential_V": [0.0],
        "region": REGION,
        "notes": ["n"],
    },
    "property": {"property": "elastic", "potential": "gap", "values": [{**VALUE, "why": None}]},
    "provenance": PROVENANCE,
    "relaxation": {
        "at_rest": True,
        "reason": "at rest",
        "steps": 3,
        "largest_force_eV_per_A": 1e-4,
        "atoms": 8,
        "energy_before_eV": -1.0,
        "energy_after_eV": -1.1,
        "pressure_GPa": 0.0,
        "farthest_A": 0.1,
        "farthest_atom": "Li0",
        "constraints": ["FixAtoms"],
        "stress_GPa": SIX,
        "volume_before_A3": 100.0,
        "volume_after_A3": 101.0,
        "cell_before": SIX,
        "cell_after": SIX,
        "space_group_before": "Pnma (62)",
        "space_group_after": None,
        "structure": "a",
        "output": "b",
        "cell": "full",
        "model": {"file": "m"},
    }
    | DOUBTS,
    "selected": {"method": "farthest", "candidates": 9, "chosen": [{"frame": "a", "score": 1.0}]},
    "selection": {"method": "cur", "chosen": [{"index": 3, "frame": "a", "score": None}]},
    "selectors": {
        "settings": {"seed": 0},
        "labels": [5, 10],
        "methods": {"cur": {"force_rmse": [[0.2, 0.1]], "energy_rmse_per_atom": [[0.2, 0.1]]}},
    },
    "stopped": {"reason": "too hot"},
    "training": {"ended": None, "generations": [JUDGE], "diffusion": {"0": DIFFUSION}},
    "transport": {
        "result": RESULT,
        "against_length": [RESULT],
        "msd": {"lag_ps": [0.1], "Li": [1.0]},
        "thermo": THERMO,
        "dynamics": SUMMARY,
    },
    "transport-result": RESULT,
    "tuning": {"made_from": "c" * 64, "folds": [2], "chosen": TRIED, "tried": [TRIED]},
    "verdict-plan": {"choices": [CHOICE]},
    "verdict": {
        "answer": "Yes.",
        "properties": {"elastic": "needed"},
        "rows": [VERDICT],
        "tolerances": {"elastic": 0.1},
        "level": 0.05,
        "fits": 4,
    },
}
