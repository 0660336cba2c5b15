"""The service as a process: its port, its signals, and its end."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import uvicorn

from rnnfast.errors import RnnfastError
from rnnfast.serving.app import Terms, application
from rnnfast.serving.models import Models

MOST_CONNECTIONS = 1000  # more are told to come again later
STOP = 30  # seconds that requests have to end in when the service stops
BACKLOG = 1024  # connections that wait to be accepted


class Address(NamedTuple):
    """Where the service listens; port 0 is any that is free."""

    host: str = "127.0.0.1"
    port: int = 8000


def bound_socket(address: Address) -> socket.socket:
    """Return a socket that listens. Raises RnnfastError where the address is taken or not of this machine."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server(tuple(address), family=family, backlog=BACKLOG)
    except OSError as error:
        raise RnnfastError(
            f"cannot listen on {address.host}, port {address.port}: {error.strerror or error}; give another --host or "
            "--port"
        ) from None


def url_of(listening: socket.socket) -> str:
    """Return the address of a socket for clients."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run_server(models: Models, listening: socket.socket, terms: Terms, ready: Callable[[], Any]) -> None:
    """Answer requests until the process is told to stop; ready: called once it answers.

    SIGTERM and Ctrl-C end it: requests are answered, states are kept, and the signal goes to who handled it before. At
    SIGHUP the models are read again.
    """
    server: _Server

    def stopped() -> bool:
        return server.should_exit

    app = application(models, terms._replace(stopped=stopped))
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=STOP,
    )
    server = _Server(config, models, terms.notice, ready)
    server.run(sockets=[listening])


class _Server(uvicorn.Server):
    """A server that reads models again at SIGHUP."""

    def __init__(
        self, config: uvicorn.Config, models: Models, notice: Callable[[str], Any], ready: Callable[[], Any]
    ) -> None:
        super().__init__(config)
        self._models, self._notice, self._ready = models, notice, ready
        self._reloading: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if hasattr(signal, "SIGHUP"):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)
        self._ready()

    def _reload(self) -> None:
        self._reloading = asyncio.create_task(self._reload_all())

    async def _reload_all(self) -> None:
        for name in self._models.current:
            try:
                states = await self._models.reload(name)
                self._notice(f"{name}: read again, states {states}")
            except RnnfastError as error:
                self._notice(f"{name}: goes on as it was; {error}")


def report_of(models: Models) -> Mapping[str, int]:
    """Return how many rows were answered and refused."""
    counts = [item for tally in models.tallies.values() for item in tally.counts.items()]
    return {what: sum(count for (_, name), count in counts if name == what) for what in ("rows", "refused")}
