"""Whether what a circuit's TOML says fits together: names that exist, words that are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from core.errors import InputError, suggest

if TYPE_CHECKING:
    from core.circuits.circuit import Circuit

TRANSFORMS = ("log10", "identity")
SCALES = ("log", "linear")
POLARITIES = ("nmos", "pmos")


def check_circuit(circuit: Circuit) -> None:
    """Refuse a circuit of which a part would be ignored, or taken for another, without a word.

    Raises:
        InputError: one sentence per fault.
    """
    faults = [*_word_faults(circuit), *_name_faults(circuit), *_range_faults(circuit)]
    if faults:
        raise InputError([f'Circuit file "{circuit.path}": {fault}' for fault in faults])


def _word_faults(circuit: Circuit) -> Iterator[str]:
    words: list[tuple[str, str, tuple[str, ...]]] = []
    words += [(f"transform of {m.name}", m.transform, TRANSFORMS) for m in circuit.metrics]
    words += [(f"scale of {v.name}", v.scale, SCALES) for v in circuit.variables]
    words += [(f'scale of feature "{f.name}"', f.scale, SCALES) for f in circuit.features]
    words += [(f"polarity of {d.name}", d.polarity, POLARITIES) for d in circuit.devices]
    for place, word, known in words:
        if word not in known:
            yield f'{place} is "{word}".{suggest(word, known)}'


def _name_faults(circuit: Circuit) -> Iterator[str]:
    variables, metrics = circuit.variable_names, circuit.metric_names
    for what, names in (("variable", variables), ("metric", metrics)):
        if not names:
            yield f"it has no {what}: name at least one."
        for name, times in Counter(names).items():
            if times > 1:
                yield f'{times} {what}s are named "{name}": give each a name of its own.'
    products = [(f.name, f.powers) for f in circuit.features]
    products += [(balance.name, balance.powers) for balance in circuit.balances]
    products += [(branch.name, branch.powers) for branch in circuit.branches]
    for name, powers in products:
        yield from _unknown(f'the powers of "{name}"', powers, variables)
    for device in circuit.devices:
        yield from _unknown(
            f"width and length of {device.name}", (device.width, device.length), variables
        )
    for metric in circuit.metrics:
        yield from _unknown(f"needs of {metric.name}", metric.needs, metrics)


def _unknown(place: str, names: Iterable[str], known: list[str]) -> Iterator[str]:
    for name in names:
        if name not in known:
            yield f'{place} name "{name}".{suggest(name, known)}'


def _range_faults(circuit: Circuit) -> Iterator[str]:
    for variable in circuit.variables:
        if not (0 < variable.minimum < variable.maximum and variable.step > 0):
            yield (
                f"{variable.name} goes from {variable.minimum:g} to {variable.maximum:g} by "
                f"{variable.step:g}: expected 0 < minimum < maximum and a step above 0."
            )
