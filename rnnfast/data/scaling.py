"""Scaling of columns: scaled = (value - shift) * scale, fitted on training rows and stored by column name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from rnnfast.data.blockwise import affine
from rnnfast.errors import DataError, ModelError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scaler:
    """A scaling per column.

    kind: "minmax" (training values fill 0..1) or "none"; names: the columns, in the order of the values' last axis.
    shift (F,) in the unit of the column; scale (F,) in its inverse.
    """

    kind: str
    names: tuple[str, ...]
    shift: Floats
    scale: Floats

    @classmethod
    def fit(cls, kind: str, names: Sequence[str], values: ArrayLike) -> Scaler:
        """Fit to values (rows, F); NaN is ignored.

        A constant column maps to 0 (scale 1), one without any value stays as it is.
        Raises DataError for infinite values and for a range beyond float64.
        """
        values = np.asarray(values, dtype=np.float64)
        shift, scale = np.zeros(len(names)), np.ones(len(names))
        if kind == "minmax" and len(values):
            # fmin and fmax skip NaN; a column of NaN alone stays NaN.
            low, high = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                span = high - low
                inverse = 1.0 / span
            if np.isinf(span).any():
                column = int(np.isinf(span).argmax())
                raise DataError(
                    f"column {names[column]!r}: its range from {low[column]:g} to {high[column]:g} exceeds a float64; "
                    "rescale the column"
                )
            shift = np.where(np.isnan(low), 0.0, low)
            # The range of a subnormal span has no inverse: such a column is as good as constant.
            scale = np.where(np.isfinite(inverse), inverse, 1.0)
        elif kind not in ("minmax", "none"):
            raise ValueError(f"kind {kind!r} is not minmax or none")
        return cls(kind, tuple(names), shift, scale)

    def transform(self, values: ArrayLike, dtype: DTypeLike = np.float64) -> NDArray[Any]:
        """Scale values (rows, F) into a new array; computed in float64 whatever its type."""
        return affine(values, self.shift, self.scale, dtype)

    def inverse(self, values: ArrayLike) -> Floats:
        """Undo `transform`: values (rows, F) in original units, exact to 1e-12 of a column's largest magnitude."""
        original: Floats = np.divide(values, self.scale, dtype=np.float64)
        original += self.shift
        return original

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values; floats survive exactly."""
        return {
            "kind": self.kind,
            "names": list(self.names),
            "shift": self.shift.tolist(),
            "scale": self.scale.tolist(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Scaler:
        """Rebuild a scaler from `to_json`; raises ModelError for missing, unequal or non-finite values."""
        try:
            kind, names = values["kind"], tuple(values["names"])
            shift = np.array(values["shift"], dtype=np.float64)
            scale = np.array(values["scale"], dtype=np.float64)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the scaler stored in the model is damaged ({error!r}); train it again") from None
        usable = np.isfinite(shift).all() and np.isfinite(scale).all() and (scale != 0).all()
        if kind not in ("minmax", "none") or shift.shape != (len(names),) or scale.shape != shift.shape or not usable:
            raise ModelError("the scaler stored in the model is damaged (its values do not fit); train it again")
        return cls(kind, names, shift, scale)
