"""The models of a service by name: found for a request, and swapped while requests are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from rnnfast.diagnose.machine import cores
from rnnfast.errors import UsageError, did_you_mean
from rnnfast.model import load
from rnnfast.online.states import digest_of
from rnnfast.serving.served import Limits, Served, Tally

T = TypeVar("T")

LEAST_THREADS = 2  # so that a long prediction does not hold up the rows of others


class UnknownModel(UsageError):
    """A request names a model that is not there."""


class Models:
    """All models of a service.

    runs: paths by name. Raises as `load`, for states that are another model's, and for options that do not fit.
    """

    def __init__(self, runs: Mapping[str, str], limits: Limits) -> None:
        self.limits = limits
        self.current = {name: Served(name, path, limits) for name, path in runs.items()}
        self.tallies = {name: Tally() for name in runs}
        self._retired: list[Served] = []
        self._threads = CapacityLimiter(max(cores(), LEAST_THREADS))
        self._swapping = asyncio.Lock()

    def named(self, name: str | None) -> Served:
        """Return the model of a name; None: the only one. Raises UnknownModel, UsageError where there are several."""
        names = ", ".join(self.current)
        if name is None and len(self.current) > 1:
            raise UsageError(f"several models are served; name one of them: ?model=NAME of {names}")
        served = next(iter(self.current.values())) if name is None else self.current.get(name)
        if served is None:
            raise UnknownModel(f"there is no model {name!r}{did_you_mean(str(name), self.current)}; there is {names}")
        return served

    @contextmanager
    def use(self, name: str | None) -> Iterator[Served]:
        """Lend a model to a request: this version lives until the request ends."""
        served = self.named(name)
        served.users += 1
        try:
            yield served
        finally:
            served.users -= 1

    async def work(self, job: Callable[..., T], *arguments: Any) -> T:
        """Do a job in a thread, so that the service answers others meanwhile; so many at a time as there are cores."""
        return await run_sync(job, *arguments, limiter=self._threads)

    async def reload(self, name: str) -> str:
        """Read a model again and swap it; requests that it is answering end with the earlier version.

        Returns: what became of the states: "kept" or "new". Raises as `load`; the earlier version stays then.
        """
        async with self._swapping:
            served = self.named(name)
            model = await self.work(load, served.path)
            digest = digest_of(model)
            same = next((old for old in (served, *self._retired) if old.name == name and old.digest == digest), None)
            if same is None:
                new = await self.work(Served, name, served.path, self.limits)
            else:
                async with same.lock:
                    same.adopt(model)
                new = same
            if new is not served:
                self.current[name] = new
                self._retired = [old for old in self._retired if old is not new] + [served]
        await self.save()
        return "new" if same is None else "kept"

    async def save(self) -> None:
        """Write states that changed, and close the versions that nobody uses any more."""
        async with self._swapping:
            for served in (*self.current.values(), *self._retired):
                async with served.lock:
                    await self.work(served.save)
            for served in [old for old in self._retired if not old.users]:
                self._retired.remove(served)
                await self.work(served.close)

    async def close(self) -> None:
        """Write all states."""
        for served in (*self.current.values(), *self._retired):
            async with served.lock:
                await self.work(served.close)
