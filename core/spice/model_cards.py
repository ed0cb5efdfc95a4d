"""BSIM4 model cards: find the file, read the cards once, pick the one whose bin fits a device.

A PDK describes one transistor by tens to hundreds of cards, each valid for a rectangle of W and L
(a *bin*). Simulators read all of them for every deck; reading is then far slower than simulating.
Here a file is indexed once a process and only the cards that a deck needs are put in it.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.errors import SimulationError

_CARD_START = re.compile(r"(?mi)^(?=\.model\s)")
_ASSIGNMENT = re.compile(r"(\w+)\s*=\s*([^\s=]+)")
_BOUNDS = ("lmin", "lmax", "wmin", "wmax")
_EDGE = 1e-12  # m; a size this close to the edge of a bin lies on it


@dataclass(frozen=True)
class ModelCard:
    """One binned card.

    Attributes:
        bounds: lmin, lmax, wmin, wmax in m; a device fits where lmin <= L < lmax, wmin <= W < wmax.
        parameters: the card's parameters as SPICE text, ``level=54 version=4.5 ...``.
    """

    bounds: tuple[float, float, float, float]
    parameters: str

    def fits(self, width: float, length: float) -> bool:
        """Whether a device of this W and L (m) lies in the bin."""
        lmin, lmax, wmin, wmax = self.bounds
        return lmin - _EDGE <= length < lmax - _EDGE and wmin - _EDGE <= width < wmax - _EDGE


def find_package_file(package: str, relative: str) -> Path:
    """Return the path of a data file of an installed package, without importing what is in it.

    Raises:
        SimulationError: the package or the file is not installed.
    """
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / relative
        if path.is_file():
            return path
    raise SimulationError(
        f'Model file "{relative}" of package "{package}" is not installed: '
        "install the packages of requirements.txt."
    )


@lru_cache(maxsize=16)
def _file_text(path: Path) -> str:
    return path.read_text(encoding="latin-1")


@lru_cache(maxsize=64)
def _section_text(path: Path, section: str) -> str:
    """Return the text between ``.lib section`` and ``.endl``; the whole file for no section."""
    text = _file_text(path)
    if not section:
        return text
    match = re.search(rf"(?ims)^\.lib\s+{re.escape(section)}\s*$(.*?)^\.endl", text)
    if match is None:
        raise SimulationError(f'Section "{section}" is missing in the model file {path.name}.')
    return match[1]


def read_cards(
    path: Path, section: str, prefix: str, parameters: Mapping[str, float]
) -> list[ModelCard]:
    """Read all cards named ``prefix.<number>`` in a section of a model file.

    Args:
        path: the model file.
        section: its ``.lib`` section, or an empty string for a file without sections.
        prefix: name of the cards without their number.
        parameters: values of names that the cards use in place of numbers.

    Returns:
        The cards in the order of the file.
    """
    name = re.compile(rf"(?i)\.model\s+{re.escape(prefix)}\.\d+\s+\w+")
    cards = []
    for chunk in _CARD_START.split(_section_text(path, section)):
        start = name.match(chunk)
        if start:
            cards.append(_card(chunk[start.end() :], parameters))
    return cards


def shift_card(parameters: str, threshold: float, beta: float) -> str:
    """Move a card's threshold and current factor, as mismatch does.

    The same as the instance parameters ``delvto`` and ``mulu0`` of ngspice, for engines without.

    Args:
        parameters: the card's text.
        threshold: V, added to ``vth0``; positive makes an NMOS slower and a PMOS faster.
        beta: relative change of the mobility ``u0`` with all its bin terms.
    """
    values = dict(_ASSIGNMENT.findall(parameters))
    values["vth0"] = f"{float(values['vth0']) + threshold:.9g}"
    for name in ("u0", "lu0", "wu0", "pu0"):
        if name in values:
            values[name] = f"{float(values[name]) * (1.0 + beta):.9g}"
    return " ".join(f"{name}={value}" for name, value in values.items())


def _card(body: str, parameters: Mapping[str, float]) -> ModelCard:
    values = dict(_ASSIGNMENT.findall("\n".join(_continuation(body))))
    lmin, lmax, wmin, wmax = (float(values.pop(bound)) for bound in _BOUNDS)
    values["level"] = "14"  # BSIM4: ngspice takes 14 or 54, neospice 14 only.
    values["paramchk"] = "0"  # Checks nothing that matters here, and writes a log file if set.
    resolved = (f"{key}={parameters.get(value, value)}" for key, value in values.items())
    return ModelCard((lmin, lmax, wmin, wmax), " ".join(resolved))


def _continuation(body: str) -> Iterator[str]:
    """Yield the lines that continue a card, up to the first that begins something else."""
    for line in body.splitlines():
        if line.startswith("+"):
            yield line
        elif line.strip() and not line.startswith("*"):
            return
