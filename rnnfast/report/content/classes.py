"""Answers of classes: which are taken for which, each class by itself, and whether probabilities are what they say."""

from __future__ import annotations

import numpy as np

from rnnfast.catalogue import TASKS
from rnnfast.display import amount
from rnnfast.metrics.evaluation import Evaluation
from rnnfast.report.content.panel import Panel, Table, numbers, shown, word, words

MOST_CLASSES = 22  # rows and columns of a matrix of at most 500 cells
MARGIN = 1.05  # beyond the highest probability of rare classes


def confusion(evaluation: Evaluation, names: tuple[str, ...]) -> Panel | None:
    """Return how often each class is predicted as each; None for quantities. names: of the classes."""
    if evaluation.confusion is None:
        return None
    counts = np.asarray(evaluation.confusion)
    frequent = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[:MOST_CLASSES])
    of_truth = counts.sum(axis=1, keepdims=True)
    of_truth[of_truth == 0] = 1
    labels = words(names)
    cells = [(i, j) for i in frequent.tolist() for j in frequent.tolist()]
    right, total = amount(float(np.trace(counts))), amount(float(counts.sum()))
    caption = f"{right} of {total} labelled rows are on the diagonal: predicted as what they are."
    if len(counts) > MOST_CLASSES:
        caption += f" The {MOST_CLASSES} most frequent of {len(counts)} classes are shown."
    return Panel(
        kind="confusion",
        name="confusion",
        title="What is taken for what",
        caption=caption,
        columns={
            "truth": tuple(labels[i] for i, _ in cells),
            "prediction": tuple(labels[j] for _, j in cells),
            "rows": tuple(evaluation.confusion[i][j] for i, j in cells),
            "share": numbers([counts[i, j] / of_truth[i, 0] for i, j in cells], 4),
        },
        headings={"truth": "Truth", "prediction": "Prediction", "rows": "Rows", "share": "Share of the truth"},
        facts={"classes": len(frequent)},
    )


def each_class(evaluation: Evaluation, names: tuple[str, ...]) -> Table | None:
    """Return precision, recall and F1 of each class; None for quantities."""
    if evaluation.confusion is None:
        return None
    counts = np.asarray(evaluation.confusion, np.float64)
    rows = []
    for j, name in enumerate(names):
        hits, truth, answers = counts[j, j], counts[j].sum(), counts[:, j].sum()
        precision = hits / answers if answers else None
        recall = hits / truth if truth else None
        f1 = 2 * hits / (truth + answers) if truth + answers else None
        rows.append((word(name), amount(truth), *(shown(value, 3) for value in (precision, recall, f1))))
    return Table("Each class", ("Class", "Rows", "Precision", "Recall", "F1"), tuple(rows))


def reliability(evaluation: Evaluation, names: tuple[str, ...]) -> Panel | None:
    """Return probabilities beside what came true; None for quantities. names: of the classes, () where not at hand."""
    bins = evaluation.calibration
    if bins is None:
        return None
    positive = word(names[1]) if TASKS[evaluation.task].threshold and names else "the predicted class"
    return Panel(
        kind="reliability",
        name="reliability",
        title="Are probabilities what they say?",
        caption=f"On the diagonal they are. They are {shown(bins.ece, 3)} off on average (ECE): "
        f"{shown(bins.probability, 3)} is the mean probability, {shown(bins.share, 3)} the share that came true.",
        columns={
            "probability": numbers([one.probability for one in bins.bins]),
            "share": numbers([one.share for one in bins.bins]),
            "rows": tuple(one.rows for one in bins.bins),
        },
        headings={"probability": f"Probability of {positive}", "share": "Share that came true", "rows": "Rows"},
        facts={"most": min(1.0, MARGIN * max(max(one.probability, one.share) for one in bins.bins) or 1.0)},
    )
