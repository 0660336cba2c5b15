"""Where the coefficients of rnnfast/kernels/elementary.py come from: needs mpmath.

Minimax fits of the relative error: linearised least squares in 60 digits, reweighted until the error is level
(Lawson 1961; Sanathanan, Koerner 1963).
"""

import mpmath as mp

mp.mp.dps = 60
POINTS, ROUNDS = 200, 30


def fit(function, points, top, bottom):
    """Coefficients of P (degree top) and Q (degree bottom, Q(0) = 1) with P / Q close to the function at the points."""
    values, weights, q = [function(s) for s in points], [mp.mpf(1)] * len(points), [mp.mpf(1)] * len(points)
    best = None
    for _ in range(ROUNDS):
        a, b = mp.matrix(len(points), top + 1 + bottom), mp.matrix(len(points), 1)
        for i, (s, value) in enumerate(zip(points, values, strict=True)):
            weight = mp.sqrt(weights[i]) / (q[i] * value)
            for j in range(top + 1):
                a[i, j] = weight * s**j
            for j in range(bottom):
                a[i, top + 1 + j] = -weight * value * s ** (j + 1)
            b[i] = weight * value
        found = list(mp.lu_solve(a.T * a, a.T * b))
        p, q_coefficients = found[: top + 1], [mp.mpf(1), *found[top + 1 :]]
        q = [mp.polyval(q_coefficients[::-1], s) for s in points]
        errors = [abs(mp.polyval(p[::-1], s) / d / v - 1) for s, d, v in zip(points, q, values, strict=True)]
        worst = max(errors)
        if best is None or worst < best[0]:
            best = worst, p, q_coefficients
        weights = [max(w * e / worst, mp.mpf(10) ** -6) for w, e in zip(weights, errors, strict=True)]
    return best


def nodes(low, high):
    """Chebyshev's points of an interval."""
    return [low + (high - low) * (1 - mp.cos(mp.pi * (2 * i + 1) / (2 * POINTS))) / 2 for i in range(POINTS)]


def over_x(function):
    """f(sqrt s) / sqrt s, for odd functions."""
    return lambda s: function(mp.sqrt(s)) / mp.sqrt(s)


def main():
    """Print all fits with their errors before rounding."""
    half = mp.log(2) / 2 * mp.mpf("1.001")
    third = [s**2 for s in nodes(mp.mpf(0), mp.mpf(1) / 3)]
    fits = {
        "tanh float32": (over_x(mp.tanh), [x**2 for x in nodes(mp.mpf(0), mp.mpf("9.02"))], 4, 4),
        "tanh float64": (over_x(mp.tanh), [x**2 for x in nodes(mp.mpf(0), mp.mpf("19.1"))], 9, 9),
        "erf float32": (over_x(mp.erf), [x**2 for x in nodes(mp.mpf(0), mp.mpf(4))], 5, 5),
        "erf float64": (over_x(mp.erf), [x**2 for x in nodes(mp.mpf(0), mp.mpf(6))], 12, 12),
        "exp float32": (lambda r: (mp.exp(r) - 1 - r) / r**2, nodes(-half, half), 4, 0),
        "exp float64": (lambda r: (mp.exp(r) - 1 - r) / r**2, nodes(-half, half), 10, 0),
        "log1p float32": (over_x(mp.atanh), third, 5, 0),
        "log1p float64": (over_x(mp.atanh), third, 10, 0),
    }
    for name, (function, points, top, bottom) in fits.items():
        error, p, q = fit(function, points, top, bottom)
        print(f"{name}: relative error {mp.nstr(error, 3)}")
        print("  P", ", ".join(mp.nstr(c, 20) for c in p))
        if bottom:
            print("  Q", ", ".join(mp.nstr(c, 20) for c in q))


if __name__ == "__main__":
    main()
