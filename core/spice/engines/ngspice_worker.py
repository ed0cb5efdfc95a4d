"""Worker process around the shared library of ngspice; speaks the frames of ``framing``.

Runs as a script of its own, on the standard library alone, so that it starts in milliseconds.
A fatal error of ngspice ends the process ("cannot recover and awaits to be detached"); the parent
sees the end of the stream and starts another worker.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from framing import serve  # type: ignore[import-not-found]


class _Complex(ctypes.Structure):
    _fields_ = (("real", ctypes.c_double), ("imag", ctypes.c_double))


class _Vector(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("flags", ctypes.c_short),
        ("real", ctypes.POINTER(ctypes.c_double)),
        ("complex", ctypes.POINTER(_Complex)),
        ("length", ctypes.c_int),
    )


_INT, _BOOL, _VOID = ctypes.c_int, ctypes.c_bool, ctypes.c_void_p
_SEND_TEXT = ctypes.CFUNCTYPE(_INT, ctypes.c_char_p, _INT, _VOID)
_EXIT = ctypes.CFUNCTYPE(_INT, _INT, _BOOL, _BOOL, _INT, _VOID)
_SEND_DATA = ctypes.CFUNCTYPE(_INT, _VOID, _INT, _INT, _VOID)
_SEND_INFO = ctypes.CFUNCTYPE(_INT, _VOID, _INT, _VOID)
_SEND_STATE = ctypes.CFUNCTYPE(_INT, _BOOL, _INT, _VOID)

_COMMANDS = {"op": "op", "ac": "ac dec {:.0f} {:.12g} {:.12g}", "tran": "tran {:.12g} {:.12g}"}


class Ngspice:
    """The library, initialised, with its chatter collected instead of printed."""

    def __init__(self, library: str) -> None:
        self._log: list[str] = []
        self._library = ctypes.CDLL(library)
        self._library.ngGet_Vec_Info.restype = ctypes.POINTER(_Vector)
        self._library.ngSpice_CurPlot.restype = ctypes.c_char_p
        # The library keeps the pointers: the callbacks have to live as long as it does.
        self._callbacks = (
            _SEND_TEXT(self._keep_text),
            _SEND_TEXT(lambda *_: 0),
            _EXIT(lambda *_: os._exit(3)),
            _SEND_DATA(lambda *_: 0),
            _SEND_INFO(lambda *_: 0),
            _SEND_STATE(lambda *_: 0),
        )
        self._library.ngSpice_Init(*self._callbacks, None)
        self._command("set nomoremode")
        # The default is two OpenMP threads a model; on circuits this small they only wait for
        # each other, a hundred times longer than they work where the cores are busy.
        self._command("set num_threads=1")

    def _keep_text(self, text: bytes, *_: Any) -> int:
        self._log.append(text.decode(errors="replace"))
        return 0

    def _command(self, command: str) -> int:
        return int(self._library.ngSpice_Command(command.encode()))

    def _plot(self) -> str:
        name = self._library.ngSpice_CurPlot()
        return name.decode() if name else ""

    def _vector(self, name: str) -> tuple[bool, bytes] | None:
        """Copy one vector of the current plot: whether it is complex, and its doubles."""
        found = self._library.ngGet_Vec_Info(name.encode())
        if not found or found.contents.length <= 0:
            return None
        vector = found.contents
        if vector.complex:
            return True, ctypes.string_at(vector.complex, 16 * vector.length)
        return False, ctypes.string_at(vector.real, 8 * vector.length)

    def run(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        """Load a deck, run its analyses in order up to the first that fails, return the vectors."""
        self._log.clear()
        lines = [line.encode() for line in request["deck"].splitlines()]
        reply: dict[str, Any] = {"analyses": [], "error": ""}
        blobs: list[bytes] = []
        if self._library.ngSpice_Circ((ctypes.c_char_p * (len(lines) + 1))(*lines, None)):
            reply["error"] = "the netlist was refused"
        for analysis in request["analyses"] if not reply["error"] else ():
            found = self._collect(analysis["vectors"]) if self._analyse(analysis) else None
            if found is None:
                reply["error"] = f"{analysis['kind']} analysis failed"
                break
            reply["analyses"].append({n: (v[0], len(v[1])) for n, v in found.items()})
            blobs += [doubles for _, doubles in found.values()]
        self._command("destroy all")
        self._command("remcirc")
        reply["log"] = "\n".join(line for line in self._log if line.startswith("stderr"))[-2000:]
        return reply, blobs

    def _analyse(self, analysis: dict[str, Any]) -> bool:
        """Run one analysis; whether it went to its end: a failed one may leave half a plot."""
        before, said = self._plot(), len(self._log)
        self._command(_COMMANDS[analysis["kind"]].format(*analysis["arguments"]))
        plot = self._plot()
        aborted = any("aborted" in line for line in self._log[said:])
        return plot != before and plot.startswith(analysis["kind"]) and not aborted

    def _collect(self, names: list[str]) -> dict[str, tuple[bool, bytes]] | None:
        """Copy the vectors asked for; None where one is missing."""
        found = {}
        for name in names:
            vector = self._vector(name)
            if vector is None:
                self._log.append(f"stderr vector {name} is missing")
                return None
            found[name] = vector
        return found


if __name__ == "__main__":
    serve(Ngspice(sys.argv[1]).run)
