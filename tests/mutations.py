"""Model files broken at random: bytes, the header of safetensors, values and structure of rnnfast's header, tensors."""

from __future__ import annotations

import copy
import json
import random
import struct
from collections.abc import Callable, Iterator
from typing import Any

EVIL = "\x1b[31mred\x9b2J\u202e"  # signs that command a terminal
ODD_VALUES = (
    *(None, True, False, 0, 1, -1, 2, 0.5, -0.0, 1e308, -1e308, 5e-324, 10**9, 2**31, 2**63, 2**64, -(2**63), 10**30),
    *("", " ", "x", "rnn", "1", "nan", EVIL, "y" * 5000, "\u0000", "\ud7ff", "/etc/passwd", "a\nb", "%s{0}", "💥" * 50),
    *([], {}, [[]], [None], [0], ["x"], {"x": 1}, {"": None}, [1e308] * 3, [EVIL], {EVIL: EVIL}, [[[[[[]]]]]]),
    *(float("nan"), float("inf"), float("-inf")),
)
ODD_SIZES = (0, 1, 3, -1, 2**16, 2**31, 2**40, 2**63, 2**64, 10**30, 1.5, None, "4", [])
DTYPES = ("F64", "F32", "F16", "BF16", "I64", "I8", "U8", "BOOL", "F8_E4M3", "C64", "", "f32", None, 7)

Place = tuple[Any, Any]  # a list or object of JSON, and the index or key of an entry


def split(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header of a safetensors file and the bytes of its tensors."""
    end = 8 + struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8:end]), content[end:]


def joined(header: Any, tensors: bytes) -> bytes:
    """Return a safetensors file."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + tensors


def places(values: Any) -> Iterator[Place]:
    """Yield the place of each entry of JSON values, whatever its depth."""
    pairs = values.items() if isinstance(values, dict) else enumerate(values)
    for key, value in list(pairs):
        yield values, key
        if isinstance(value, dict | list):
            yield from places(value)


def mutated(content: bytes, draw: random.Random) -> bytes:
    """Return a model file that is broken in one to three places."""
    change = draw.choice((_bytes, _outer, _header, _header, _header, _tensors))
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        try:
            content = change(content, draw)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, struct.error):  # too broken already
            break
    return content


def _bytes(content: bytes, draw: random.Random) -> bytes:
    broken = bytearray(content)
    place = draw.choice((draw.randrange(8), draw.randrange(len(broken)), draw.randrange(len(broken))))
    match draw.randrange(5):
        case 0:
            broken[place] ^= 1 << draw.randrange(8)
        case 1:
            broken[place:place] = draw.choice((b"\0", b"\xff", b'"', b"{", b"}", b"[", b"\\u0000", b"1e999", b"\x1b["))
        case 2:
            del broken[place : place + draw.choice((1, 2, 8, 100, 10_000))]
        case 3:
            broken[place:place] = broken[place : place + draw.choice((1, 8, 100))]
        case _:
            broken[place] = draw.randrange(256)
    return bytes(broken)


def _outer(content: bytes, draw: random.Random) -> bytes:
    """Change what safetensors itself knows: names, types, shapes and places of tensors, other metadata."""
    header, tensors = split(content)
    entries = [name for name in header if name != "__metadata__"]
    name = draw.choice(entries)
    match draw.randrange(6):
        case 0:
            header[name]["dtype"] = draw.choice(DTYPES)
        case 1:
            header[name]["shape"] = draw.choice((draw.choices(ODD_SIZES, k=draw.randrange(4)), None, 5))
        case 2:
            header[name]["data_offsets"] = draw.choices(ODD_SIZES, k=draw.choice((1, 2, 2, 3)))
        case 3:
            header[draw.choice((EVIL, "", "x" * 5000, "head.bias"))] = header.pop(name)
        case 4:
            header["__metadata__"] = draw.choice((None, {}, [], {"rnnfast": 3}, {"rnnfast": ""}, {"rnnfast": "[1"}))
        case _:
            holder, key = draw.choice(list(places(header)))
            holder[key] = draw.choice(ODD_VALUES)
    return joined(header, tensors)


def _header(content: bytes, draw: random.Random) -> bytes:
    """Change values or structure of rnnfast's own header."""
    header, tensors = split(content)
    values = json.loads(header["__metadata__"]["rnnfast"])
    every = list(places(values))
    holder, key = draw.choice(every)
    other = copy.deepcopy((lambda place: place[0][place[1]])(draw.choice(every)))
    match draw.randrange(8):
        case 0 | 1:
            holder[key] = draw.choice(ODD_VALUES)
        case 2:
            holder[key] = _like(holder[key], draw)
        case 3:
            del holder[key]
        case 4:
            holder[key] = other
        case 5 if isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        case 5:
            holder[draw.choice((EVIL, "", "x", key + "_"))] = holder.pop(key) if draw.random() < 0.5 else other
        case 6:
            holder[key] = [holder[key]] * draw.choice((1, 2, 1000))
        case _:
            holder[key] = {"x": holder[key]}
    header["__metadata__"]["rnnfast"] = json.dumps(values)
    return joined(header, tensors)


def _like(value: Any, draw: random.Random) -> Any:
    """Return another value of the same type."""
    match value:
        case bool():
            return not value
        case int():
            return draw.choice((0, -1, value + 1, value - 1, 2 * value, -value, 10**6, 10**9, 2**62, 2**63 - 1))
        case float():
            return draw.choice((0.0, -value, value * 1e300, value * 1e-300, value + 1, 1e308, -1e308, 5e-324))
        case str():
            return draw.choice(("", value * 2, value[1:], value.upper(), value + EVIL, value * 2000, "last", "mlp"))
        case list():
            return draw.choice((value[1:], value * 2, value[::-1], []))
        case dict():
            return dict(list(value.items())[1:])
    return 0


def _tensors(content: bytes, draw: random.Random) -> bytes:
    """Change numbers of the tensors: NaN, infinite and huge ones."""
    header, tensors = split(content)
    size = draw.choice((4, 8))
    kinds: dict[int, Callable[[float], bytes]] = {
        4: lambda value: struct.pack("<f", value),
        8: lambda value: struct.pack("<d", value),
    }
    place = draw.randrange(len(tensors) // size) * size
    value = kinds[size](draw.choice((float("nan"), float("inf"), 3e38, -3e38, 1e-40, 0.0)))
    return joined(header, tensors[:place] + value * draw.choice((1, 1, 5)) + tensors[place + size :])
