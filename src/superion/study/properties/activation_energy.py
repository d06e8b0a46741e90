"""Activation energies from the dynamics of a study at several temperatures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, NonNegativeInt

from superion.analysis.arrhenius import ArrheniusSettings, arrhenius
from superion.analysis.arrhenius_runs import composition_of
from superion.analysis.measured import measured
from superion.analysis.transport_file import TransportFile
from superion.errors import InputError
from superion.results import read_result, write_result
from superion.study.properties.base import Measured, Property, Row
from superion.study.resample import Fit
from superion.verdict.topics import Limit, Topic

ENERGY = Row("activation energy", "eV", "plain")


class ActivationEnergySettings(ArrheniusSettings):
    """The slope of ln σT against 1/T over the temperatures of the dynamics of the study."""

    experiment: str | None = Field(
        None,
        description="CSV with columns composition and conductivity (S/cm), shown by the report, relative to "
        "the YAML file",
    )
    fits: NonNegativeInt = Field(
        0, description="of how many resampled fits dynamics is run as well, besides the main ones"
    )


class ActivationEnergy(Property):
    """Median and standard deviation of the posterior, from the likelihoods of all runs of a fit."""

    name = "activation_energy"
    about = "activation energy from dynamics at two or more temperatures"
    Settings = ActivationEnergySettings
    topic = Topic(
        "activation_energy",
        "the activation energy",
        "a measured activation energy, or one of first-principles dynamics",
        (Limit("activation_energy", 0.05, unit="eV"),),
        dynamics=True,
    )
    from_dynamics = True

    def fits(self) -> list[Fit]:
        """Those that dynamics is run with."""
        return self.study.moving()

    def identity(self, fit: Fit | None) -> dict[str, Any]:
        """What the values depend on."""
        own = self.settings.model_dump(mode="json", exclude={"experiment", "fits"})
        return own | {"temperatures": self.study.settings.temperatures}

    def files(self, fit: Fit | None) -> dict[str, Path]:
        """Files that are read."""
        assert fit is not None
        found = {f"{kelvin:g}": self._path(fit, kelvin) for kelvin in self._temperatures}
        table = self.settings.experiment
        beside = {} if table is None else {"experiment": Path(table)}
        return {name: path for name, path in found.items() if path.exists()} | beside

    def check(self) -> None:
        """Dynamics is that of a crystal, at more than one temperature; the table of measurements is one."""
        if not self.study.periodic or len(self._temperatures) < 2:
            raise InputError(
                "activation_energy needs dynamics of a crystal at two or more temperatures, found "
                f"{', '.join(f'{kelvin:g} K' for kelvin in self._temperatures)}.",
                file=None if self.study.settings.structure is None else self.study.settings.structure.file,
                remedy="name more under dynamics.temperatures, or leave this property out.",
            )
        self._experiment()

    def rows(self) -> list[Row]:
        """All values there are."""
        return [ENERGY]

    def measure(self, fit: Fit) -> Measured:
        """The value by one fit."""
        paths = {kelvin: self._path(fit, kelvin) for kelvin in self._temperatures}
        done = {kelvin: path for kelvin, path in paths.items() if path.exists()}
        if len(done) < 2:
            return Measured([ENERGY.without("its dynamics was finished at fewer than two temperatures")])
        runs = [read_result(path, TransportFile, "transport").result for path in done.values()]
        names = [f"{kelvin:g} K" for kelvin in done]
        chosen = ArrheniusSettings(**self.settings.model_dump(exclude={"experiment", "fits"}))
        found = arrhenius(runs, chosen, names, composition_of(self.study.start.numbers))
        found = found.with_values(measured=self._experiment())
        path = self.study.folder / "arrhenius" / f"{fit.name}.json"
        path.parent.mkdir(exist_ok=True)
        write_result(path, found)
        if found.activation_energy is None:
            least = found.activation_bound
            above = "" if least is None else f" (above {least:.2g} eV)"
            return Measured([ENERGY.without(f"{found.status}{above}: {found.reason}")], found.notes, [path])
        value = ENERGY.of(found.activation_energy, found.activation_error, found.notes)
        return Measured([value], ["errors: the posterior from all runs of a fit."], [path])

    def _experiment(self) -> Any:
        table = self.settings.experiment
        return () if table is None else measured(Path(table), composition_of(self.study.start.numbers))

    def _path(self, fit: Fit, kelvin: float) -> Path:
        return self.study.folder / "transport" / f"{fit.name}-{kelvin:g}K.json"

    @property
    def _temperatures(self) -> list[float]:
        return self.study.settings.temperatures
