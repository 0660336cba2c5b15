"""Compile-time shapes: sizes and words that a kernel is specialised for.

`Shape(F=29, H=10, W=16, activation="tanh")` is a Python object whose Numba *type* carries the values. Inside a kernel
`s.H` is a constant, so one module-level kernel is specialised, and cached on disk, per shape: no closures, no generated
source. Words choose between implementations when a kernel is typed (see activations, losses, optimizers, epoch).
"""

from numba import types
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import NativeValue, lower_getattr_generic, models, register_model, typeof_impl, unbox


class Shape:
    """Named compile-time integers and words; see the module docstring."""

    def __init__(self, **items):
        self.items = tuple(sorted(items.items()))

    def __getattr__(self, name):
        for key, value in object.__getattribute__(self, "items"):
            if key == name:
                return value
        raise AttributeError(name)


class ShapeType(types.Type):
    """Numba type of a `Shape`; `dims` maps names to values."""

    def __init__(self, items):
        self.dims = dict(items)
        super().__init__(name="Shape(" + ",".join(f"{k}={v}" for k, v in items) + ")")


@typeof_impl.register(Shape)
def _typeof_shape(value, context):
    return ShapeType(value.items)


@register_model(ShapeType)
class _ShapeModel(models.OpaqueModel):
    pass


@unbox(ShapeType)
def _unbox_shape(typ, obj, c):
    return NativeValue(c.context.get_dummy_value())


@infer_getattr
class _ShapeAttributes(AttributeTemplate):
    key = ShapeType

    def generic_resolve(self, typ, name):
        return types.intp if isinstance(typ.dims.get(name), int) else None


@lower_getattr_generic(ShapeType)
def _shape_attribute(context, builder, typ, value, name):
    return context.get_constant(types.intp, typ.dims[name])
