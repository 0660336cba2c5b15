"""Sizes and words that a kernel is compiled for.

`Specialisation(F=29, H=10, W=16, loss="bce")` is a Python object whose Numba *type* carries the values. Inside a kernel
`s.H` is a constant, so that one module-level kernel is compiled, and cached on disk, for each of them: no closures, no
generated source. Words choose between implementations while a kernel is typed (see rules/ and run/update.py).
"""

from functools import cached_property

from numba import types
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import (
    NativeValue,
    intrinsic,
    lower_getattr_generic,
    models,
    register_model,
    typeof_impl,
    unbox,
)


class Specialisation:
    """Named compile-time integers and words; see the module docstring."""

    def __init__(self, **items):
        self.items = tuple(sorted(items.items()))

    def __getattr__(self, name):
        for key, value in object.__getattribute__(self, "items"):
            if key == name:
                return value
        raise AttributeError(name)

    @cached_property
    def numba_type(self):
        """Its type, which holds the items too."""
        return SpecialisationType(self.items)


class SpecialisationType(types.Type):
    """Numba type of a `Specialisation`; `dims` maps names to values."""

    def __init__(self, items):
        self.dims = dict(items)
        super().__init__(name="Specialisation(" + ",".join(f"{k}={v}" for k, v in items) + ")")


@typeof_impl.register(Specialisation)
def _typeof(value, context):
    return value.numba_type


@register_model(SpecialisationType)
class _Model(models.OpaqueModel):
    pass


@unbox(SpecialisationType)
def _unbox(typ, obj, c):
    return NativeValue(c.context.get_dummy_value())


@infer_getattr
class _Attributes(AttributeTemplate):
    key = SpecialisationType

    def generic_resolve(self, typ, name):
        return types.intp if isinstance(typ.dims.get(name), int) else None


@lower_getattr_generic(SpecialisationType)
def _attribute(context, builder, typ, value, name):
    return context.get_constant(types.intp, typ.dims[name])


@intrinsic
def part_of(typingctx, spec, names):
    """The specialisation with a few of its items: functions that see no more are compiled once for many kernels.

    names: a literal, such as "W M"; those that the specialisation lacks are left out.
    """
    if not isinstance(names, types.Literal):
        return None
    subset = names.literal_value.split()
    result = SpecialisationType(tuple((name, value) for name, value in spec.dims.items() if name in subset))

    def codegen(context, builder, sig, args):
        return context.get_dummy_value()

    return result(spec, names), codegen


part_of.prefer_literal = True


@intrinsic
def with_lanes(typingctx, spec, name):
    """A specialisation of nothing but lanes: W is what an item of the other, a literal name, says."""
    if not isinstance(name, types.Literal):
        return None
    result = SpecialisationType((("W", spec.dims[name.literal_value]),))

    def codegen(context, builder, sig, args):
        return context.get_dummy_value()

    return result(spec, name), codegen


with_lanes.prefer_literal = True
