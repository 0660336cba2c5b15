"""How records travel from Python into kernels: as one block of 64-bit numbers.

Numba would check each of the fifty arrays of a training run by itself, take it apart into seven values and count its
references: code that takes half a second to compile. Kernels want addresses alone. Python therefore writes the leaves
of all records one after the other, and the kernel reads them back as the same records with spans in place of arrays.
"""

import struct
from functools import cache, cached_property

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import NativeValue, intrinsic, models, register_model, typeof_impl, unbox
from numba.np.numpy_support import from_dtype

from rnnfast.kernels.lanes.linking import BLOCK, BlockType, Link, LinkType
from rnnfast.kernels.lanes.span import Span

# By Python's type: the format of a number for `struct`, and its Numba type.
_NUMBERS = {bool: ("q", types.boolean), int: ("q", types.intp), float: ("d", types.float64)}


class Arguments:
    """Records (nested named tuples) of contiguous arrays, links, blocks and numbers, as a kernel takes them.

    The arrays stay where they are: what a kernel writes is in them.
    """

    def __init__(self, *records):
        self._leaves, self._formats = [], []
        description = _describe(records, self._leaves, self._formats)
        self._records, self.numba_type = records, _type_of(description)

    @cached_property
    def address(self):
        """Where the numbers lie; kernels that links lead to are compiled, or loaded, for it."""
        numbers = [leaf.address if isinstance(leaf, Link | Arguments) else leaf for leaf in self._leaves]
        self._block = np.frombuffer(struct.pack("=" + "".join(self._formats), *numbers), np.int64)
        return self._block.ctypes.data

    @property
    def links(self):
        """The links among the leaves, and in the blocks among them."""
        for leaf in self._leaves:
            if isinstance(leaf, Link):
                yield leaf
            elif isinstance(leaf, Arguments):
                yield from leaf.links


def _describe(value, numbers, formats):
    """Append the leaves of a record and their formats. Returns: what decides its Numba type, hashable."""
    kind = float if isinstance(value, float) else type(value)  # NumPy's float64 is a float
    if kind in _NUMBERS:
        numbers.append(value)
        formats.append(_NUMBERS[kind][0])
        return kind
    if isinstance(value, tuple):
        return (kind, *[_describe(item, numbers, formats) for item in value])
    formats.append("q")
    if isinstance(value, np.ndarray):
        if not value.flags.c_contiguous:
            raise ValueError("a kernel takes contiguous arrays")
        numbers.append(value.ctypes.data)
        return value.dtype
    if isinstance(value, Link | Arguments):
        numbers.append(value)
        return value.numba_type if isinstance(value, Link) else BLOCK
    raise TypeError(f"a kernel takes arrays, numbers and records of them, not {type(value).__name__}")


@cache
def _type_of(description):
    return ArgumentsType(_record_type(description))


def types_of(*values):
    """Numba types of records as kernels see them."""
    return tuple(_record_type(_describe(value, [], [])) for value in values)


def _record_type(description):
    if isinstance(description, tuple):
        return types.BaseTuple.from_types([_record_type(item) for item in description[1:]], description[0])
    if isinstance(description, np.dtype):
        return Span(from_dtype(description))
    if isinstance(description, types.Type):
        return description
    return _NUMBERS[description][1]


class ArgumentsType(BlockType):
    """Numba type of Arguments; `records`: that of the tuple of records, with spans in place of arrays."""

    def __init__(self, records):
        self.records = records
        super().__init__(f"Arguments({records})")


@typeof_impl.register(Arguments)
def _typeof(value, context):
    return value.numba_type


@register_model(LinkType)
class _LinkModel(models.PrimitiveModel):
    def __init__(self, manager, link):
        super().__init__(manager, link, ir.IntType(64))


@register_model(BlockType)
@register_model(ArgumentsType)
class _Model(models.PrimitiveModel):
    def __init__(self, manager, arguments):
        super().__init__(manager, arguments, ir.IntType(64).as_pointer())


@unbox(ArgumentsType)
def _unbox(typ, value, c):
    address = c.pyapi.object_getattr_string(value, "address")
    number = c.pyapi.long_as_longlong(address)
    c.pyapi.decref(address)
    return NativeValue(c.builder.inttoptr(number, ir.IntType(64).as_pointer()))


def _read(context, builder, typ, leaves):
    """The value of a record type from pointers to the numbers that are left."""
    if isinstance(typ, types.BaseTuple):
        return context.make_tuple(builder, typ, [_read(context, builder, item, leaves) for item in typ])
    number = builder.load(next(leaves))
    if isinstance(typ, Span | BlockType):
        return builder.inttoptr(number, context.get_value_type(typ))
    if typ == types.float64:
        return builder.bitcast(number, ir.DoubleType())
    return builder.trunc(number, ir.IntType(1)) if typ == types.boolean else number


def row_reader(record):
    """An intrinsic f(table, i): the record of integers in row i of a table (rows, fields) int64.

    Read from memory, so that one compiled kernel serves any number of rows.
    """
    count = len(record._fields)

    def read(typingctx, table, i):
        result = types.NamedUniTuple(types.intp, count, record)

        def codegen(context, builder, sig, args):
            start = builder.mul(args[1], context.get_constant(types.intp, count))
            row = builder.gep(args[0], [start])
            items = [builder.load(builder.gep(row, [context.get_constant(types.intp, k)])) for k in range(count)]
            return context.make_tuple(builder, result, items)

        return result(table, types.intp), codegen

    read.__doc__ = f"The {record.__name__} in row i of a table."
    return intrinsic(read)


@intrinsic
def records(typingctx, arguments):
    """The records as a tuple, with spans in place of arrays."""

    def codegen(context, builder, sig, args):
        def leaves():
            index = 0
            while True:
                yield cgutils.gep_inbounds(builder, args[0], index)
                index += 1

        return _read(context, builder, arguments.records, leaves())

    return arguments.records(arguments), codegen
