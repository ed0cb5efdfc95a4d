"""Processes: supply, corners, transistors and their model cards, one TOML file each."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.errors import InputError, suggest
from core.spice.model_cards import ModelCard, find_package_file, read_cards

FOLDER = Path(__file__).parent / "processes"


@dataclass(frozen=True)
class Transistor:
    """The NMOS or PMOS of a process.

    Attributes:
        model: name of the device in the PDK.
        cards: name of its model cards without their number.
        parameters: values of the names that the cards use in place of numbers.
        mismatch: Pelgrom coefficients; ``a_vth`` (V um) and ``a_beta`` (um, relative), the
            standard deviations over sqrt(W L) of one device's threshold and current factor;
            ``dw`` and ``dl`` (um) are taken off W and L first.
        mismatch_source: where the coefficients come from.
    """

    model: str
    cards: str
    parameters: Mapping[str, float] = field(default_factory=dict)
    mismatch: Mapping[str, float] = field(default_factory=dict)
    mismatch_source: str = ""


@dataclass(frozen=True)
class Process:
    """A semiconductor process as its TOML describes it.

    Attributes:
        name: id on the command line.
        label: name for people.
        supply: nominal VDD, V.
        temperature: nominal temperature, degrees Celsius.
        diffusion: length of a source or drain region, um; sets junction areas.
        package: Python package that carries the model files.
        licence: licence and origin of the model files.
        note: what a user of the models has to know.
        corners: per corner the model file and, where it has any, its sections by polarity.
        devices: the transistors by polarity, ``nmos`` and ``pmos``.
        pdk: how an installed PDK is included and in which unit it takes sizes.
    """

    name: str
    label: str
    supply: float
    temperature: float
    diffusion: float
    package: str
    licence: str
    note: str
    corners: Mapping[str, Mapping[str, str]]
    devices: Mapping[str, Transistor]
    pdk: Mapping[str, Any]

    @property
    def corner_names(self) -> list[str]:
        """Names of the corners; the first letter stands for NMOS, the second for PMOS."""
        return list(self.corners)

    def check_corner(self, corner: str) -> None:
        """Raise InputError where the process has no corner of that name."""
        if corner not in self.corners:
            raise InputError(
                f'Unknown corner of {self.name}: "{corner}".{suggest(corner, self.corners)}'
            )

    def bins(self, polarity: str, corner: str = "tt") -> list[ModelCard]:
        """All model cards of one polarity in one corner."""
        self.check_corner(corner)
        return _cards(self.name, polarity, corner)

    def model_card(self, polarity: str, width: float, length: float, corner: str = "tt") -> str:
        """Return the parameters of the card whose bin holds a device of W and L (um).

        Raises:
            InputError: no bin holds it.
        """
        return _card_text(self.name, polarity, float(width), float(length), corner)

    def size_fault(self, polarity: str, width: float, length: float) -> str:
        """Say where a size (um) lies outside the models, or return an empty string."""
        cards = self.bins(polarity)
        if any(card.fits(width * 1e-6, length * 1e-6) for card in cards):
            return ""
        lmin, lmax, wmin, wmax = zip(*(card.bounds for card in cards), strict=True)
        return (
            f"{polarity.upper()} of W = {width:g} um, L = {length:g} um lies outside the models of "
            f"{self.name}, which hold for W from {min(wmin) * 1e6:g} to {max(wmax) * 1e6:g} um and "
            f"L from {min(lmin) * 1e6:g} to {max(lmax) * 1e6:g} um"
        )


@lru_cache(maxsize=64)
def _cards(process: str, polarity: str, corner: str) -> list[ModelCard]:
    found = load_process(process)
    place, device = found.corners[corner], found.devices[polarity]
    path = find_package_file(found.package, place["file"])
    return read_cards(path, place.get(polarity, ""), device.cards, device.parameters)


@lru_cache(maxsize=16384)
def _card_text(process: str, polarity: str, width: float, length: float, corner: str) -> str:
    found = load_process(process)
    for card in found.bins(polarity, corner):
        if card.fits(width * 1e-6, length * 1e-6):
            return card.parameters
    raise InputError(f"{found.size_fault(polarity, width, length)}: choose a size inside.")


def process_names() -> list[str]:
    """Names of the processes that come with Crossfab."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


@lru_cache(maxsize=16)
def load_process(name: str) -> Process:
    """Read a process by its name.

    Raises:
        InputError: there is none of that name.
    """
    if name not in process_names():
        raise InputError(f'Unknown process: "{name}".{suggest(name, process_names())}')
    table = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    devices = {polarity: Transistor(**row) for polarity, row in table.pop("devices").items()}
    return Process(**table, devices=devices)
