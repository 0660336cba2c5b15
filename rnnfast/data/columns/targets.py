"""Turn the target columns of a table into labels, and recognise the task.

A class is stored as its index in the classes, which are sorted but for a positive one that is put last, a quantity as
it is; NaN is an unlabelled step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.catalogue import TASKS
from rnnfast.data.columns.marked import marked_number
from rnnfast.data.columns.novalue import SIGNS, no_values
from rnnfast.data.columns.numbers import MOSTLY, Floats, numbers, parsed
from rnnfast.data.sources.parsing import EMPTY
from rnnfast.data.sources.rewriting import without_thousands
from rnnfast.data.sources.source import listing, short
from rnnfast.data.sources.table import Table
from rnnfast.errors import DataError, did_you_mean

QUANTITY = ", or train with --task regression where it is a quantity"  # a fix for numbers that were read as classes
NEGATIVE = {  # words for no: the other class of two is the positive one
    *("no", "n", "nein", "nee", "nej", "ne", "non", "false", "none", "negative"),
    *("normal", "ok", "healthy", "legit", "legitimate", "genuine", "-"),
}
FEW_CLASSES = 20  # texts, up to which numbers with signs of their own, such as "10 %", may be classes
MOST_CLASSES = 1000  # more are names or quantities; and each is an output of the network


def of_quantities(task: str) -> bool:
    """Whether quantities are asked for; "auto" asks for nothing."""
    return task in TASKS and not TASKS[task].classes


def targets(
    table: Table, names: tuple[str, ...], task: str, positive: str | None = None
) -> tuple[Floats, str, tuple[Any, ...], list[str]]:
    """Read the target columns of a training table and recognise the task.

    task: "auto" or a task of the catalogue. positive: which of two classes is the positive one, the second; None: the
    last one in order, unless that one alone is a word for no.
    Returns: y (rows, targets), NaN where unlabelled, the index of the class for binary and multiclass; the task; its
    classes; notes.
    Raises DataError for one class, more than a task has, text in a regression, infinite values and no label at all.
    """
    if len(names) > 1 and task in TASKS and not of_quantities(task):
        raise table.column_error(names[1], f"a {task} task has one target, not {len(names)}; name one with --target")
    if len(names) == 1 and not of_quantities(task):
        name = names[0]
        values = labels(table, name)
        distinct, index = _distinct(table, name, values)
        task_of_labels = _task(table, name, values, distinct, task)
        if task_of_labels != "regression":
            classes = _classes(table, name, distinct)
            if _only_last_is_no(classes) if positive is None else _is_first(table, name, classes, positive):
                index, classes = 1.0 - index, classes[::-1]
            return index.reshape(-1, 1), task_of_labels, classes, []
    if positive is not None:
        what = "is for two classes; the target is a quantity, or of more"
        raise table.column_error(names[0], f"--positive {positive}: {what}")
    y = quantities(table, names)
    summary = Quantities()
    summary.add(y)
    return y, task if of_quantities(task) else "regression", (), summary.notes()


def _only_last_is_no(classes: tuple[Any, ...]) -> bool:
    """Tell whether the last of two classes says no and the first does not, as of 'ja' and 'nein'."""
    return len(classes) == 2 and [str(value).lower() in NEGATIVE for value in classes] == [False, True]


def _is_first(table: Table, name: str, classes: tuple[Any, ...], positive: str) -> bool:
    """Tell whether the first of two classes is the positive one.

    Raises DataError where it is neither, and for another number of classes.
    """
    texts = [str(value) for value in classes]
    if len(classes) != 2:
        raise table.column_error(name, f"--positive {positive}: is for two classes, and there are {len(classes)}")
    if positive not in texts:
        raise table.column_error(
            name, f"--positive {positive}: is no class{did_you_mean(positive, texts)}; they are {listing(texts)}"
        )
    return texts[0] == positive


def _task(table: Table, name: str, values: pd.Series[Any], distinct: NDArray[Any], word: str) -> str:
    """Tell the task of one target by its distinct labels; raises DataError where they do not fit the word of --task."""
    text = distinct.dtype == object
    whole = text or bool((distinct == np.floor(distinct)).all())
    if not text and np.isinf(distinct).any():
        quantity(table, name)  # raises, naming the cell
    if len(distinct) == 1:
        need = "with other values" if not whole else "of both classes" if word != "multiclass" else "of other classes"
        value = short(repr(_classes(table, name, distinct)[0]))
        raise table.column_error(name, f"every labelled step is {value}, so there is nothing to learn; add rows {need}")
    if word == "binary" and len(distinct) > 2:
        raise _third_value(table, name, values, len(distinct))
    if word == "auto" and text and len(distinct) > 2 and parsed(values).notna().sum() >= MOSTLY * values.notna().sum():
        numbers(table, name, "give --task multiclass for the classes of")  # raises: a damaged column of numbers
    if word == "auto" and text and len(distinct) > FEW_CLASSES and (cell := marked_number(pd.Series(distinct))):
        command = without_thousands(table.sources[0], cell)
        way = f": {command}" if command else ""
        raise table.column_error(
            name, f"{cell!r} is no number as it stands; write it without unit and separators of thousands{way}"
        )
    if len(distinct) > MOST_CLASSES and (word == "multiclass" or text):
        raise table.column_error(
            name,
            f"{len(distinct):,} different values are too many for classes (at most {MOST_CLASSES:,}); "
            "name another --target, or put rare values into one class",
        )
    if word != "auto":
        return word
    if len(distinct) == 2 and whole:
        return "binary"
    return "multiclass" if text else "regression"


def known_targets(table: Table, names: tuple[str, ...], task: str, classes: tuple[Any, ...]) -> Floats:
    """Read the target columns of a table after a schema; y as in `targets`.

    Raises DataError for a class that the schema does not know, for text in a regression and for infinite values.
    """
    if not TASKS[task].classes:
        return quantities(table, names)
    name = names[0]
    values = (
        stripped(table.frame[name]) if isinstance(classes[0], str) else pd.Series(numbers(table, name, words=SIGNS))
    )
    index = class_index(values, classes)
    unlabelled = values.isna().to_numpy(dtype=bool)
    unseen = (index < 0) & ~unlabelled
    if unseen.any():
        row = int(unseen.argmax())
        shown = [short(repr(value)) for value in classes]
        class_list = " and ".join(shown) if len(shown) == 2 else listing(shown)
        raise table.error(
            row,
            name,
            f"{table.cell(row, name)!r} is not one of the classes {class_list}; correct it or empty the cell"
            f"{QUANTITY if len(classes) > 2 and not isinstance(classes[0], str) else ''}",
        )
    return np.where(unlabelled, np.nan, index).reshape(-1, 1)


def class_index(values: pd.Series[Any], classes: NDArray[Any] | tuple[Any, ...]) -> NDArray[np.int64]:
    """Return (rows,), the index of each label in the classes, -1 where it is none of them."""
    kind = object if isinstance(classes[0], str) else np.float64
    return np.asarray(pd.Index(np.asarray(classes, dtype=kind)).get_indexer(pd.Index(values)), dtype=np.int64)


def labels(table: Table, name: str) -> pd.Series[Any]:
    """Return the cells of a target: numbers, or text where they are not all numbers; NaN is unlabelled.

    A sign of `novalue` is no label where most of the others are numbers.
    """
    series = table.frame[name]
    if pd.api.types.is_numeric_dtype(series.dtype):
        return pd.Series(series.to_numpy(dtype=np.float64, na_value=np.nan))
    if _boolean(series):
        return parsed(series)
    text = stripped(series)
    values = parsed(text)
    texts = text[(values.isna() & text.notna()).to_numpy()]
    if not len(texts):
        return values
    mostly = values.notna().sum() >= MOSTLY * text.notna().sum()
    return values if mostly and no_values(texts, SIGNS).all() else text


def _boolean(series: pd.Series[Any]) -> bool:
    """Tell whether all cells are true, false or empty."""
    if series.dtype == object:
        return all(isinstance(cell, bool) for cell in series.dropna())
    return pd.api.types.is_bool_dtype(series.dtype)


def stripped(series: pd.Series[Any]) -> pd.Series[Any]:
    """Return text without surrounding spaces, NaN where the cell counts as empty."""
    text = series.astype(str).str.strip().astype(object)
    return text.where(series.notna() & ~text.isin(EMPTY), np.nan)


def _distinct(table: Table, name: str, values: pd.Series[Any]) -> tuple[NDArray[Any], Floats]:
    """Return the distinct labels, sorted: float64, or object where they are text; and (rows,) the index of each label.

    The index is NaN where there is no label.
    """
    codes, labelled = pd.factorize(values.to_numpy())
    if not len(labelled):
        raise table.column_error(name, "every cell is empty; training needs labelled steps")
    order = np.argsort(labelled)
    ranks = np.full(len(labelled) + 1, np.nan)  # the last one is of code -1
    ranks[order] = np.arange(len(labelled))
    return labelled[order], ranks.take(codes, mode="wrap")


def _classes(table: Table, name: str, distinct: NDArray[Any]) -> tuple[Any, ...]:
    """Return labels as Python values as in the file: bool, int, float or text."""
    if distinct.dtype == object:
        return tuple(distinct)
    if _boolean(table.frame[name]):
        return tuple(bool(value) for value in distinct)
    return tuple(int(value) if value == np.floor(value) else float(value) for value in distinct)


def _third_value(table: Table, name: str, values: pd.Series[Any], count: int) -> DataError:
    rows = [int(row) for row in values.dropna().drop_duplicates().index[:3]]
    cells = [repr(table.cell(row, name)) for row in rows]
    return table.error(
        rows[2],
        name,
        f"{cells[2]} is a third value after {cells[0]} and {cells[1]} ({count:,} in all), but a binary target has two; "
        "use --task multiclass, make a column of one value against the rest, or name another --target",
    )


def quantity(table: Table, name: str) -> Floats:
    """Return a target as (rows,) numbers, NaN where unlabelled; text and infinite values raise DataError."""
    values = numbers(table, name, words=SIGNS)
    if np.isinf(values).any():
        row = int(np.isinf(values).argmax())
        raise table.error(row, name, f"{table.cell(row, name)!r} is infinite; correct it or empty the cell")
    return values


def quantities(table: Table, names: tuple[str, ...]) -> Floats:
    """Return the targets of a regression, (rows, targets); errors as `quantity`."""
    return np.column_stack([quantity(table, name) for name in names])


class Quantities:
    """What notes say about the targets of a regression, gathered batch by batch."""

    def __init__(self) -> None:
        self._partly = 0  # rows that lack some of the targets

    def add(self, y: Floats) -> None:
        """Take rows (rows, targets) into account."""
        empty = np.isnan(y)
        self._partly += int((empty.any(axis=1) & ~empty.all(axis=1)).sum())

    def notes(self) -> list[str]:
        """Say how many rows lack some of the targets."""
        return [f"{self._partly:,} rows lack some of the targets and count as unlabelled"] if self._partly else []
