"""Arithmetic on plain numbers as one instruction: for `min` and `//` Numba would compile more."""

from numba import types
from numba.extending import intrinsic


def _chosen(a, b, sign):
    """Signature and code of a if `a sign b`, else b; int64, or float64 if one of them is a float."""
    number = types.float64 if isinstance(a, types.Float) or isinstance(b, types.Float) else types.intp

    def codegen(context, builder, sig, args):
        compare = builder.fcmp_ordered if number == types.float64 else builder.icmp_signed
        return builder.select(compare(sign, *args), *args)

    return number(number, number), codegen


@intrinsic
def smaller(typingctx, a, b):
    """The smaller one; b if either is NaN."""
    return _chosen(a, b, "<")


@intrinsic
def quotient(typingctx, a, b):
    """a // b of whole numbers that are not negative, as one instruction."""

    def codegen(context, builder, sig, args):
        return builder.sdiv(*args)

    return types.intp(types.intp, types.intp), codegen


@intrinsic
def larger(typingctx, a, b):
    """The larger one; b if either is NaN."""
    return _chosen(a, b, ">")
