"""A transistor in closed form, for data that tell of amplifiers alone.

The charge-based interpolation from weak to strong inversion (C. C. Enz, F. Krummenacher and
E. A. Vittoz, "An analytical MOS transistor model valid in all regions of operation", 1995), with
the first-order effects of Y. Tsividis and C. McAndrew, "Operation and Modeling of the MOS
Transistor", 3rd ed., chapters 4 and 5: body effect, threshold shifts of short and narrow channels,
barrier lowering by the drain, mobility reduction and velocity saturation, channel-length
modulation. What these leave of the logarithm of the current is a quadratic form of size and bias.
Two score constants a polarity, each of order one, instead of a network's thousands of weights:
metrics of amplifiers tell enough to extract them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations_with_replacement

import torch
from torch import Tensor, nn
from torch.nn import functional

THERMAL_VOLTAGE = 0.02585  # V
_SURFACE, _LEAST_SURFACE = 0.8, 0.1  # V, surface potential
_NARROWEST = 0.05  # um, effective width and length
_FARAD = 1e-15  # F in a fF
_SATURATED = 2.0 / 3.0  # of the oxide's capacitance, of a gate over a saturated channel
_OUTER = 0.4  # of the gate's charge, what the drain answers for
_HALF_INVERTED, _HALF_DRAINED = 0.3, 0.5  # V, where the form's bounded voltages are a half


@dataclass(frozen=True)
class Constant:
    """A constant of the model before anything is known.

    Attributes:
        expected: natural log of the value where ``logarithmic``.
        spread: how far off it may well be, standard deviations.
    """

    name: str
    expected: float
    spread: float
    logarithmic: bool = False


def _log(name: str, value: float, spread: float) -> Constant:
    return Constant(name, math.log(value), spread, logarithmic=True)


PHYSICAL = (
    Constant("threshold", 0.45, 0.3),  # V
    _log("body", 0.4, 0.7),  # V^0.5
    Constant("short", 0.0, 0.05),  # V um, shift of the threshold by 1 / L
    Constant("shorter", 0.0, 0.03),  # V um^2, by 1 / L^2
    Constant("narrow", 0.0, 0.05),  # V um, by 1 / W
    _log("barrier", 0.01, 1.5),  # um, fall of the threshold by vds / L
    _log("slope", 0.35, 0.5),  # n - 1
    _log("transconductance", 1e-4, 1.0),  # A / V^2
    Constant("lost_width", 0.0, 0.1),  # um
    Constant("lost_length", 0.0, 0.08),  # um
    _log("mobility", 0.3, 1.0),  # 1 / V
    _log("saturation", 0.2, 1.0),  # um / V
    _log("modulation", 0.05, 1.0),  # um / V
    Constant("modulation_power", 0.0, 0.4),
    _log("modulation_end", 0.3, 1.0),  # 1 / V
    _log("modulation_overdrive", 0.3, 1.0),  # 1 / V
    _log("oxide", 5.0, 0.7),  # fF / um^2
    _log("overlap", 0.3, 0.7),  # fF / um
    _log("junction", 0.8, 0.7),  # fF / um
)
# The quadratic form's axes: one, ln L, 1 / W, bounded overdrive, bounded vds, vsb.
_AXES = 6
_INVERSION, _DRAIN, _BULK = 3, 4, 5
_PAIRS = list(combinations_with_replacement(range(_AXES), 2))[1:]
_FIRST, _SECOND = (list(axis) for axis in zip(*_PAIRS, strict=True))
FORM = tuple(Constant(f"form_{i}_{j}", 0.0, 0.1) for i, j in _PAIRS)
CONSTANTS = (*PHYSICAL, *FORM)


class CompactTransistor(nn.Module):
    """Polarities side by side. Inputs are those of ``size_and_bias``, P x n x 5.

    Attributes:
        constants: P x c as ``CONSTANTS`` names them (logs where logarithmic), or P x n x c where
            each row has its own, as derivatives by them are taken.
    """

    constants: Tensor
    imbalance = None
    substrate = None
    precision = torch.float64

    def __init__(self, polarities: int) -> None:
        """Start from what is expected of any process."""
        super().__init__()
        expected = torch.tensor([c.expected for c in CONSTANTS], dtype=torch.float64)
        self.register_buffer("constants", expected.expand(polarities, -1).clone())

    def _held(self) -> Tensor:
        """Constants P x (n or 1) x c."""
        return self.constants if self.constants.dim() == 3 else self.constants[:, None]

    def _values(self) -> dict[str, Tensor]:
        """Physical constants by name, P x (n or 1)."""
        held = self._held()[..., : len(PHYSICAL)].unbind(-1)
        return {
            constant.name: value.exp() if constant.logarithmic else value
            for constant, value in zip(PHYSICAL, held, strict=True)
        }

    def bias(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Drain current (P x n, A) and gm, gds, gmbs (x 3, S), in closed form."""
        c = self._values()
        log_width, length, vgs, vds, vsb = z.unbind(-1)
        width = (log_width.exp() - c["lost_width"]).clamp(min=_NARROWEST)
        channel = (length - c["lost_length"]).clamp(min=_NARROWEST)
        root = torch.sqrt((_SURFACE + vsb).clamp(min=_LEAST_SURFACE))
        barrier = c["barrier"] / channel
        threshold = c["threshold"] + c["body"] * (root - math.sqrt(_SURFACE)) - barrier * vds
        threshold = threshold + c["short"] / channel + c["shorter"] / channel**2
        threshold = threshold + c["narrow"] / width
        two = 2.0 * THERMAL_VOLTAGE
        unit = two * (1.0 + c["slope"])  # V of the gate for a unit of inversion
        by_source = (vgs - threshold) / unit
        by_drain = by_source - vds / two
        qs, qd = functional.softplus(by_source), functional.softplus(by_drain)
        s, d = torch.sigmoid(by_source), torch.sigmoid(by_drain)
        overdrive, turned = unit * qs, unit * s  # The latter is its derivative by the source's.
        # Each part, and its derivatives along the source's inversion and along vds beside it.
        reduction = c["mobility"] + c["saturation"] / channel
        slowed = 1.0 + reduction * overdrive
        core = (qs**2 - qd**2) / slowed
        core_s = (2.0 * (qs * s - qd * d) - core * reduction * turned) / slowed
        core_v = 2.0 * qd * d / two / slowed
        beyond = vds - two * (qs - qd)
        bent = 1.0 + c["modulation_end"] * beyond.clamp(min=0.0)
        softened = 1.0 + c["modulation_overdrive"] * overdrive
        strength = c["modulation"] * channel ** (-1.0 - c["modulation_power"]) / softened
        steep = strength * torch.where(beyond > 0, bent.square().reciprocal(), 1.0)
        longer = 1.0 + strength * beyond / bent
        longer_s = -steep * two * (s - d)
        longer_s = longer_s - (longer - 1.0) * c["modulation_overdrive"] * turned / softened
        longer_v = steep * (1.0 - d)
        form, form_s, form_v, form_b = self._form(length, width, overdrive, turned, vds, vsb)
        factor = unit * THERMAL_VOLTAGE * c["transconductance"] * width / channel * form.exp()
        current = factor * core * longer
        gm = (factor * (core_s * longer + core * longer_s) + current * form_s) / unit
        gds = factor * (core_v * longer + core * longer_v) + current * form_v + gm * barrier
        gmbs = gm * c["body"] / (2.0 * root) - current * form_b
        return current, torch.stack([gm, gds, gmbs], dim=-1)

    def _form(
        self,
        length: Tensor,
        width: Tensor,
        overdrive: Tensor,
        turned: Tensor,
        vds: Tensor,
        vsb: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The quadratic form, and its derivatives along the inversion, vds and vsb; P x n each."""
        inverted, drained = overdrive + _HALF_INVERTED, vds.abs() + _HALF_DRAINED
        axes = torch.stack(
            [
                torch.ones_like(vds),
                length.log(),
                1.0 / width,
                overdrive / inverted - 0.5,
                vds / drained - 0.5,
                vsb,
            ],
            dim=-1,
        )
        held = self._held()[..., len(PHYSICAL) :]
        square = held.new_zeros(*held.shape[:-1], _AXES, _AXES)
        square[..., _FIRST, _SECOND] = held
        square = 0.5 * (square + square.mT)
        pull = (axes.unsqueeze(-2) @ square).squeeze(-2)
        along = 2.0 * pull
        return (
            (pull * axes).sum(-1),
            along[..., _INVERSION] * turned * _HALF_INVERTED / inverted.square(),
            along[..., _DRAIN] * _HALF_DRAINED / drained.square(),
            along[..., _BULK],
        )

    def charge(self, z: Tensor) -> Tensor:
        """Capacitances P x n x 11, F: those of a saturated channel, overlaps and junctions."""
        c = self._values()
        width, length = z[..., 0].exp(), z[..., 1]
        gate = _SATURATED * _FARAD * c["oxide"] * width * length
        overlap, junction = (_FARAD * c[name] * width for name in ("overlap", "junction"))
        none, outer = torch.zeros_like(gate), _OUTER * gate
        by_gate = [gate + 2.0 * overlap, -overlap, -gate - overlap]
        by_drain = [-outer - overlap, overlap, outer]
        return torch.stack([*by_gate, *by_drain, none, none, none, junction, junction], dim=-1)
