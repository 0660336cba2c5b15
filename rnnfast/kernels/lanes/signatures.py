"""Types of a kernel's arguments as plain values, which another process makes types of again."""

from importlib import import_module

from numba import types

from rnnfast.kernels.lanes.arguments import ArgumentsType
from rnnfast.kernels.lanes.linking import BLOCK, BlockType, LinkType, link_type
from rnnfast.kernels.lanes.span import Span
from rnnfast.kernels.lanes.specialisation import SpecialisationType

_PLAIN = {str(typ): typ for typ in (types.none, types.boolean, types.int64, types.float32, types.float64)}


def to_values(typ):
    """A type as a word, or as a list that begins with one."""
    if isinstance(typ, SpecialisationType):
        return ["specialisation", list(typ.dims.items())]
    if isinstance(typ, types.BaseNamedTuple):
        record = typ.instance_class
        return ["record", record.__module__, record.__qualname__, *map(to_values, typ.types)]
    if isinstance(typ, types.BaseTuple):
        return ["tuple", *map(to_values, typ.types)]
    if isinstance(typ, Span):
        return ["span", to_values(typ.dtype)]
    if isinstance(typ, ArgumentsType):
        return ["arguments", to_values(typ.records)]
    if isinstance(typ, LinkType):
        return ["link", to_values(typ.result), *map(to_values, typ.arguments)]
    if isinstance(typ, BlockType):
        return "block"
    _PLAIN[str(typ)]  # whatever is unknown ends here
    return str(typ)


def from_values(values):
    """The type that `to_values` wrote."""
    if isinstance(values, str):
        return BLOCK if values == "block" else _PLAIN[values]
    word, *rest = values
    if word == "specialisation":
        return SpecialisationType(tuple((name, value) for name, value in rest[0]))
    if word == "record":
        record = getattr(import_module(rest[0]), rest[1])
        return types.BaseTuple.from_types([from_values(item) for item in rest[2:]], record)
    items = [from_values(item) for item in rest]
    if word == "tuple":
        return types.BaseTuple.from_types(items)
    if word == "link":
        return link_type(items[0], tuple(items[1:]))
    return {"span": Span, "arguments": ArgumentsType}[word](items[0])
