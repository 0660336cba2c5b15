"""Confusion matrices: two classes in words, several as a matrix, many as the mistakes made most often.

Recall and precision of each class stand at the margins of a matrix, or in a table where there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from rnnfast.catalogue import TASKS
from rnnfast.console.screen import BAD, FAINT, GOOD, LABEL, WIDE, table
from rnnfast.console.text import UNDEFINED, aligned, counted, number, percent, shortened, title
from rnnfast.display import amount
from rnnfast.metrics.evaluation import Evaluation
from rnnfast.metrics.figures import Counts

MOST_CLASSES = 10  # of a matrix
MOST_PAIRS = 8  # of mistakes in its place
MOST_LISTED = 12  # classes with scores of their own in its place
NAME_WIDTHS = (12, 8, 5)  # cells for the name of a class, tried until the matrix fits


def confusion_matrix(
    evaluation: Evaluation, classes: Sequence[Any], target: str, width: int, part: str = ""
) -> Iterator[RenderableType]:
    """Yield the rights and wrongs of a task with classes."""
    if evaluation.confusion is None:
        return
    if TASKS[evaluation.task].threshold:
        yield Text(f"{title('Confusion matrix', part)}{_threshold(evaluation)}", LABEL)
        yield from _two_classes(evaluation, classes, target, width)
        return
    counts, names = evaluation.confusion, [str(name) for name in evaluation.classes or classes]
    matrix = _matrix(counts, names, target, width) if len(names) <= MOST_CLASSES else None
    if matrix is not None:
        yield Text(f"{title('Confusion matrix', part)} (rows: actual, columns: predicted; margins in %)", LABEL)
        yield matrix
    else:
        if pairs := _pairs(counts, names, width):
            yield Text(f"{title('Most frequent mistakes', part)}, {len(names):,} classes", LABEL)
            yield pairs
            yield Text()
        yield from _per_class(counts, names, width)
    yield _sentence(counts, names)


def _matrix(counts: Counts, names: list[str], target: str, width: int) -> Table | None:
    """Return the whole matrix, None where it does not fit or names would have to be cut to the same text."""
    scores = _class_scores(counts)
    texts = [
        [*(amount(value) for value in row), _margin(score.recall)] for row, score in zip(counts, scores, strict=True)
    ]
    bottom = [*(_margin(score.precision) for score in scores), ""]
    for cells, gap in product(NAME_WIDTHS, (2, 1)):
        short = [shortened(name, cells) for name in names]
        heads = [*short, "recall"]
        first = max(*map(len, short), len("precision"))
        columns = [max(len(head), len(bottom[j]), *(len(row[j]) for row in texts)) for j, head in enumerate(heads)]
        if len(set(short)) < len(names) or first + sum(columns) + gap * len(columns) > width:
            continue
        # Right-aligned here: counts and shares have no decimal point in common.
        rows: list[list[str | Text]] = [
            [name, *(Text(f"{texts[i][j]:>{room}}", _style(i, j, counts[i])) for j, room in enumerate(columns))]
            for i, name in enumerate(short)
        ]
        margin = ["precision", *(f"{text:>{room}}" for text, room in zip(bottom, columns, strict=True))]
        titles = [shortened(target, first), *(f"{head:>{room}}" for head, room in zip(heads, columns, strict=True))]
        return table(titles, [*rows, [Text(text, FAINT) for text in margin]], left=len(titles), gap=gap)
    return None


def _style(i: int, j: int, row: list[int | float]) -> str:
    """Colour what is right and what is wrong; zeros and margins are faint."""
    if j == len(row) or not row[j]:
        return FAINT
    return GOOD if i == j else BAD


class _ClassScores(NamedTuple):
    """Scores of one class, None where they are undefined."""

    steps: float
    precision: float | None
    recall: float | None

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0 where either is undefined."""
        precision, recall = self.precision or 0.0, self.recall or 0.0
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _class_scores(counts: Counts) -> list[_ClassScores]:
    predicted = [sum(column) for column in zip(*counts, strict=True)]
    return [
        _ClassScores(sum(row), row[i] / predicted[i] if predicted[i] else None, row[i] / sum(row) if sum(row) else None)
        for i, row in enumerate(counts)
    ]


def _margin(share: float | None) -> str:
    """Text of a share in per cent without the sign, which would take much room in each column."""
    if share is None:
        return UNDEFINED
    return "100" if share == 1 else f"{100 * share:.1f}"


def _percent(share: float | None) -> str:
    return UNDEFINED if share is None else percent(share)


def _per_class(counts: Counts, names: list[str], width: int) -> Iterator[RenderableType]:
    """Yield precision, recall and f1 of each class that occurs, the worst first."""
    scores = [(score, names[i]) for i, score in enumerate(_class_scores(counts)) if score.steps]
    scores.sort(key=lambda pair: (pair[0].f1, -pair[0].steps))
    gap = 3 if width >= WIDE else 1
    room = max(width - 34 - 4 * gap, 4)
    rows = [
        [
            shortened(name, room),
            amount(score.steps),
            _percent(score.precision),
            _percent(score.recall),
            number(score.f1, 3),
        ]
        for score, name in scores[:MOST_LISTED]
    ]
    yield table(["class", "steps", "precision", "recall", "f1"], rows, gap=gap)
    if len(scores) > MOST_LISTED:
        yield Text(f"f1 of the others: {number(scores[MOST_LISTED][0].f1, 3)} or more", FAINT)


def _pairs(counts: Counts, names: list[str], width: int) -> Table | None:
    """Return the classes that are taken for others most often; None without mistakes."""
    wrong = [(n, i, j) for i, row in enumerate(counts) for j, n in enumerate(row) if i != j and n]
    if not wrong:
        return None
    gap = 3 if width >= WIDE else 1
    texts = [
        (i, j, amount(n), percent(n / sum(counts[i])))
        for n, i, j in sorted(wrong, key=lambda pair: (-pair[0], *pair[1:]))[:MOST_PAIRS]
    ]
    taken = max(5, *(len(n) for _, _, n, _ in texts)) + max(9, *(len(share) for *_, share in texts)) + 3 * gap
    room = max((width - taken) // 2, 1)
    rows = [[shortened(names[i], room), shortened(names[j], room), n, share] for i, j, n, share in texts]
    return table(["actual", "predicted", "steps", "of actual"], rows, left=2, gap=gap)


def _sentence(counts: Counts, names: list[str]) -> Text:
    """Say how many are right, and which class least often."""
    total, right = sum(map(sum, counts)), sum(row[i] for i, row in enumerate(counts))
    if not total:
        return Text("No labelled row has a weight above 0.")
    text = f"Right: {amount(right)} of {amount(total)} ({percent(right / total)})"
    share, worst = min((row[i] / sum(row), i) for i, row in enumerate(counts) if sum(row))
    if share < 1:
        hits = f"{amount(counts[worst][worst])} of {amount(sum(counts[worst]))}"
        text += f"; least often {shortened(names[worst], 20)}: {hits} ({percent(share)})"
    return Text(text + ".")


def _threshold(evaluation: Evaluation) -> str:
    threshold = evaluation.metrics.threshold
    return "" if threshold is None else f" (threshold {number(threshold, 3)})"


def _two_classes(evaluation: Evaluation, classes: Sequence[Any], target: str, width: int) -> Iterator[RenderableType]:
    """Yield the four counts and their meaning in a sentence."""
    assert evaluation.confusion is not None
    names = [shortened(str(name), 12) for name in (classes or (0, 1))]
    shares = width >= WIDE
    rows: list[list[str | Text]] = [[f"actual {name}"] for name in names]
    for j, column in enumerate(zip(*evaluation.confusion, strict=True)):
        totals = map(sum, evaluation.confusion)
        texts = aligned([_percent(n / total if total else None) for n, total in zip(column, totals, strict=True)])
        for i, value in enumerate(column):
            cell = f"{amount(value)}{f'  {texts[i]}' if shares else ''}"
            rows[i].append(Text(cell, GOOD if i == j else BAD if value else ""))
    heads = [f"predicted {name}" for name in names]
    if 9 + 2 * len(names) + sum(map(len, heads)) > width:
        heads = [f"-> {name}" for name in names]
    yield table([shortened(target, 20), *heads], rows, gap=3 if shares else 2)
    (negatives, false), (missed, hits) = evaluation.confusion
    yield Text(
        f"Found {amount(hits)} of {amount(hits + missed)} with {shortened(target, 20)} = {names[1]};"
        f" {counted(false, 'false alarm')} among {amount(false + negatives)} others."
    )
