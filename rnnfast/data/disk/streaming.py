"""From a table of any size to a `Store`, in bounded memory.

The table is read once, in batches. Features and targets are written as they come; ids become numbers in the order of
their first appearance. Where the rows are grouped by id and ordered in time the store is then complete, else they are
sorted on disk. What may be predicted, and how, is decided when all labels were seen.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.config.sections import DataConfig
from rnnfast.data import columns
from rnnfast.data.checks import repeated
from rnnfast.data.disk.batches import Batch, batches, no_digest, single_precision
from rnnfast.data.disk.bucketsort import CODE, KEY, Repeated, bucket_sort
from rnnfast.data.disk.budget import Budget
from rnnfast.data.disk.identities import Identities, hashes
from rnnfast.data.disk.labels import Labels, TextFound
from rnnfast.data.disk.relabel import rewrite_labels, stored_rule
from rnnfast.data.disk.store import DESCRIPTION, INDEX_BYTES, Appender, building
from rnnfast.data.encoding.rules import missing_rules
from rnnfast.data.notes import choice_notes, constant_note, role_notes
from rnnfast.data.schema import DEFAULT_WINDOW, Roles, Schema, roles
from rnnfast.data.sequences import Integers, ends
from rnnfast.data.sources.source import Source, listing
from rnnfast.data.sources.table import Table, digest_of
from rnnfast.errors import DataError

Array = NDArray[Any]


PROBE_BYTES = 1 << 25  # of the first rows, which show the numeric columns: the same for any budget


class FractionalKeys(Exception):
    """Times that were whole numbers so far have fractions: the table is to be read again."""


@dataclass(frozen=True)
class Findings:
    """What only reading shows, and reading needs to know: whether the target holds text, and times have fractions."""

    text: bool = False
    fractions: bool = False


def make_store(sources: Sequence[Source], config: DataConfig, budget: Budget, directory: Path) -> None:
    """Read tables into a new store in `directory`, which is complete or absent afterwards.

    Raises DataError as `read_table` does, UsageError where the ids alone need more memory than the budget.
    """
    pool = ThreadPoolExecutor(1)  # hashing takes less time than parsing, and nobody needs the result yet
    digest = pool.submit(digest_of, sources)
    pool.shutdown(wait=False)
    findings = Findings()
    while True:
        try:
            with building(directory) as place:
                Stream(sources, config, budget, place, findings).run(digest)
            return
        except TextFound:
            findings = replace(findings, text=True)
        except FractionalKeys:
            findings = replace(findings, fractions=True)


class Stream:
    """One pass over the sources into the files of a new store."""

    def __init__(
        self, sources: Sequence[Source], config: DataConfig, budget: Budget, place: Path, findings: Findings
    ) -> None:
        self.sources, self.config, self.budget, self.place, self.findings = sources, config, budget, place, findings
        self.found: Roles = roles(sources[0], config)
        self.names, self.notes = self._features()
        self.rules = missing_rules(self._schema("", ()), config)
        self.labels = Labels(sources, self.found.targets, config.task, findings.text)
        self.x_type = np.float32 if self._single(self.names) else np.float64
        self.y_type = np.float32 if findings.text or self._single(self.found.targets) else np.float64
        self.key_type: Any = None
        self.ids = Identities()
        self.id_bytes = 0
        self.rows = 0
        self.starts = [0]
        self.in_order = True
        self.last_code, self.last_key = -1, None
        self.first_row: Array | None = None
        self.constant = np.ones(len(self.names), bool)

    def run(self, digest: Future[str]) -> None:
        """Write all rows, sort them where it is needed, and describe the store."""
        used = [name for name in (*self.found.text, *self.names, *self.found.targets) if name is not None]
        text = (*self.found.text, *(self.found.targets if self.findings.text else ()))
        with Appender(self.place) as out:
            out.append("id_ends", np.zeros(1, np.int64))
            for batch in batches(self.sources, text, list(dict.fromkeys(used)), self.budget.batch):
                if batch.first == 0 and self.rows:
                    self.starts.append(self.rows)
                self._add(batch, out)
        self.starts.append(self.rows)
        task, classes, notes, index = self.labels.finish()
        y_type = rewrite_labels(self.place / "y", self.y_type, self.labels.values, index)
        lengths = self.ids.lengths[: self.ids.count] if self.found.id else np.array([self.rows])
        self._sort(lengths, y_type)
        offsets = ends(lengths)
        offsets.tofile(self.place / "offsets")
        schema = self._schema(task, classes)
        if schema.predict == "auto":
            rule = stored_rule(self.place / "y", y_type, len(schema.targets), offsets) if schema.id else "every"
            schema = replace(schema, predict=rule)
        self.notes = [*role_notes(self.found, schema), *self.notes, *notes]
        if constant := [name for name, same in zip(self.names, self.constant, strict=True) if same]:
            self.notes.append(constant_note(constant))
        self.notes += choice_notes(schema, self.rows, len(lengths), self.config)
        description = {
            "schema": schema.to_json(),
            "source": [source.name for source in self.sources],
            "digest": digest.result(),
            "notes": self.notes,
            "ids": len(lengths),
            "x": np.dtype(self.x_type).str,
            "y": np.dtype(y_type).str,
            "sorted": not self.in_order,
        }
        (self.place / DESCRIPTION).write_text(json.dumps(description), encoding="utf-8")

    def _features(self) -> tuple[tuple[str, ...], list[str]]:
        """The feature columns: as named, else the numeric ones of the first batch."""
        found = self.found
        if found.features is not None:
            return found.features, []
        first = next(batches(self.sources, found.text, None, PROBE_BYTES))
        names, notes = columns.default_features(first, {*found.text, *found.targets, *found.left_out})
        if not names:
            raise DataError(
                f"{self.sources[0].header_line()}: no numeric column is left as a feature; the columns are "
                f"{listing(self.sources[0].columns)}"
            )
        return names, notes

    def _single(self, names: tuple[str, ...]) -> bool:
        return all(single_precision(source, names) for source in self.sources)

    def _schema(self, task: str, classes: tuple[Any, ...]) -> Schema:
        window = self.config.window or (DEFAULT_WINDOW if self.found.id is None else None)
        return Schema(
            id=self.found.id,
            time=self.found.time,
            features=self.names,
            targets=self.found.targets,
            task=task,
            classes=classes,
            predict=self.config.predict,
            window=window,
            stride=window,
            layout=self.found.layout,
        )

    def _add(self, batch: Batch, out: Appender) -> None:
        """Write the rows of a batch."""
        x = columns.features(batch, self.names, rules=self.rules).x
        if self.first_row is None:
            self.first_row = x[0].copy()
        if self.constant.any():
            self.constant &= (x == self.first_row).all(axis=0)
        out.append("x", x.astype(self.x_type, copy=False))
        out.append("y", self.labels.add(batch).astype(self.y_type, copy=False))
        codes = np.zeros(batch.rows, np.int64) if self.found.id is None else self._codes(batch, self.found.id, out)
        if self.found.id is not None:
            out.append(CODE, codes)
        if self.found.time is not None:
            self._keys(batch, self.found.time, codes, out)
        self.last_code = int(codes[-1])
        self.rows += batch.rows

    def _codes(self, batch: Batch, name: str, out: Appender) -> Integers:
        """The number of each row's id, (rows,); only where the id changes it is looked up."""
        series = batch.frame[name]
        changed = np.asarray((series.array[1:] != series.array[:-1]), dtype=object if series.hasnans else bool)
        heads = np.concatenate(([0], np.flatnonzero(changed.astype(bool)) + 1))
        values = series.iloc[heads]
        if (bad := (values.isna() | (values == "")).to_numpy(dtype=bool)).any():
            row = int(heads[bad.argmax()])
            cell = batch.cell(row, name)
            raise batch.error(row, name, f"the id is empty ({cell!r}); name the sequence of this row")
        if pd.api.types.is_integer_dtype(series.dtype) and len(self.sources) == 1:
            codes, new = self.ids.codes(values.to_numpy(np.int64).view(np.uint64))
            texts = [str(number) for number in values.to_numpy()[new].tolist()]
        else:
            names = values.astype(str).to_numpy(object)
            codes, new = self.ids.codes(hashes(names))
            texts = names[new].tolist()
        lengths = np.diff(np.append(heads, batch.rows))
        self.ids.add_lengths(codes, lengths)
        Budget(self.budget.total, INDEX_BYTES * self.ids.count)  # raises where they are too many
        encoded = [text.encode() for text in texts]
        sizes = np.fromiter((len(text) for text in encoded), np.int64, len(encoded))
        out.append("ids", b"".join(encoded))
        out.append("id_ends", self.id_bytes + np.cumsum(sizes))
        self.id_bytes += int(sizes.sum())
        self.in_order &= codes[0] >= self.last_code and bool((codes[1:] >= codes[:-1]).all())
        return np.repeat(codes, lengths)

    def _keys(self, batch: Batch, name: str, codes: Integers, out: Appender) -> None:
        """Write numbers that sort like the time, and see whether the rows are in its order."""
        keys = columns.time_keys(batch, name)
        whole = keys.dtype.kind in "iub" and not self.findings.fractions
        if self.key_type is None:
            self.key_type = np.int64 if whole else np.float64
        elif self.key_type is np.int64 and not whole:
            raise FractionalKeys
        keys = keys.astype(self.key_type)
        before = np.concatenate(([keys[0] if self.last_key is None else self.last_key], keys[:-1]))
        same = codes == np.concatenate(([self.last_code], codes[:-1]))
        if (back := same & (keys < before)).any():
            if self.found.id is None:
                row = int(back.argmax())
                raise batch.error(
                    row,
                    name,
                    f"{batch.cell(row, name)!r} comes after a later time, and without an id a table that is read in "
                    "blocks has to be in the order of its time; sort it, name an --id, or give more --memory",
                )
            self.in_order = False
        if self.found.id is not None and (again := same & (keys == before)).any():
            second = self.rows + int(again.argmax())
            raise self._repeated(second - 1, second)
        self.last_key = keys[-1]
        if self.found.id is not None:
            out.append(KEY, keys)

    def _repeated(self, first: int, second: int) -> DataError:
        """Build the error about two input rows of the same id and time."""
        starts = self.starts if self.starts[-1] > second else [*self.starts, second + 1]
        whole = Table(pd.DataFrame(), list(self.sources), starts, no_digest())
        assert self.found.id is not None
        assert self.found.time is not None
        return repeated(whole, self.found.id, self.found.time, first, second)

    def _sort(self, lengths: Integers, y_type: Any) -> None:
        """Sort the rows where they are not in order, and remove what only sorting needs."""
        kinds: dict[str, tuple[Any, int]] = {
            "x": (self.x_type, len(self.names)),
            "y": (y_type, len(self.found.targets)),
            CODE: (np.int64, 0),
            KEY: (self.key_type, 0),
        }
        kinds = {name: kind for name, kind in kinds.items() if (self.place / name).exists()}
        if not self.in_order:
            try:
                bucket_sort(self.place, kinds, lengths, self.budget.bucket)
            except Repeated as found:
                raise self._repeated(found.first, found.second) from None
        for name in (CODE, KEY):
            (self.place / name).unlink(missing_ok=True)
