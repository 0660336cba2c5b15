"""What clients send: a whole body within its limits, or lines as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from starlette.requests import ClientDisconnect, Request

from rnnfast.errors import RnnfastError
from rnnfast.online.lines import whole_lines

WAIT = 0.25  # seconds until it is asked whether the service stops
LONGEST_LINE = 1 << 20  # bytes of a line of a body without an end


class Bounds(NamedTuple):
    """bytes: of a whole body; seconds: without a byte of it."""

    bytes: int = 1 << 24
    seconds: float = 30.0


class RefusedBody(RnnfastError):
    """A body that is too large, too slow or packed. status: of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def told_length(request: Request) -> int | None:
    """Return the length that the client tells; None of a body that comes in pieces, as long as it may be."""
    text = request.headers.get("content-length")
    if text is None and "chunked" not in request.headers.get("transfer-encoding", ""):
        return 0
    return None if text is None else int(text)


def check_plain(request: Request) -> None:
    """Raise RefusedBody for a packed body, which could be of any size."""
    packed = request.headers.get("content-encoding", "identity")
    if packed != "identity":
        raise RefusedBody(415, f"the body is packed ({packed}); send it as it is")


async def whole_body(request: Request, bounds: Bounds) -> bytes:
    """Return the body. Raises RefusedBody, as soon as it is known to be too large."""
    check_plain(request)
    too_large = RefusedBody(
        413, f"the body is larger than {bounds.bytes:,} bytes; send it in parts, or serve with a larger --max-size"
    )
    if (told_length(request) or 0) > bounds.bytes:
        raise too_large
    pieces, size, coming = list[bytes](), 0, request.stream()
    try:
        while piece := await asyncio.wait_for(anext(coming, b""), bounds.seconds):
            size += len(piece)
            if size > bounds.bytes:
                raise too_large
            pieces.append(piece)
    except TimeoutError:
        raise RefusedBody(408, f"no byte of the body came for {bounds.seconds:g} seconds") from None
    return b"".join(pieces)


async def lines_of(request: Request, quoted: Callable[[], bool], stopped: Callable[[], bool]) -> AsyncIterator[bytes]:
    """Yield whole lines as they come, until the body ends, the client leaves or the service stops.

    quoted: whether a line end inside double quotes is none. Raises RefusedBody for a line without an end.
    """
    rest, coming = b"", request.stream()
    try:
        while piece := await _next_piece(coming, stopped):
            rest += piece
            end = whole_lines(rest, quoted())
            if end:
                yield rest[:end]
                rest = rest[end:]
            if len(rest) > LONGEST_LINE:
                raise RefusedBody(413, f"a line is longer than {LONGEST_LINE:,} bytes; write one row on each line")
    except ClientDisconnect:
        return
    if rest and not stopped():
        yield rest


async def _next_piece(coming: AsyncIterator[bytes], stopped: Callable[[], bool]) -> bytes:
    """Return the next bytes; none at the end, and where the service stops."""
    piece = asyncio.ensure_future(_anext(coming))
    while not piece.done():
        await asyncio.wait({piece}, timeout=WAIT)
        if stopped() and not piece.done():
            piece.cancel()
            return b""
    return piece.result()


async def _anext(coming: AsyncIterator[bytes]) -> bytes:
    return await anext(coming, b"")
