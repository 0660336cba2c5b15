"""Declaring one option of a configuration, and checking a value against its declaration.

A value comes from a TOML file, an environment variable, a command line flag or a keyword argument; what it may be is
said once, in the metadata of a dataclass field.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import Field, field
from numbers import Real
from pathlib import Path
from typing import Any, TypedDict, Unpack

from rnnfast.config.forms import Form, choose, numbers_of
from rnnfast.errors import UsageError

TRUE_WORDS = ("1", "true", "yes", "on")
FALSE_WORDS = ("0", "false", "no", "off")
OFF_WORDS = ("off", "none", "0", "false")  # of an option whose values may be none at all
# Options that --preset auto chooses (training/presets.py); their default is that of --preset fast.
CHOSEN = ("window", "scale", "cell", "hidden", "init", "epochs", "batch_size", "optimizer", "schedule", "lr",
          "weight_decay", "clip_norm", "refit", "patience", "patch", "head",
          "difference", "calendar", "linear_part", "average",
          "augment")  # fmt: skip


class Words(Collection[str]):
    """The names of entries of the catalogue, after words of the option itself; entries that are added count."""

    def __init__(self, entries: Mapping[str, Any], *first: str) -> None:
        self._entries, self._first = entries, first

    def __iter__(self) -> Iterator[str]:
        return iter((*self._first, *self._entries))

    def __len__(self) -> int:
        return len(self._first) + len(self._entries)

    def __contains__(self, word: object) -> bool:
        return word in self._first or word in self._entries


class Rules(TypedDict, total=False):
    """What is true of an option beside its default and its help.

    kind: type of one value (str). many: a tuple of them, which one text separates by `separator` (","; "" for texts
    that are one value). choices, least (>=), above (>) and below (<) bound each value; None is always allowed where it
    is the default. form: other texts that are allowed beside the choices. metavar: what stands for a value in the help.
    reads: of an option of [data], whether it decides how a table is read, and so which parsed table in the cache is the
    one; False: it is for the run alone. path: whether values that are no choices name files or directories. ranges:
    1..7 stands for all whole numbers from 1 to 7. alone: what a flag without a value stands for. off: of many, whether
    off, none and 0 stand for no value at all. numbers: of texts, whether a number stands for its text.
    """

    kind: type
    choices: Collection[str]
    form: Form | None
    many: bool
    separator: str
    metavar: str
    least: float | None
    above: float | None
    below: float | None
    reads: bool | None
    ranges: bool
    path: bool
    alone: str | None
    off: bool
    numbers: bool


_USUAL = Rules(
    kind=str,
    choices=(),
    form=None,
    many=False,
    separator=",",
    metavar="",
    least=None,
    above=None,
    below=None,
    reads=None,
    ranges=False,
    path=False,
    alone=None,
    off=False,
    numbers=False,
)


def option(default: Any, help: str, **rules: Unpack[Rules]) -> Any:
    """Declare one option."""
    return field(default=default, metadata={"help": help, **_USUAL, **rules})


def checked(declared: Field[Any], value: Any, where: str) -> Any:
    """Return `value` converted to the declared type; `where` begins the message of an error.

    None stands for "not given" and returns the default.
    Raises: UsageError for a value of another type or out of range.
    """
    meta = declared.metadata
    if value is None:
        return declared.default
    if not meta["many"]:
        return _checked_item(meta, value, where)
    if meta["off"] and str(value).strip().lower() in OFF_WORDS:
        return ()
    if isinstance(value, str):
        value = value.split(meta["separator"]) if meta["separator"] else [value]
    elif isinstance(value, Mapping):  # as in class_weight={"fraud": 5}
        value = [f"{name}={item}" for name, item in value.items()]
    elif not isinstance(value, Iterable):
        value = [value]
    items = [item.strip() if isinstance(item, str) and meta["separator"] else item for item in value]
    if meta["ranges"]:
        items = [number for item in items for number in numbers_of(item, where)]
    result = tuple(_checked_item(meta, item, where) for item in items if item != "")
    if declared.default and not result:
        raise UsageError(f"{where}: needs at least one value, such as {text_of(declared.default)}")
    return result


def _checked_item(meta: Any, value: Any, where: str) -> Any:
    """Convert and check one value."""
    kind = meta["kind"]
    if kind is bool:
        return _boolean(value, where)
    if kind is str:
        value = str(value) if isinstance(value, Path) or (meta["numbers"] and is_number(value)) else value
        if not isinstance(value, str):
            raise UsageError(f"{where}: {value!r} is not text; put it in quotes")
    else:
        value = _number(kind, value, where)
    value = choose(meta["choices"], meta["form"], value, where)
    if meta["least"] is not None and value < meta["least"]:
        raise UsageError(f"{where}: {value!r} is below the least value, {meta['least']}")
    if meta["above"] is not None and value <= meta["above"]:
        raise UsageError(f"{where}: {value!r} must be above {meta['above']}")
    if meta["below"] is not None and value >= meta["below"]:
        raise UsageError(f"{where}: {value!r} must be below {meta['below']}")
    return value


def is_number(value: Any) -> bool:
    """Whether a value is a number of Python or NumPy; true and false are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def _boolean(value: Any, where: str) -> bool:
    if isinstance(value, str) and value.lower() in TRUE_WORDS + FALSE_WORDS:
        return value.lower() in TRUE_WORDS
    if not isinstance(value, bool):
        raise UsageError(f"{where}: {value!r} is not true or false")
    return value


def _number(kind: type, value: Any, where: str) -> Any:
    """Convert to int or float without losing anything: 3.0 is the whole number 3, 3.5 and true are none."""
    try:
        number = kind(value)
        exact = not isinstance(value, bool) and (isinstance(value, str) or number == value)
    except (TypeError, ValueError, OverflowError):
        number, exact = None, False
    if number is not None and not float("-inf") < number < float("inf"):
        raise UsageError(f"{where}: {value!r} is not finite")
    if not exact:
        raise UsageError(f"{where}: {value!r} is not {'a whole number' if kind is int else 'a number'}")
    return number


def text_of(value: Any) -> str:
    """Text that reads back as `value` on a command line: tuples with commas, booleans as on and off."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(text_of(item) for item in value)
    return str(value)


def default_text(declared: Field[Any]) -> str:
    """Say what an option is where nobody gives it; "" where its help says it."""
    default = declared.default
    if default in (None, ()):
        return ""
    text = text_of(default)
    if declared.name not in CHOSEN:
        return text
    return "by --preset" if default in ("auto", 0) else f"by --preset, with fast {text}"  # False is 0


def toml(value: Any) -> str:
    """Text of a value in a TOML file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        # TOML's basic strings forbid raw control characters.
        return '"' + "".join(c if ord(c) >= 0x20 and ord(c) != 0x7F else f"\\u{ord(c):04x}" for c in escaped) + '"'
    if isinstance(value, tuple):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return repr(value)
