"""A transistor in closed form, for data that tell of amplifiers alone.

The charge-based model of C. C. Enz and E. A. Vittoz, "Charge-based MOS Transistor Modeling" (2006),
for all levels of inversion, with the first-order effects of Y. Tsividis and C. McAndrew, "Operation
and Modeling of the MOS Transistor", 3rd ed., chapters 4 and 5: body effect, threshold shifts of
short and narrow channels, barrier lowering by the drain, mobility reduction and velocity
saturation, channel-length modulation. What these leave of the logarithm of the current is a
quadratic form of size and bias. Some forty-odd constants a polarity, each of order one, instead of
a network's thousands of weights: metrics of amplifiers tell enough to extract them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations_with_replacement

import torch
from torch import Tensor, nn
from torch.nn import functional

THERMAL_VOLTAGE = 0.02585  # V
_TWO = 2.0 * THERMAL_VOLTAGE
_SURFACE, _LEAST_SURFACE = 0.8, 0.1  # V, surface potential
_NARROWEST = 0.05  # um, effective width and length
_FARAD = 1e-15  # F in a fF
# What the drain answers for of the charge that source and drain end take from the gate, and of the
# latter by the drain itself: 40 % to 60 % in saturation, half in the triode region.
_BY_SOURCE_END, _BY_DRAIN_END, _OF_DRAIN_END = 0.4, 0.6, 2.0 / 3.0
_BUILT_IN, _GRADING, _FORWARD = 0.8, 0.4, 0.5  # V, power and V at most, of junctions
_DEEPEST, _WEAK = -40.0, -12.0  # inversion, half of it: none at all, and where charge is exp alone
_CHARGE_STEPS = 4
_NOTHING = 1e-36
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
    Constant("junction_ends", 0.0, 1.0),  # fF
)
# The quadratic form's axes: one, ln L, 1 / W, bounded overdrive, bounded vds, vsb, and how much of
# the source end's charge there is at the drain end: 0 in saturation, 1 without a drain voltage.
_AXES = 7
_INVERSION, _DRAIN, _BULK, _TRIODE = 3, 4, 5, 6
_PAIRS = list(combinations_with_replacement(range(_AXES), 2))[1:]
_FIRST, _SECOND = (list(axis) for axis in zip(*_PAIRS, strict=True))
FORM = tuple(Constant(f"form_{i}_{j}", 0.0, 0.1) for i, j in _PAIRS)
CONSTANTS = (*PHYSICAL, *FORM)


@dataclass(frozen=True)
class _Channel:
    """Where a channel stands; P x n each.

    Attributes:
        width: um. length: um. Both effective.
        root: V^0.5, of the surface potential with the bulk's voltage.
        barrier: fall of the threshold by vds.
        source: charge at its source end, in units of 2 n C_ox kT/q.
        drain: at its drain end.
    """

    width: Tensor
    length: Tensor
    root: Tensor
    barrier: Tensor
    source: Tensor
    drain: Tensor


class CompactTransistor(nn.Module):
    """Polarities side by side. Inputs are those of ``size_and_bias``, P x n x 5.

    Attributes:
        constants: P x c as ``CONSTANTS`` names them (logs where logarithmic), or P x n x c where
            each row has its own, as derivatives by them are taken.
        anywhere: whether they mean something at any bias.
    """

    constants: Tensor
    anywhere = True
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

    def _channel(self, c: dict[str, Tensor], z: Tensor) -> _Channel:
        log_width, length, vgs, vds, vsb = z.unbind(-1)
        width = (log_width.exp() - c["lost_width"]).clamp(min=_NARROWEST)
        channel = (length - c["lost_length"]).clamp(min=_NARROWEST)
        root = torch.sqrt((_SURFACE + vsb).clamp(min=_LEAST_SURFACE))
        barrier = c["barrier"] / channel
        threshold = c["threshold"] + c["body"] * (root - math.sqrt(_SURFACE)) - barrier * vds
        threshold = threshold + c["short"] / channel + c["shorter"] / channel**2
        threshold = threshold + c["narrow"] / width
        inversion = (vgs - threshold) / (_TWO * (1.0 + c["slope"]))
        ends = inversion_charge(torch.stack([inversion, inversion - vds / _TWO]))
        return _Channel(width, channel, root, barrier, *ends)

    def bias(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Drain current (P x n, A) and gm, gds, gmbs (x 3, S), in closed form."""
        c = self._values()
        at, vds = self._channel(c, z), z[..., 3]
        qs, qd, channel = at.source, at.drain, at.length
        s, d = (2.0 * q / (2.0 * q + 1.0) for q in (qs, qd))  # Derivatives by the inversion.
        unit = _TWO * (1.0 + c["slope"])  # V of the gate for a unit of inversion
        overdrive, turned = unit * qs, unit * s  # The latter is its derivative by the source's.
        # Each part, and its derivatives along the source's inversion and along vds beside it.
        reduction = c["mobility"] + c["saturation"] / channel
        slowed = 1.0 + reduction * overdrive
        core = (qs - qd) * (qs + qd + 1.0) / slowed
        core_s = (2.0 * (qs - qd) - core * reduction * turned) / slowed
        core_v = 2.0 * qd / _TWO / slowed
        # With drain and source exchanged no channel is shortened, or currents would turn round.
        beyond = (vds - _TWO * (qs - qd)).clamp(min=0.0)
        bent = 1.0 + c["modulation_end"] * beyond
        softened = 1.0 + c["modulation_overdrive"] * overdrive
        strength = c["modulation"] * channel ** (-1.0 - c["modulation_power"]) / softened
        steep = strength * torch.where(beyond > 0, bent.square().reciprocal(), 0.0)
        longer = 1.0 + strength * beyond / bent
        longer_s = -steep * _TWO * (s - d)
        longer_s = longer_s - (longer - 1.0) * c["modulation_overdrive"] * turned / softened
        longer_v = steep * (1.0 - d)
        # With drain and source exchanged there is no more at one end than at the other.
        left = (qd / qs).clamp(max=1.0)
        slopes = tuple(
            torch.where(vds > 0, slope, 0.0) for slope in ((d - left * s) / qs, -d / (_TWO * qs))
        )
        form, form_s, form_v, form_b = self._form(z, at.width, overdrive, turned, left, slopes)
        scale = unit * THERMAL_VOLTAGE * c["transconductance"]
        factor = scale * at.width / channel * form.exp()
        current = factor * core * longer
        gm = (factor * (core_s * longer + core * longer_s) + current * form_s) / unit
        gds = factor * (core_v * longer + core * longer_v) + current * form_v + gm * at.barrier
        gmbs = gm * c["body"] / (2.0 * at.root) - current * form_b
        return current, torch.stack([gm, gds, gmbs], dim=-1)

    def _form(
        self,
        z: Tensor,
        width: Tensor,
        overdrive: Tensor,
        turned: Tensor,
        left: Tensor,
        left_slopes: tuple[Tensor, ...],
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The quadratic form, and its derivatives along the inversion, vds and vsb; P x n each.

        Args:
            turned: derivative of the overdrive along the inversion.
            left: of the charge, at the drain end.
            left_slopes: its derivatives along the inversion and vds.
        """
        _, length, _, vds, vsb = z.unbind(-1)
        inverted, drained = overdrive + _HALF_INVERTED, vds.abs() + _HALF_DRAINED
        axes = torch.stack(
            [
                torch.ones_like(vds),
                length.log(),
                1.0 / width,
                overdrive / inverted - 0.5,
                vds / drained - 0.5,
                vsb,
                left,
            ],
            dim=-1,
        )
        held = self._held()[..., len(PHYSICAL) :]
        square = held.new_zeros(*held.shape[:-1], _AXES, _AXES)
        square[..., _FIRST, _SECOND] = held
        square = 0.5 * (square + square.mT)
        # Where all rows have the same, one product of matrices in place of one for each row.
        common = square.shape[1] == 1
        pull = axes @ square[:, 0] if common else (axes[..., None, :] @ square)[..., 0, :]
        along = 2.0 * pull
        by_inversion = turned * _HALF_INVERTED / inverted.square()
        by_drain = _HALF_DRAINED / drained.square()
        return (
            (pull * axes).sum(-1),
            along[..., _INVERSION] * by_inversion + along[..., _TRIODE] * left_slopes[0],
            along[..., _DRAIN] * by_drain + along[..., _TRIODE] * left_slopes[1],
            along[..., _BULK],
        )

    def charge(self, z: Tensor) -> Tensor:
        """Capacitances P x n x 11, F: the channel's at its bias, overlaps and junctions."""
        c = self._values()
        at, vds, vsb = self._channel(c, z), z[..., 3], z[..., 4]
        width = z[..., 0].exp()
        oxide = _FARAD * c["oxide"] * width * z[..., 1]
        overlap = _FARAD * c["overlap"] * width
        qs, qd = at.source, at.drain
        share = oxide / (3.0 * (qs + qd + 1.0).square())
        source_end = share * qs * (2.0 * qs + 4.0 * qd + 3.0)
        drain_end = share * qd * (2.0 * qd + 4.0 * qs + 3.0)
        depletion = c["slope"] / (1.0 + c["slope"]) * (oxide - source_end - drain_end)
        outer = _BY_SOURCE_END * source_end + _BY_DRAIN_END * drain_end
        own = _OF_DRAIN_END * drain_end
        whole = source_end + drain_end + depletion
        by_gate = [whole + 2.0 * overlap, -drain_end - overlap, -source_end - overlap]
        by_drain = [-outer - overlap, own + overlap, outer - own]
        none = torch.zeros_like(whole)
        junction = _FARAD * (c["junction"] * width + c["junction_ends"])
        junctions = [
            junction * (1.0 + volts.clamp(min=-_FORWARD) / _BUILT_IN).pow(-_GRADING)
            for volts in (vsb + vds, vsb)
        ]
        return torch.stack([*by_gate, *by_drain, -depletion, none, none, *junctions], dim=-1)


def inversion_charge(inversion: Tensor) -> Tensor:
    """Charge q of half an inversion v / 2 = q + ln(q) / 2, elementwise.

    The charge-voltage relation of Enz and Vittoz (2006), equation 3.39, by Newton's method from the
    interpolation ln(1 + exp(v / 2))^2 of the current q^2 + q.
    """
    half = inversion.clamp(min=_DEEPEST)
    with torch.no_grad():
        soft = functional.softplus(half)
        start = (torch.sqrt(0.25 + soft.square()) - 0.5).clamp(min=_NOTHING).log()
        log = torch.where(half < 0.5 * _WEAK, 2.0 * half, start)
        for _ in range(_CHARGE_STEPS - 1):
            log = log - _charge_step(log, half)
    return (log - _charge_step(log, half)).exp()


def _charge_step(log: Tensor, half: Tensor) -> Tensor:
    """Newton's step of the logarithm of the charge; the last one carries the derivative."""
    charge = log.exp()
    return (2.0 * (charge - half) + log) / (2.0 * charge + 1.0)
