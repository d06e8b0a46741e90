"""Infrared absorption from the current of the charges in molecular dynamics.

Absorption cross-section times refractive index of what is in the cell, isotropic average, by linear response:

    n(ω) σ(ω) = β/(6 ε₀ c) ∫ e^(iωt) ⟨J(0)·J(t)⟩ dt,   J = dμ/dt,

over all times t (McQuarrie, Statistical Mechanics, ch. 21; Thomas, Brehm, Fligg, Vöhringer, Kirchner,
Phys. Chem. Chem. Phys. 15, 6608, 2013). This is the classical spectrum; it is at the same time the
quantum spectrum with the harmonic quantum correction βħω/(1 − exp(−βħω)), exact for harmonic vibrations
(Ramírez, López-Ciudad, Kumar, Marx, J. Chem. Phys. 121, 3973, 2004).

The power spectrum is the average over half-overlapping segments under a Hann window (Welch, IEEE Trans. Audio
Electroacoust. 15, 70, 1967), and the error that of this average. The average over the cell is that of an
isotropic sample, and the field is that inside: for a crystal a line lies at the transverse frequency.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from ase import units

from superion.analysis.pace import pace
from superion.electrostatics.charges import ChargeModel
from superion.electrostatics.polarization import EPSILON_0, born_charges, dipole_path
from superion.errors import InputError
from superion.simulation.trajectory import Trajectory, to_ase

Array = np.ndarray
LIGHT = units._c * 1e-5
"""Speed of light in Å/fs."""
PER_CM = 1 / (LIGHT * 1e-8)
"""Wavenumber in cm⁻¹ of a frequency of 1/fs."""
KM_PER_MOL = units._Nav * 1e-21
"""Integrated molar absorption in km/mol of 1 Å²·cm⁻¹."""
SIEMENS_PER_CM = units._e * 1e23
"""Conductivity in S/cm of 1 e/(V·Å·fs)."""
HANN_WIDTH = 1.44
"""Full width at half maximum of a line under a Hann window, times the length of the segment."""
FEWEST = 4
EDGE = 0.1
"""Part of the wavenumbers at the upper end in which nothing may be, for else frames are too far apart."""
FAR = 4.0
"""Standard errors by which halves may differ."""
FOLDED = 0.02
"""Absorption there, over the largest, that is said."""


@dataclass(frozen=True, slots=True)
class InfraredSpectrum:
    """Absorption against wavenumber.

    wavenumber: (K,) cm⁻¹, evenly spaced from 0. segments: (S, K) Å², n·σ of all that is in the cell, from S
    parts of the run. temperature: K. resolution: width of an infinitely sharp line in cm⁻¹. volume: Å³, zero
    where charges fill none. doubts: what speaks against the trajectory that it is of.
    """

    wavenumber: Array
    segments: Array
    temperature: float
    resolution: float
    volume: float = 0.0
    doubts: tuple[str, ...] = ()

    @property
    def absorption(self) -> Array:
        """(K,) Å², n·σ; over the volume of the cell it is n times the absorption coefficient."""
        return np.asarray(self.segments.mean(axis=0))

    @property
    def error(self) -> Array:
        """(K,) Å², standard error of the absorption."""
        return _error(self.segments)

    def notes(self) -> list[str]:
        """What speaks against the spectrum; empty if nothing does."""
        found, height = list(self.doubts), self.absorption
        edge = self.wavenumber > (1 - EDGE) * self.wavenumber[-1]
        if height[edge].max() > FOLDED * height.max():
            found.append(
                f"up to {self.wavenumber[-1]:.0f} 1/cm, as far as the frames reach, the absorption does not "
                "end: faster vibrations are folded back into the spectrum. Write frames more often."
            )
        first, last = (part.sum(axis=1) for part in np.array_split(self.segments, 2))
        if len(self.segments) >= 2 * FEWEST:
            apart = abs(first.mean() - last.mean()) / np.hypot(_error(first), _error(last))
            if apart > FAR:
                found.append(
                    f"NOT STATIONARY: the absorption of the first half differs from that of the second by "
                    f"{apart:.2g} errors: leave out the start with --discard, or run longer."
                )
        return found

    def conductivity(self, volume: float) -> Array:
        """(K,) S/cm, real part of the conductivity of a cell of `volume` (Å³), ε₀c·nσ/V."""
        return EPSILON_0 * LIGHT / volume * self.absorption * SIEMENS_PER_CM

    def intensity(self, low: float, high: float) -> tuple[float, float]:
        """Integrated molar absorption between two wavenumbers (cm⁻¹) and its standard error, in km/mol."""
        inside = (self.wavenumber >= low) & (self.wavenumber <= high)
        parts = self.segments[:, inside].sum(axis=1) * self.wavenumber[1] * KM_PER_MOL
        return float(parts.mean()), float(_error(parts))


def infrared(
    current: Array,
    timestep: float,
    temperature: float,
    *,
    resolution: float = 10.0,
    differences: bool = False,
) -> InfraredSpectrum:
    """Infrared spectrum from the current dμ/dt (F, 3) in e·Å/fs.

    timestep: fs between frames, short enough for the fastest vibration. temperature: K. resolution: cm⁻¹;
    it decides how long a segment is. differences: the current is the difference of dipoles one frame
    apart, whose loss at high frequency, sinc², is made good. Raises InputError for a run too short for
    four segments.
    """
    current = np.asarray(current, dtype=np.float64)
    if current.ndim != 2 or current.shape[1] != 3 or not np.isfinite(current).all():
        raise InputError(f"the current must be finite, of shape (frames, 3), found {current.shape}.")
    if not all(1e-6 <= number <= 1e9 for number in (timestep, temperature, resolution)):
        raise InputError(
            f"time step, temperature and resolution must be positive, found {timestep} fs, {temperature} K "
            f"and {resolution} cm⁻¹."
        )
    size = round(HANN_WIDTH * PER_CM / (resolution * timestep))
    starts = np.arange(0, len(current) - size + 1, max(size // 2, 1)) if size else np.zeros(0, dtype=int)
    if size < 8 or len(starts) < FEWEST:
        raise InputError(
            f"a resolution of {resolution} cm⁻¹ takes segments of {size} frames of {timestep} fs, and there "
            f"are {len(starts)} in {len(current)} frames; {FEWEST} of at least 8 frames are needed.",
            remedy="run longer, or accept a coarser resolution (or a finer one, for frames far apart).",
        )
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / size)
    spectra = (np.fft.rfft(window[:, None] * current[start : start + size], axis=0) for start in starts)
    power = np.array([(np.abs(spectrum) ** 2).sum(axis=1) for spectrum in spectra])
    power *= timestep / (window @ window)
    frequency = np.fft.rfftfreq(size, timestep)
    if differences:
        power /= np.sinc(frequency * timestep) ** 2
    absorption = power / (6 * EPSILON_0 * LIGHT * units.kB * temperature)
    sharp = HANN_WIDTH * PER_CM / (size * timestep)
    return InfraredSpectrum(frequency * PER_CM, absorption, float(temperature), sharp)


@dataclass(frozen=True, slots=True)
class InfraredSettings:
    """Choices for a spectrum.

    resolution: cm⁻¹. charge_scale: from charges of a model to those that light acts on. discard_ps: left out
    at the start.
    """

    resolution: float = 10.0
    charge_scale: float = 1.0
    discard_ps: float = 0.0


def spectrum_of(
    trajectory: Trajectory, settings: InfraredSettings, charges: ChargeModel | None = None
) -> InfraredSpectrum:
    """Infrared spectrum of a trajectory, with charges of a model, else with the dipole that its run tracked.

    Raises InputError for a trajectory without either, of one frame, or too short for four segments.
    """
    whole = trajectory.unwrapped().after(settings.discard_ps)
    source = whole.source or None
    if len(whole) < 2:
        raise InputError("a spectrum needs at least two frames.", file=source, remedy="run longer.")
    if charges is not None:
        current, differences = current_of(whole, charges, settings.charge_scale)
    elif whole.tracked_dipole is not None:
        current, differences = np.diff(whole.tracked_dipole, axis=0) / whole.timestep, True
    else:
        raise InputError(
            "the run has no tracked dipole.", file=source, remedy="name the model with charges: --model FILE."
        )
    found = infrared(
        current, whole.timestep, whole.kelvin, resolution=settings.resolution, differences=differences
    )
    volume = abs(float(np.linalg.det(whole.cells[0]))) if whole.pbc.all() else 0.0
    doubts = pace(whole.positions, whole.masses, whole.timestep, whole.kelvin) if whole.foreign else []
    return replace(found, volume=volume, doubts=tuple(doubts))


def current_of(trajectory: Trajectory, charges: ChargeModel, scale: float = 1.0) -> tuple[Array, bool]:
    """The current (F, 3) e·Å/fs along a trajectory, and whether it is from differences of the dipole.

    From Born charges times velocities where those were recorded, else from Born charges times displacements.
    scale: from charges of the model to those that a field acts on.
    """
    if trajectory.velocities is not None:
        frames = to_ase(trajectory)
        born = (born_charges(atoms, charges).values for atoms in frames)
        flow = [np.einsum("nab,na->b", z, v) for z, v in zip(born, trajectory.velocities, strict=True)]
        return scale * np.array(flow), False
    if len(trajectory) < 2:
        raise InputError("a current needs at least two frames.", remedy="run longer.")
    path = dipole_path(to_ase(trajectory), charges)
    return scale * np.diff(path, axis=0) / float(trajectory.times[1] - trajectory.times[0]), True


def _error(segments: Array) -> Array:
    """Standard error of the mean over the first axis, of Hann segments that share halves (Welch 1967)."""
    overlap = 1 + 2 * (1 / 6) ** 2
    return np.asarray(np.sqrt(overlap / len(segments)) * segments.std(axis=0, ddof=1))
