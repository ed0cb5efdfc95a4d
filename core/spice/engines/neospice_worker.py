"""Worker process around the library neospice; speaks the frames of ``framing``.

neospice would run in-process, but it prints to stderr from C++ and cannot be interrupted: in a
worker it is quiet, has a time limit, and a crash costs one design.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import neospice

sys.path.insert(0, str(Path(__file__).parent))

from framing import serve  # type: ignore[import-not-found]


def run(request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Parse a deck, run its analyses in order up to the first that fails, return the vectors."""
    reply: dict[str, Any] = {"analyses": [], "error": "", "log": ""}
    blobs: list[bytes] = []
    simulator = neospice.Simulator()
    step = "the netlist was refused"
    try:
        circuit = simulator.parse(request["deck"])
        for analysis in request["analyses"]:
            step = f"{analysis['kind']} analysis failed"
            result = _analyse(simulator, circuit, analysis)
            reply["analyses"].append(_collect(result, analysis["vectors"], blobs))
    except Exception as error:
        reply["error"], reply["log"] = step, str(error)[-2000:]
    return reply, blobs


def _analyse(simulator: Any, circuit: Any, analysis: dict[str, Any]) -> Any:
    if analysis["kind"] == "op":
        return simulator.run_dc(circuit)
    if analysis["kind"] == "ac":
        points, start, stop = analysis["arguments"]
        return simulator.run_ac(circuit, neospice.ACMode.DEC, int(points), start, stop)
    return simulator.run_transient(circuit, *analysis["arguments"])


def _collect(result: Any, names: list[str], blobs: list[bytes]) -> dict[str, tuple[bool, int]]:
    places = {}
    for name in names:
        values = neospice_vector(result, name)
        blobs.append(values.tobytes())
        places[name] = (values.dtype.kind == "c", values.nbytes)
    return places


def neospice_vector(result: Any, name: str) -> Any:
    """Return one vector as a double or complex array: an axis, a branch current or a node."""
    import numpy as np

    if name in ("frequency", "time"):
        values = getattr(result, name)
    elif name.endswith("#branch"):
        values = result.current(name.removesuffix("#branch"))
    else:
        values = result.voltage(name)
    values = np.atleast_1d(np.asarray(values))
    return values.astype(complex if values.dtype.kind == "c" else float)


if __name__ == "__main__":
    serve(run)
