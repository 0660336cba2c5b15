"""The primitive functions of formulas as arithmetic: vectorised polynomials.

    tanh(x)     = x P(x^2) / Q(x^2), |x| clamped where the result rounds to 1
    sigmoid(x)  = 1 / (1 + exp(-x))
    exp(x)      = 2^k (1 + r + r^2 P(r)), k = round(x / ln 2), r = x - k ln 2 (Cody and Waite 1980, in two parts)
    sin(x)      = +-sin(r) or +-cos(r), k = round(x / (pi / 2)), r = x - k pi / 2 (in three parts); cos(x) likewise
    softplus(x) = max(x, 0) + log1p(exp(-|x|)), log1p(u) = 2 z P(z^2), z = u / (2 + u)

The coefficients are minimax fits in the relative error, made by `bench/fit_activations.py`. Largest errors, in units in
the last place of the result, over all arguments, with and without fused multiply-adds (tests/test_activations.py):

    float32   tanh 6, sigmoid 3, softplus 5, exp 2
    float64   tanh 8, sigmoid 3, softplus 6, exp 2

Those of sin and cos, whose polynomials are those of Cephes (Moshier 1989), are at most 2^-23 or 2^-52 in absolute terms
for |x| up to 10,000; beyond they are any number from -1 to 1.

tanh keeps its relative accuracy near 0 and is never beyond 1. exp, and with it sigmoid and softplus of negative
arguments, stays at its last value beyond |x| = 87 (float32) or 708 (float64), where the result would cease to be a
normal number. NaN gives NaN, infinities give the limits within these errors.

Two operations stand for instructions of their own (formula.py): "round" to a whole number and "power of 2" of one.
"""

from rnnfast.equations.functions import clamp
from rnnfast.equations.graph import Node, where

# Per width of the float: P and Q of tanh (lowest power first) and the argument from which tanh is constant. Its value
# there is 1 less two units in the last place; a little further on rounding would carry it beyond 1, and its
# derivative below 0.
_TANH = {
    32: (
        (0.99999997951790709358, 0.13379652198551294839, 0.0034939524735753206161, 2.0581999215573060758e-5,
         1.3316823169430899652e-8),
        (1.0, 0.46712967660217720298, 0.025870770923563743442, 0.00032829525697314249872, 7.7611377729764599904e-7),
        7.9,
    ),
    64: (
        (0.99999999999999997955, 0.15180922391840587847, 0.0059752894267090724873, 9.3624503955865867172e-5,
         6.8334484564614696182e-7, 2.4422377839635446652e-9, 4.1753114068686693003e-12, 3.0680194868537225791e-15,
         7.4273522441257870171e-19, 2.5070731612754850326e-23),
        (1.0, 0.4851425572517387044, 0.034356141843956550004, 0.00082825145329565165342, 8.7564544988582222751e-6,
         4.4657385935510200935e-8, 1.1121109271431623234e-10, 1.2719655672751142632e-13, 5.6407785223044543764e-17,
         6.2360336696267059973e-21),
        17.9,
    ),
}  # fmt: skip

# Per width: P of exp, the argument that is still a normal number, ln 2 in two parts.
_EXP = {
    32: (
        (0.49999999549758422083, 0.16666576962541242959, 0.041666854370287275313, 0.0083632000213154928677,
         0.0013901286841410686754),
        87.0, (0.693359375, -2.12194440e-4),
    ),
    64: (
        (0.50000000000000000013, 0.16666666666666671004, 0.041666666666666615816, 0.008333333333326111656,
         0.0013888888888919639296, 0.00019841269874917113954, 2.480158724199618882e-5, 2.7557255264181087267e-6,
         2.7557353010297602021e-7, 2.5105278001613563313e-8, 2.0888304473211965993e-9),
        708.0, (6.93147180369123816490e-01, 1.90821492927058770002e-10),
    ),
}  # fmt: skip

# Per width: P of log1p.
_LOG1P = {
    32: (0.99999999990144501695, 0.33333339651969863924, 0.19999345577278029201, 0.14310357886185701664,
         0.10696657887976345298, 0.12206416865162500774),
    64: (1.0000000000000000012, 0.33333333333333067129, 0.2000000000009515942, 0.14285714272464296,
         0.11111112055862066814, 0.090908698947275550537, 0.076933177086021119553, 0.066500514995545331393,
         0.060561225589634522016, 0.041578505744978548499, 0.085300156671242248776),
}  # fmt: skip

# Per width: P and Q of erf(x) = x P(x^2) / Q(x^2) and the argument from which erf rounds to 1.
_ERF = {
    32: (
        (1.1283791404384869031, 0.19347682829516914098, 0.053091500783368785528, 0.003880075450403407948,
         0.0002844365418165357848, 1.986588887597885988e-6),
        (1.0, 0.50479695054620991723, 0.1153206893425385981, 0.015200758880606842313, 0.0011846734897431456025,
         3.7411362908630076106e-5),
        3.9,
    ),
    64: (
        (1.1283791670955125634, 0.22078091188541912218, 0.06622256820605369987, 0.0069213910072456140523,
         0.00085826659785097845106, 0.000057276494021159361258, 3.9156734311846615435e-6,
         1.7046621829302560576e-7, 6.7773328639008834927e-9, 1.7236528900936873684e-10,
         3.3092572681011265731e-12, 2.1813342617390102326e-14, 1.5240988228363028431e-17),
        (1.0, 0.52899532207220311564, 0.13501999704092778888, 0.022050580354683587941, 0.0025743098024839663225,
         0.00022709037737019941267, 0.000015573652429639830593, 8.3911664501647272442e-7,
         3.5307331194635181891e-8, 1.127438493514065153e-9, 2.5452052366478582305e-11, 3.27034089191573498e-13,
         8.6254970442080299325e-16),
        5.9,
    ),
}  # fmt: skip

# Per width: P of sin(r) = r + r^3 P(r^2) and of cos(r) = 1 - r^2 / 2 + r^4 P(r^2), pi / 2 in three parts.
_CIRCLE = {
    32: (
        (-1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4),
        (4.166664568298827e-2, -1.388731625493765e-3, 2.443315711809948e-5),
        (1.5703125, 4.837512969970703125e-4, 7.54978995489188216e-8),
    ),
    64: (
        (-1.66666666666666307295e-1, 8.33333333332211858878e-3, -1.98412698295895385996e-4,
         2.75573136213857245213e-6, -2.50507477628578072866e-8, 1.58962301576546568060e-10),
        (4.16666666666665929218e-2, -1.38888888888730564116e-3, 2.48015872888517045348e-5,
         -2.75573141792967388112e-7, 2.08757008419747316778e-9, -1.13585365213876817300e-11),
        (1.57079625129699707031, 7.54978941586159635335e-8, 5.39030285815811905290e-15),
    ),
}  # fmt: skip

_LOG2_E = 1.4426950408889634
_TWO_OVER_PI = 0.6366197723675814


def polynomial(x, coefficients):
    """Value of a polynomial, lowest power first, by pairs (Estrin 1960): logarithmic depth keeps the latency low."""
    level, power = list(coefficients), x
    while len(level) > 1:
        if len(level) == 3:
            return level[0] + power * (level[1] + power * level[2])
        level = [power * level[i + 1] + level[i] if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)]
        power = power * power
    return level[0]


def halves(x, coefficients):
    """A polynomial in two halves of about equal depth and the power between them: low + power * high."""
    split = 2 ** ((len(coefficients) - 1).bit_length() - 1)
    if len(coefficients) == split + 1:
        split //= 2  # a lone highest coefficient joins the upper half: one level less
    power = x
    for _ in range(split.bit_length() - 1):
        power = power * power
    return polynomial(x, coefficients[:split]), polynomial(x, coefficients[split:]), power


def exp(x, bits):
    """e^x for |x| up to the largest argument whose result is a normal number, clamped beyond."""
    coefficients, limit, (ln2_high, ln2_low) = _EXP[bits]
    x = clamp(x, -limit, limit)
    k = Node("round", x * _LOG2_E)
    r = x - k * ln2_high - k * ln2_low
    return (r * r * polynomial(r, coefficients) + r + 1.0) * Node("power of 2", k)


def tanh(x, bits):
    """Hyperbolic tangent."""
    numerator, denominator, limit = _TANH[bits]
    # The square is clamped by itself: that is one operation less on the way from x to the division.
    square = x * x
    square = where(square > limit * limit, limit * limit, square)
    x = clamp(x, -limit, limit)
    low, high, power = halves(square, numerator)
    below, above, _ = halves(square, denominator)
    return (x * low + (x * power) * high) / (below + power * above)


def sigmoid(x, bits):
    """Logistic function."""
    return 1.0 / (exp(-x, bits) + 1.0)


def _quadrant(x, bits, turn):
    """sin(x + turn pi / 2), turn a whole number."""
    of_sin, of_cos, (high, middle, low) = _CIRCLE[bits]
    k = Node("round", x * _TWO_OVER_PI)
    r = clamp(x - k * high - k * middle - k * low, -1.0, 1.0)  # which it is within the range: the result is bounded
    square = r * r
    sine = r + r * square * polynomial(square, of_sin)
    cosine = 1.0 - 0.5 * square + square * square * polynomial(square, of_cos)
    turns = k + turn
    quadrant = turns - 4.0 * Node("round", 0.25 * turns)  # -2, -1, 0, 1 or 2
    odd = where(abs(abs(quadrant) - 1.0) < 0.5, cosine, sine)
    # Half a turn and three quarters are negative.
    return where(abs(quadrant - 0.5) < 1.0, odd, -odd)


def sin(x, bits):
    """Sine of radians."""
    return _quadrant(x, bits, 0.0)


def cos(x, bits):
    """Cosine of radians."""
    return _quadrant(x, bits, 1.0)


def softplus(x, bits):
    """log(1 + e^x) for any x."""
    u = exp(-abs(x), bits)
    z = u / (u + 2.0)
    return where(x < 0.0, 0.0, x) + 2.0 * z * polynomial(z * z, _LOG1P[bits])


def expm1(x, bits):
    """e^x - 1 for x <= 0, accurate near 0."""
    t = tanh(0.5 * x, bits)
    return 2.0 * t / (1.0 - t)


def normal_distribution(x, bits):
    """(1 + erf(x / sqrt 2)) / 2."""
    numerator, denominator, limit = _ERF[bits]
    z = clamp(x * 0.7071067811865476, -limit, limit)
    square = z * z
    return 0.5 + 0.5 * (z * polynomial(square, numerator) / polynomial(square, denominator))


# name of a primitive function: its formula for floats of so many bits
ELEMENTARY = {
    "cos": cos,
    "exp": exp,
    "expm1": expm1,
    "normal_distribution": normal_distribution,
    "sigmoid": sigmoid,
    "sin": sin,
    "softplus": softplus,
    "sqrt": lambda x, bits: Node("square root", x),
    "tanh": tanh,
}
