"""Answers of JSON in ASCII: names in them, shown on a terminal by curl, command nothing."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import JSONResponse


class AsciiJson(JSONResponse):
    """JSON with escapes for all signs that are not ASCII: some of them command terminals too, or turn lines."""

    def render(self, content: Any) -> bytes:
        """Return the bytes of a body."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).replace("\x7f", "\\u007f").encode()
