"""Results as JSON, and JSON as results: here alone, so that what is written can be read and means the same everywhere.

A result is a record: a `Record` of this module, a frozen dataclass, or a mapping that a record shows itself as. Writing
turns numbers that are not finite into null, NumPy's scalars and arrays into Python's; reading checks every field by its
annotated type and range, and says which field is wrong and what it holds. Numbers that are read are finite: JSON has no
others.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType, field
from msgspec.structs import asdict as fields_of
from msgspec.structs import replace

__all__ = [
    "SCHEMA_VERSION",
    "UNSET",
    "Count",
    "Meta",
    "Positive",
    "Record",
    "Seed",
    "Share",
    "Size",
    "UnsetType",
    "decode",
    "encode",
    "field",
    "fields_of",
    "parsed",
    "parsed_line",
    "parsed_lines",
    "plain",
    "replace",
    "shown",
    "versioned",
]

SCHEMA_VERSION = 1  # of the JSON objects that commands print
PLAIN = frozenset((str, int, bool, type(None)))  # types that are JSON's own, whatever the value
VALUE_SHOWN = 60  # characters of a wrong value in a message
MOST = 2**48  # of anything that is counted: more than a machine holds, and products of two are exact in 128 bits
LEAST_POSITIVE, MOST_POSITIVE = 1e-30, 1e30  # of factors: what they multiply stays a float64

Count = Annotated[int, Meta(ge=0, le=MOST)]
Size = Annotated[int, Meta(ge=1, le=MOST)]
Seed = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(ge=LEAST_POSITIVE, le=MOST_POSITIVE)]

T = TypeVar("T")
_OBJECTS = msgspec.json.Decoder(list[dict[str, Any]])


class Record(msgspec.Struct, frozen=True):
    """A result with named, typed fields; a field that is UNSET is not in JSON. Subclasses say `frozen=True`."""


def plain(value: Any) -> Any:
    """Return a copy made of JSON's own types: records become objects, numbers that are not finite become null."""
    if type(value) in PLAIN:  # asked first: nearly all values are of these
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, msgspec.Struct) or dataclasses.is_dataclass(value):
        named = value.__struct_fields__ if isinstance(value, msgspec.Struct) else value.__dataclass_fields__
        fields = {name: getattr(value, name) for name in named}
        return {name: plain(item) for name, item in fields.items() if item is not UNSET}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy's arrays and scalars, without importing NumPy
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def versioned(result: Any) -> dict[str, Any]:
    """Return the object that a command prints of its result: with the version of the schema first."""
    return {"schema_version": SCHEMA_VERSION, **plain(result)}


def encode(result: Any) -> str:
    """Return the same as one line of JSON."""
    return json.dumps(versioned(result), allow_nan=False)


def json_line(value: Any) -> str:
    """Return a plain value as one line of JSON, without a version."""
    return f"{msgspec.json.encode(value).decode()}\n"


def parsed(text: str | bytes) -> Any:
    """Return the values of JSON, whose numbers are finite. Raises ValueError for anything else."""
    content = text.encode() if isinstance(text, str) else text
    try:
        return msgspec.json.decode(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except msgspec.DecodeError as error:
        if b"\\u" not in content:
            raise ValueError(str(error)) from None
    try:  # half of a character, as in the name of a file that is not UTF-8, is known to Python's parser alone
        return json.loads(content, parse_constant=_not_finite, parse_float=_finite)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _finite(text: str) -> float:
    return number if math.isfinite(number := float(text)) else _not_finite(text)


def _not_finite(text: str) -> NoReturn:
    raise ValueError(f"{text[:VALUE_SHOWN]} is not a finite number")


def parsed_line(text: bytes) -> Any:
    """Return the values of one line of JSON; NaN and Infinity, which Python and pandas write, are numbers too.

    Raises ValueError for what is no JSON, of that UnicodeEncodeError for half of a character (a lone surrogate), and
    RecursionError for what is nested too deeply.
    """
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        value = json.loads(text.decode())
        if b"\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # Python's parser takes what no file can hold
        return value


def parsed_lines(lines: Sequence[bytes]) -> list[dict[str, Any]] | None:
    """Return the objects of lines of JSON at once, None where `parsed_line` has to say what any of them holds."""
    try:
        return _OBJECTS.decode(b"[%b]" % b",".join(lines))
    except (ValueError, RecursionError):
        return None


def decode(values: Any, kind: type[T]) -> T:
    """Make a record of JSON's values; fields that the record does not have are left out.

    Raises ValueError, which names the field and what it holds, where one is missing, of another type or out of range.
    """
    try:
        return msgspec.convert(values, kind, strict=True)
    except msgspec.ValidationError as error:
        raise ValueError(_explained(str(error), values)) from None


def shown(value: Any) -> str:
    """Return a value as a message shows it: shortened, and signs that are none to read escaped."""
    text = repr(value[: VALUE_SHOWN + 1] if isinstance(value, str | list) else value)
    return text if len(text) <= VALUE_SHOWN else f"{text[:VALUE_SHOWN]}..."


def _explained(message: str, values: Any) -> str:
    """Turn "Expected `int`, got `str` - at `$.columns.window`" into "columns.window is 'ten': expected int"."""
    reason, _, place = message.partition(" - at `$")
    reason = reason.replace("`", "").strip()
    reason = (reason[:1].lower() + reason[1:]).replace("object missing required field", "lacks the field")
    path = re.findall(r"\.([^.\[\]`]+)|\[(\d+|\.\.\.)\]", place)
    name = "".join(f".{key}" if key else f"[{index}]" for key, index in path).lstrip(".")
    for key, index in path:
        if index == "...":  # an entry of a mapping, which msgspec does not name
            break
        values = values[key] if key else values[int(index)]
    else:
        reason = reason if "lacks" in reason else f"is {shown(values)}: {reason.partition(', got ')[0]}"
    return f"{name} {reason}".strip() if name else reason
