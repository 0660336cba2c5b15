"""The service as an ASGI application: what is asked, by which address, and how errors are told."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Annotated, Any, NamedTuple

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from rnnfast import __version__
from rnnfast.errors import DataError, ModelError, RnnfastError, UsageError
from rnnfast.model.description import describe_model
from rnnfast.online.states import EVERY
from rnnfast.records import plain, versioned
from rnnfast.serving.ascii import AsciiJson
from rnnfast.serving.bodies import Bounds, RefusedBody, check_plain, told_length, whole_body
from rnnfast.serving.guard import OPEN, Access, Guard
from rnnfast.serving.metrics import exposition
from rnnfast.serving.models import Models, UnknownModel
from rnnfast.serving.openapi import ANSWERS, BODY, ERRORS
from rnnfast.serving.rows import CSV, ENDPOINT, JSON_LINES, Duplex, Exchange, answered_lines
from rnnfast.serving.served import Served
from rnnfast.serving.tables import answer_table

STATUS = {UnknownModel: 404, UsageError: 400, DataError: 422, ModelError: 409, RnnfastError: 500}
PATHS = frozenset({"/predict", "/rows", "/model", "/metrics", "/openapi.json", OPEN})

ModelName = Annotated[str | None, Query(alias="model", description="Which model; needed where there are several.")]
Level = Annotated[int | None, Query(description="Per cent of the truth that intervals beside the answers hold.")]


class Terms(NamedTuple):
    """How requests are taken. stopped: asked whether the service is about to end; notice: told what went wrong."""

    access: Access = Access()
    bounds: Bounds = Bounds()
    stopped: Callable[[], bool] = lambda: False
    notice: Callable[[str], Any] = print


def application(models: Models, terms: Terms) -> FastAPI:
    """Return the application that answers for these models."""
    answered: Counter[Any] = Counter()
    app = FastAPI(
        title="rnnfast",
        version=__version__,
        summary="Answers of recurrent networks to tables, and to rows as they come.",
        docs_url=None,  # these pages would be fetched from elsewhere
        redoc_url=None,
        default_response_class=AsciiJson,
        lifespan=lambda app: _saving(models, terms.notice),
    )
    app.add_middleware(Guard, access=terms.access, paths=PATHS, answered=answered)
    for kind in (RnnfastError, HTTPException, RequestValidationError, ClientDisconnect, Exception):
        app.add_exception_handler(kind, _told)
    _add_answers(app, models, terms)
    _add_reports(app, models, answered)
    return app


def _add_answers(app: FastAPI, models: Models, terms: Terms) -> None:
    """Add what answers tables and rows."""

    @app.post("/predict", openapi_extra=BODY, responses=ANSWERS | ERRORS)
    async def predict(request: Request, model: ModelName = None, interval: Level = None) -> Response:
        """Answer a whole table, each id from its first row: the lines that `rnnfast predict` writes."""
        with models.use(model) as served, _timed(models, served, "predict"):
            content = await whole_body(request, terms.bounds)
            predicted = await models.work(answer_table, served.model, content, _wants_json(request), interval)
            models.tallies[served.name].add("predict", predicted.rows, 0, predicted.alarms)
            return Response(predicted.text, media_type=JSON_LINES if predicted.json else CSV)

    @app.post("/rows", openapi_extra=BODY, responses=ANSWERS | ERRORS)
    async def rows(request: Request, model: ModelName = None, interval: Level = None) -> Response:
        """Answer rows as they come, each with the state of its id: the lines that `rnnfast stream` writes.

        A body of a told length is answered as a whole; any other row by row, for as long as it is open.
        """
        check_plain(request)
        served = models.named(model)
        if told_length(request) is not None:
            with models.use(served.name), _timed(models, served, ENDPOINT):
                exchange = Exchange(models, served, _wants_json(request), interval)
                text = await exchange.answer_all(await whole_body(request, terms.bounds))
                return Response(text, media_type=exchange.media_type)
        exchange = Exchange(models, served, _wants_json(request), interval)
        texts = _lent(models, served, answered_lines(exchange, request, terms.stopped))
        first = await anext(texts, "")  # tells the form of the rows
        return Duplex(_chained(first, texts), exchange.media_type)


def _add_reports(app: FastAPI, models: Models, answered: Counter[Any]) -> None:
    """Add what tells about the service and its models."""

    @app.get(OPEN)
    async def health() -> dict[str, Any]:
        """Tell that the service answers. No token is needed."""
        return {"status": "ok"}

    @app.get("/model", responses=ERRORS)
    async def model_names() -> dict[str, Any]:
        """Name the models, and what their rows need."""
        return {"models": {name: _brief(served) for name, served in models.current.items()}}

    @app.get("/model/{name}", responses=ERRORS)
    async def model_description(name: str) -> dict[str, Any]:
        """Describe a model, as `rnnfast inspect --json` does."""
        served = models.named(name)
        return await models.work(lambda: versioned(describe_model(served.model, served.path)))

    @app.post("/model/{name}/reload", responses=ERRORS)
    async def reload(name: str) -> dict[str, str]:
        """Read the file of a model again, and go on with it; requests that are being answered end as they began."""
        return {"model": models.named(name).name, "states": await models.reload(name)}

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Tell figures to Prometheus."""
        return Response(exposition(models, answered), media_type="text/plain; version=0.0.4; charset=utf-8")


@asynccontextmanager
async def _saving(models: Models, notice: Callable[[str], Any]) -> AsyncIterator[None]:
    """Keep the states every few seconds, and at the end."""

    async def save() -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                await models.save()
            except RnnfastError as error:  # a full disk, for a while
                notice(str(error))

    task = asyncio.create_task(save())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await models.close()


@contextmanager
def _timed(models: Models, served: Served, endpoint: str) -> Iterator[None]:
    """Take the time of a request that is answered."""
    begun = time.perf_counter()
    yield
    models.tallies[served.name].took(endpoint, time.perf_counter() - begun)


async def _lent(models: Models, served: Served, texts: AsyncIterator[str]) -> AsyncIterator[str]:
    """Yield texts while this version of a model is in use."""
    with models.use(served.name):
        async for text in texts:
            yield text


async def _chained(first: str, texts: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for text in texts:
        yield text


def _wants_json(request: Request) -> bool | None:
    """Return whether the answers are JSON lines or CSV; None where the client takes either."""
    accepted = request.headers.get("accept", "")
    return True if "json" in accepted else False if "csv" in accepted else None


def _brief(served: Served) -> dict[str, Any]:
    """Return what a client has to know of a model."""
    schema = served.model.schema
    roles = {"id": schema.id, "time": schema.time, "features": schema.features, "categorical": schema.categorical}
    answers = {"task": schema.task, "predict": schema.predict, "targets": schema.targets, "classes": schema.classes}
    rows = {"threshold": served.model.task.threshold(), "rows": served.reason or "yes"}
    return dict(plain({"path": served.path, "model_digest": served.digest, **roles, **answers, **rows}))


async def _told(request: Request, error: Exception) -> Response:
    """Return an error as an object with one key."""
    headers = None
    if isinstance(error, RefusedBody):
        status, message = error.status, str(error)
    elif isinstance(error, RnnfastError):
        status, message = next(code for kind, code in STATUS.items() if isinstance(error, kind)), str(error)
    elif isinstance(error, HTTPException):
        status, message, headers = error.status_code, f"{request.url.path}: {error.detail}", error.headers
    elif isinstance(error, RequestValidationError):
        status, message = 400, "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error.errors())
    elif isinstance(error, ClientDisconnect):
        status, message = 400, "the client has left"
    else:
        status, message = 500, "an unexpected error of the service; its log says more"
    return AsciiJson({"error": message}, status, headers)
