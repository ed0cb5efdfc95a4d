"""The exceptions that Crossfab raises on purpose. Everything else is a bug."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CrossfabError(Exception):
    """Base of all deliberate failures: its text is one clear sentence for the user."""


class InputError(CrossfabError):
    """The user's input is at fault; carries every fault found, one sentence each.

    Each sentence names the place, what was expected, what was found, and what to do.
    The command line prints them and exits with 1.
    """

    def __init__(self, faults: str | Iterable[str]) -> None:
        self.faults: tuple[str, ...] = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__("\n".join(self.faults))


class UsageError(InputError):
    """A flag or argument of the command line is at fault; exits with 2."""


class SimulationError(CrossfabError):
    """A SPICE engine could not run at all (not: a design that does not bias up).

    Attributes:
        netlist: the deck that was being run, or an empty string.
        output: what the simulator printed, or an empty string.
    """

    def __init__(self, message: str, netlist: str = "", output: str = "") -> None:
        super().__init__(message)
        self.netlist = netlist
        self.output = output


class CheckpointError(InputError):
    """A run folder or checkpoint is missing, damaged, foreign or does not fit."""


class TrainingError(CrossfabError):
    """Training could not go on, for example because the loss became NaN."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ' Did you mean "x"?' for the closest known name, or the list of what is known."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f' Did you mean "{close[0]}"?'
    return " Known: " + ", ".join(known) + "."
