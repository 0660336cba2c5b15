"""Spans: bare pointers to the elements of arrays that the caller keeps alive.

Numba counts references to arrays whenever one is handed on, and one such call in a loop spills every register. A span
has no count, no bounds and no wrap-around; entry points turn their arrays into spans once.
"""

import operator
from typing import Any, NamedTuple

from numba import types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model


class Span(types.Type):
    """Numba type of a pointer to elements of a dtype."""

    def __init__(self, dtype):
        self.dtype = dtype
        super().__init__(name=f"Span({dtype})")


class Matrix(NamedTuple):
    """A matrix in memory: its first element, and the distance from a row to the next."""

    at: Any  # span
    ld: int


@register_model(Span)
class _SpanModel(models.PrimitiveModel):
    def __init__(self, manager, span):
        super().__init__(manager, span, manager.lookup(span.dtype).get_data_type().as_pointer())


def _span_type(typ):
    """Spans in place of arrays, in a (named) tuple of arrays too."""
    if isinstance(typ, types.Array):
        return Span(typ.dtype)
    if isinstance(typ, types.BaseNamedTuple):
        return types.BaseTuple.from_types([_span_type(item) for item in typ.types], typ.instance_class)
    return typ


def _span_value(context, builder, typ, value):
    if isinstance(typ, types.Array):
        return context.make_array(typ)(context, builder, value).data
    if isinstance(typ, types.BaseNamedTuple):
        items = [
            _span_value(context, builder, item, builder.extract_value(value, i)) for i, item in enumerate(typ.types)
        ]
        return context.make_tuple(builder, _span_type(typ), items)
    return value


@intrinsic
def spans(typingctx, arrays):
    """The span of a contiguous array, or a named tuple of them (nested too) with spans in place of its arrays."""

    def codegen(context, builder, sig, args):
        return _span_value(context, builder, sig.args[0], args[0])

    return _span_type(arrays)(arrays), codegen


@intrinsic
def at(typingctx, span, offset):
    """The span from an element on."""

    def codegen(context, builder, sig, args):
        return builder.gep(args[0], [args[1]])

    return span(span, types.intp), codegen


@infer_global(operator.getitem)
class _SpanGet(AbstractTemplate):
    def generic(self, args, kws):
        span, index = args
        if isinstance(span, Span) and isinstance(index, types.Integer):
            return signature(span.dtype, span, types.intp)
        return None


@infer_global(operator.setitem)
class _SpanSet(AbstractTemplate):
    def generic(self, args, kws):
        span, index, _ = args
        if isinstance(span, Span) and isinstance(index, types.Integer):
            return signature(types.none, span, types.intp, span.dtype)
        return None


@lower_builtin(operator.getitem, Span, types.intp)
def _get(context, builder, sig, args):
    return builder.load(builder.gep(args[0], [args[1]]))


@lower_builtin(operator.setitem, Span, types.intp, types.Any)
def _set(context, builder, sig, args):
    builder.store(args[2], builder.gep(args[0], [args[1]]))
    return context.get_dummy_value()


@intrinsic
def number(typingctx, span, value):
    """A number converted to the element type of a span."""

    def codegen(context, builder, sig, args):
        return context.cast(builder, args[1], sig.args[1], sig.return_type)

    return span.dtype(span, value), codegen
