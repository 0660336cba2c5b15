"""Saved models as a service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from rnnfast.errors import RnnfastError
from rnnfast.serving.names import named_runs

LIBRARIES = ("fastapi", "uvicorn", "prometheus_client")


class Listening(NamedTuple):
    """What a service is once it answers: its address, the paths of its models, and whether requests need a token."""

    url: str
    models: Mapping[str, str]
    token: bool


def check_libraries() -> None:
    """Raise RnnfastError where the libraries of a service are not installed."""
    missing = [library for library in LIBRARIES if find_spec(library) is None]
    if missing:
        raise RnnfastError(
            f"serve needs {', '.join(missing)}, which is not installed; install it with: "
            "python -m pip install 'rnnfast[serve]'"
        )


def serve(
    models: Sequence[str],
    host: str,
    port: int,
    *,
    limits: Mapping[str, Any],
    token_file: str | None = None,
    max_size: int,
    ready: Callable[[Listening], Any],
    notice: Callable[[str], Any],
) -> Mapping[str, int]:
    """Answer requests until the process is told to stop.

    models: RUN or NAME=RUN. limits: of `Limits`. max_size: bytes of a request. ready: told once the service answers;
    notice: told what goes wrong meanwhile. Returns: how many rows were answered and refused.
    Raises RnnfastError where the address is taken, UsageError for names, options and a token that cannot be used,
    ModelError for models that cannot.
    """
    check_libraries()
    from rnnfast.serving.app import Terms
    from rnnfast.serving.bodies import Bounds
    from rnnfast.serving.guard import Access, is_local, read_token
    from rnnfast.serving.models import Models
    from rnnfast.serving.served import Limits
    from rnnfast.serving.server import Address, bound_socket, report_of, run_server, url_of

    runs = named_runs(models)
    access = Access(None if token_file is None else read_token(token_file), is_local(host))
    states = limits.get("states")
    with bound_socket(Address(host, port)) as listening:
        loaded = Models(runs, Limits(**{**limits, "states": None if states is None else Path(states)}))
        url = url_of(listening)
        if not access.local and access.token is None:
            notice(f"who reaches {url} may use it; --token-file FILE asks for a token")
        terms = Terms(access, Bounds(max_size), notice=notice)
        run_server(loaded, listening, terms, lambda: ready(Listening(url, runs, access.token is not None)))
        return report_of(loaded)
