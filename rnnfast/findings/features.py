"""Rules about columns: leaks of the target, and inputs that differ from those that trained.

A column alone answers with the mean label of its value, or of its value's quantile, in the training part. What answers
explain is 1 - sum of squared errors / sum of squared distances from the mean, classes being 1 or 0 each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnnfast.findings.evidence import Evidence, mean_error
from rnnfast.findings.finding import Finding, finding
from rnnfast.findings.text import name, names, number, percent
from rnnfast.findings.view import PartView

COPY = 1 - 1e-6  # squared correlation from which a column is a copy: rounding to six digits leaves that much
LEAST_ROWS = 20  # that must say so
BINS = 64
CANDIDATES = 8  # columns that are tried alone: those that go with the labels best
ENOUGH = 0.98  # of what the model explains, that one column explains alone
WORTHY = 0.9  # explained share below which a single column is no leak but a weak model
DRIFT = 0.5  # standard deviations between means
CERTAIN = 4.0  # standard errors of that distance
ROUNDING = 1e-6  # of the mean: columns that are all but constant
UNSEEN = 0.05  # share of the cells

Floats = NDArray[np.float64]


def copies(evidence: Evidence) -> Finding | None:
    """RF05: a column is the target, scaled or not; with two directions also one that is it a step later."""
    view = evidence.views.get("train", evidence.judged)
    for j in _candidates(view.x, view):
        if _is_copy(view.x[:, j], view):
            return _copy(view, j, "")
    if view.after is not None:
        for j in _candidates(view.after, view):
            if _is_copy(view.after[:, j], view):
                return _copy(view, j, " of the step before, and the network sees later steps")
    return None


def _copy(view: PartView, j: int, where: str) -> Finding:
    column = view.schema.columns[j]
    target = names(view.schema.targets)
    advice = f"--ignore {column}" if " " not in column else f"--ignore '{column}'"
    message = f"{name(column)} is {target}{where}, up to a factor and a shift"
    return finding("RF05", message, {"column": column}, advice)


def _is_copy(column: Floats, view: PartView) -> bool:
    """Whether a column follows from the labels and they from it: by a line, or value by value of classes."""
    rows = ~np.isnan(column)
    values, labels = column[rows], view.labels[rows]
    if len(values) < LEAST_ROWS or not values.std():
        return False
    if labels.shape[1] > 1 and view.schema.classes:
        classes = view.y[rows, 0]
        pairs = np.unique(np.stack([values, classes]), axis=1).shape[1]
        return bool(len(np.unique(values)) == len(np.unique(classes)) == pairs > 1)
    return bool((_squared_correlation(values[:, None], labels) > COPY).any())


def alone(evidence: Evidence) -> Finding | None:
    """RF04: one column explains as much as the model, and nearly everything."""
    train, judged = evidence.views.get("train"), evidence.judged
    if train is None or train is judged or len(judged.y) < LEAST_ROWS or len(train.y) < LEAST_ROWS:
        return None
    by_model = explained(judged.labels, judged.answers)
    if by_model < WORTHY:
        return None
    best, column = max(((_alone(train, judged, j), j) for j in _candidates(train.x, train)), default=(0.0, 0))
    if best < max(ENOUGH * by_model, WORTHY):
        return None
    title = judged.schema.columns[column]
    message = (
        f"{name(title)} alone explains {percent(best)} of the labels of {judged.name}, the model {percent(by_model)}"
    )
    return finding("RF04", message, {"column": title, "alone": best, "model": by_model})


def _alone(train: PartView, judged: PartView, j: int) -> float:
    """Return what the mean labels of the values of a column explain of another part."""
    column = train.x[:, j]
    filled = column[~np.isnan(column)]
    inner = np.unique(np.quantile(filled, np.linspace(0, 1, BINS + 1)[1:-1])) if len(filled) else filled
    place, other = (np.searchsorted(inner, values, side="right") for values in (column, judged.x[:, j]))
    size = np.bincount(place, minlength=len(inner) + 2).astype(np.float64)
    labels = train.labels
    sums = np.stack([np.bincount(place, labels[:, k], len(size)) for k in range(labels.shape[1])], axis=1)
    means = np.where(size[:, None] > 0, sums / np.maximum(size, 1)[:, None], labels.mean(axis=0))
    return explained(judged.labels, means[other])


def explained(labels: Floats, answers: Floats) -> float:
    """Return the share of the variance of labels (n, L) that answers explain; 0 of labels that are all the same."""
    distance = labels - labels.mean(axis=0)
    scale = np.square(distance).sum(axis=0)
    varies = scale > 0
    if not varies.any():
        return 0.0
    errors = np.square(labels - answers).sum(axis=0)[varies]
    if len(scale) == 1 or not np.isin(labels, (0, 1)).all():
        return float(np.mean(1 - errors / scale[varies]))
    return float(1 - errors.sum() / scale.sum())


def _candidates(x: Floats, view: PartView) -> list[int]:
    """Return the columns with numbers, or categories, that go with the labels best; never a known target itself.

    With a horizon the target of the step is an input as good as any; its lags are no columns of the table.
    """
    schema = view.schema
    targets = set(schema.targets)
    columns = [j for j, column in enumerate(schema.features) if column not in targets]
    if len(columns) <= CANDIDATES or not len(x):
        return columns
    filled = x[:, columns]
    if (empty := np.isnan(filled)).any():
        filled = np.nan_to_num(np.where(empty, np.nanmean(filled, axis=0, keepdims=True), filled))
    strength = _squared_correlation(filled, view.labels).max(axis=1)
    return [columns[k] for k in np.argsort(-strength, kind="stable")[:CANDIDATES]]


def _squared_correlation(x: Floats, labels: Floats) -> Floats:
    """(F, L) squared correlations of columns (m, F) with labels (m, L); 0 of constant ones."""
    a, b = x - x.mean(axis=0), labels - labels.mean(axis=0)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        scale = np.square(a).sum(axis=0)[:, None] * np.square(b).sum(axis=0)
        return np.nan_to_num(np.where(scale > 0, np.square(a.T @ b) / scale, 0.0))


def drift(evidence: Evidence) -> Finding | None:
    """RF14: means of a column differ by half a deviation and beyond chance, or many of its categories are new."""
    views = [view for part, view in evidence.views.items() if part != "train"]
    strange = [(share, column) for view in views for column, share in view.unseen.items() if share > UNSEEN]
    if strange:
        share, column = max(strange)
        message = f"{percent(share)} of the cells of {name(column)} are categories that no training row has"
        return finding("RF14", message, {"column": column, "unseen": share})
    moved = sorted((one for view in views for one in _moved(view, evidence)), reverse=True)
    if not moved:
        return None
    distance, column, part = moved[0]
    others = len({column for _, column, _ in moved}) - 1
    more = f", as {'does' if others == 1 else 'do'} {others:,} more column{'s' if others > 1 else ''}" if others else ""
    where = "this table" if part == "all" else part
    message = f"the mean of {name(column)} in {where} lies {number(distance, 2)} standard deviations off training{more}"
    return finding("RF14", message, {"column": column, "distance": distance, "columns": others + 1})


def _moved(view: PartView, evidence: Evidence) -> list[tuple[float, str, str]]:
    """Return distance, column and part of each column whose mean is far from that of training, and not by chance."""
    moved = []
    for j in view.numbers:
        column = view.schema.columns[j]
        usual, values = evidence.moments.get(column), view.x[:, j]
        error = mean_error(values, view.owner)
        if usual is None or usual.error is None or error is None:
            continue
        distance = abs(float(np.nanmean(values)) - usual.mean)
        by_chance = max(CERTAIN * float(np.hypot(error, usual.error)), ROUNDING * abs(usual.mean))
        if distance > max(DRIFT * usual.deviation, by_chance):
            scale = usual.deviation if usual.deviation else max(float(np.nanstd(values)), distance)
            moved.append((distance / scale, column, view.name))
    return moved
