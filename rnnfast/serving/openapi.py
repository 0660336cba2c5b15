"""What OpenAPI says of bodies, which are tables and no objects."""

from __future__ import annotations

from typing import Any

_LINES = {
    "text/csv": {"schema": {"type": "string"}, "example": "id,time,x1\na,1,0.5\n"},
    "application/x-ndjson": {"schema": {"type": "string"}, "example": '{"id": "a", "time": 1, "x1": 0.5}\n'},
}
_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}

BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "Rows as CSV with a header, or as JSON lines, with the columns that GET /model names.",
        "content": _LINES,
    }
}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Answers in the form of the rows, or in the one that Accept names.", "content": _LINES}
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"description": about, "content": {"application/json": {"schema": _ERROR}}}
    for status, about in {
        400: "The request is wrong.",
        401: "The token is missing or wrong.",
        404: "There is no such model.",
        408: "The body came too slowly.",
        413: "The body is too large.",
        422: "The rows do not fit the model.",
    }.items()
}
