"""Frames between a simulation worker and its parent: JSON with raw doubles behind it.

Frame: 8 bytes little-endian length of the JSON, 8 bytes length of the doubles, then both. Written
for workers that run on the standard library alone; no pickle crosses the pipe.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, BinaryIO

HEADER = struct.Struct("<QQ")
Handler = Callable[[dict[str, Any]], tuple[dict[str, Any], list[bytes]]]


def write_frame(stream: BinaryIO, message: dict[str, Any], blobs: list[bytes]) -> None:
    """Write one frame and flush it."""
    text = json.dumps(message).encode()
    stream.write(b"".join([HEADER.pack(len(text), sum(map(len, blobs))), text, *blobs]))
    stream.flush()


def read_frame(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """Read one frame; None at the end of the stream."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    text_length, blob_length = HEADER.unpack(header)
    body = stream.read(text_length + blob_length)
    if len(body) < text_length + blob_length:
        return None
    return decode_frame((text_length, blob_length), body)


def decode_frame(lengths: tuple[int, ...], body: bytes) -> tuple[dict[str, Any], bytes]:
    """Take the body of a frame apart: the message and the doubles behind it."""
    return json.loads(body[: lengths[0]]), body[lengths[0] :]


def serve(handle: Handler) -> None:
    """Answer the requests on stdin until it closes.

    A thread of its own reads, so that a worker whose parent died ends even while its simulator
    hangs. Whatever the simulator prints to stdout goes to the null device, not into a frame.
    """
    replies = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    requests: SimpleQueue[dict[str, Any]] = SimpleQueue()
    threading.Thread(target=_read_requests, args=(requests,), daemon=True).start()
    while True:
        message, blobs = handle(requests.get())
        write_frame(replies, message, blobs)


def _read_requests(requests: SimpleQueue[dict[str, Any]]) -> None:
    while (frame := read_frame(sys.stdin.buffer)) is not None:
        requests.put(frame[0])
    os._exit(0)
