"""Who may ask: the token, and pages of other sites that a browser on this machine shows."""

from __future__ import annotations

import hmac
from collections import Counter
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rnnfast.errors import UsageError
from rnnfast.serving.ascii import AsciiJson

OPEN = "/health"  # asked by who watches over the service, who needs no token
LONGEST_TOKEN = 4096  # characters
LOCAL = ("localhost", "127.0.0.1", "::1")


class Access(NamedTuple):
    """token: that requests must show, or None. local: whether the service is bound to this machine alone."""

    token: str | None = None
    local: bool = True


def read_token(path: str | Path) -> str:
    """Read a token from a file, of which ends of lines are no part. Raises UsageError where there is none."""
    try:
        token = Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--token-file {path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if not token or len(token) > LONGEST_TOKEN or not token.isprintable() or " " in token:
        raise UsageError(f"--token-file {path}: holds no token; write one line of letters, digits and signs into it")
    return token


def is_local(host: str) -> bool:
    """Whether a name or address is that of this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """Refuses requests before anything of them is read, and counts the answers.

    answered: how many answers there were by path and status.
    """

    def __init__(self, app: ASGIApp, access: Access, paths: frozenset[str], answered: Counter[Any]) -> None:
        self.app, self.access, self.paths, self.answered = app, access, paths, answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in self.paths else "other"

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.answered[path, message["status"]] += 1
            await send(message)

        refusal = self._refusal(Headers(scope=scope), scope["path"])
        await (refusal or self.app)(scope, receive, counted)

    def _refusal(self, headers: Headers, path: str) -> AsciiJson | None:
        """Return the answer to who may not ask."""
        host = headers.get("host", "")
        if self.access.local and not _names_this_machine(host):
            # A page of elsewhere whose name leads to this machine (DNS rebinding) still says its own name.
            return _refused(403, f"the service is for this machine alone, and the request is for {host!r}")
        origin = headers.get("origin")
        if origin is not None and not _same_site(origin, host):
            return _refused(403, f"pages of {origin} may not use this service")
        if self.access.token is None or path == OPEN:
            return None
        kind, _, token = headers.get("authorization", "").partition(" ")
        # Compared in a time that tells nothing about how much of the token is right.
        if kind.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self.access.token.encode()):
            return None
        return _refused(
            401,
            "the token is missing or wrong; send the header Authorization: Bearer TOKEN",
            {"WWW-Authenticate": "Bearer"},
        )


def _names_this_machine(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name in LOCAL or is_local(name)


def _same_site(origin: str, host: str) -> bool:
    try:
        return urlsplit(origin).netloc == host
    except ValueError:
        return False


def _refused(status: int, message: str, headers: dict[str, str] | None = None) -> AsciiJson:
    return AsciiJson({"error": message}, status, headers)
