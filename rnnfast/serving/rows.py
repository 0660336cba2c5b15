"""Rows of one request: a stream of its own, on the states that all requests share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from rnnfast.errors import DataError
from rnnfast.serving.bodies import RefusedBody, lines_of
from rnnfast.serving.models import Models
from rnnfast.serving.served import Served

ENDPOINT, NAME = "rows", "<request>"
CSV, JSON_LINES = "text/csv; charset=utf-8", "application/x-ndjson"


class Exchange:
    """Answers lines of a request as they come. json, interval: as of `Session`."""

    def __init__(self, models: Models, served: Served, json: bool | None, interval: int | None) -> None:
        self._models, self._served, self._texts = models, served, list[str]()
        self._session = served.session(json, interval, self._texts.append)

    async def answer(self, lines: bytes) -> str:
        """Return the answers to whole lines; meanwhile nobody else goes on with the states of the model."""
        served, session = self._served, self._session
        rows, refused, alarms = session.rows, session.refused + session.late, session.alarms
        async with served.lock:
            await self._models.work(session.answer, lines, NAME)
            served.rows += session.rows - rows
        tally, refused = self._models.tallies[served.name], session.refused + session.late - refused
        tally.add(ENDPOINT, session.rows - rows - refused, refused, session.alarms - alarms)
        return self._written()

    def refusal(self, message: str) -> str:
        """Return the line about a row that cannot be read to its end."""
        self._session.refuse(message)
        return self._written()

    def _written(self) -> str:
        text = "".join(self._texts)
        self._texts.clear()
        return text

    async def answer_all(self, lines: bytes) -> str:
        """Return the answers to a whole body. Raises DataError where it has none."""
        text, session = await self.answer(lines), self._session
        if session.refused and session.refused == session.rows:
            raise DataError(session.message)
        if not text and not session.obeyed:
            raise DataError(f"{NAME}: has no rows; send CSV with a header, or JSON lines")
        return text

    def quoted(self) -> bool:
        """Whether a line end inside double quotes is none."""
        return self._session.quoted

    @property
    def media_type(self) -> str:
        """Of the answers, once there are some."""
        return JSON_LINES if self._session.shows_json else CSV


async def answered_lines(exchange: Exchange, request: Request, stopped: Callable[[], bool]) -> AsyncIterator[str]:
    """Yield answers as rows come; the last of them says why the service reads no further, where it does not."""
    try:
        async for lines in lines_of(request, exchange.quoted, stopped):
            yield await exchange.answer(lines)
    except RefusedBody as error:
        yield exchange.refusal(str(error))


class Duplex(Response):
    """Sends answers while the request still comes; what the client sends is left to who makes the answers.

    Starlette's own StreamingResponse listens whether the client leaves, and so takes pieces of the body away.
    """

    def __init__(self, texts: AsyncIterator[str], media_type: str) -> None:
        self.texts, self.status_code, self.media_type, self.background = texts, 200, media_type, None
        self.init_headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answers, each as soon as it is there."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for text in self.texts:
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
