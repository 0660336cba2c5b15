"""From files to a table in shards and its parts: shards are read where they are to lie, and told of here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from rnnfast.cluster.task import Cluster, Task
from rnnfast.config.forms import SEQUENCE, TIME, augmentations, part_column
from rnnfast.config.resolve import Config
from rnnfast.data import Parts
from rnnfast.data.sequences.predict import predict_notes
from rnnfast.data.splitting.split import all_shares
from rnnfast.display import counted
from rnnfast.errors import DataError, UsageError
from rnnfast.reporter import NUMBA, Reporter
from rnnfast.shards import tasks
from rnnfast.shards.loop import RoundLoop
from rnnfast.shards.plan import Plan
from rnnfast.shards.sequences import ShardedSequences, home_of
from rnnfast.training.prepare import weightless

LISTED = 8  # shards that a sentence names


def check_shards(config: Config) -> None:
    """Raise UsageError for options that a table in shards does not go with."""
    model, data = config.model, config.data
    partners = {
        "--preset best": (model.preset == "best", "a race trains on folds of one machine"),
        f"--ensemble {model.ensemble}": (model.ensemble > 1, "each network of an ensemble trains on the whole table"),
        f"--engine {config.train.engine}": (config.train.engine != NUMBA, "workers have no devices of their own"),
        "--augment mixup": (
            "mixup" in augmentations(config.train.augment),
            "any two sequences are mixed, and a shard holds a part of them",
        ),
        "--baseline trees": ("trees" in config.train.baseline, "trees grow from all rows at once"),
        "--split-by time": (
            data.split_by == TIME and (data.shards or 1) > 1,
            "a shard does not know where the others cut; use --split-by column:NAME",
        ),
    }
    for flag, (there, reason) in partners.items():
        if there:
            raise UsageError(f"--shards {data.shards} does not go with {flag}: {reason}; leave one of them out")


def read_shards(plan: Plan, cluster: Cluster, reporter: Reporter) -> tuple[ShardedSequences, Parts]:
    """Have the shards of a table read, split and described.

    Returns: all of the table, and its parts. Raises as `read_tables`; DataError where shards do not fit together.
    """
    descriptions = _described(plan, cluster)
    _check_alike(descriptions)
    if any(one.constancy is not None for one in descriptions):
        labels, *others = (one.constancy for one in descriptions if one.constancy is not None)
        for other in others:
            labels = labels.merge(other)
        plan = plan.predicting(labels.rule)
        descriptions = _described(plan, cluster)
    schema = descriptions[0].schema
    schema = schema if plan.predict is None else replace(schema, predict=plan.predict)
    table = ShardedSequences(plan, cluster, "", descriptions, schema, (), RoundLoop)
    _check_whole(table)
    table = replace(table, notes=_notes(table))
    parts = _parts(table)
    reporter.table(table)
    for text in table.proposals:
        reporter.notice(text)
    reporter.split(parts)
    _tell_shards(parts, reporter)
    return table, parts


def _described(plan: Plan, cluster: Cluster) -> tuple[tasks.Description, ...]:
    every = [
        Task(f"shard {k}", tasks.describe, (plan.for_shard(k), k), home=home_of(plan, k)) for k in range(plan.shards)
    ]
    return tuple(cluster.run(every))


def _check_alike(descriptions: tuple[tasks.Description, ...]) -> None:
    """Raise DataError where columns do not mean the same in all shards, or their workers read other files."""
    first = descriptions[0]
    for number, one in enumerate(descriptions):
        if one.schema != first.schema:
            raise DataError(
                f"{', '.join(one.source)}: columns mean something else in shard {number} than in shard 0; say what the "
                "target is with --task, and which columns are features with --features, or let all rows decide with "
                "--sharding ids"
            )
        if one.source == first.source and one.digest != first.digest:
            raise DataError(
                f"{', '.join(one.source)}: shard {number} was read from other contents than shard 0: "
                "copy the same file to all workers"
            )


def _check_whole(table: ShardedSequences) -> None:
    """Raise DataError for an id that is in the files of two shards."""
    pieces = [one.hashes for one in table.descriptions if one.hashes is not None]
    if not pieces:
        return
    every = np.concatenate(pieces)
    shard = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
    order = np.argsort(every, kind="stable")
    same = np.flatnonzero(every[order][1:] == every[order][:-1])
    if len(same):
        first, second = shard[order[same[0]]], shard[order[same[0] + 1]]
        name = table.one(int(first), tasks.id_of, int(every[order[same[0]]]))
        raise DataError(
            f"{', '.join(table.descriptions[second].source)}: the id {name!r} is in shard {first} and in shard "
            f"{second}; with --sharding files an id is whole in one file: use --sharding ids"
        )


def _notes(table: ShardedSequences) -> tuple[str, ...]:
    """Say what was recognised: what shards say alike, and what the labels of all decided."""
    if table.shards == 1:
        notes = table.descriptions[0].notes
    else:
        every = [set(one.notes) for one in table.descriptions]
        notes = tuple(
            note for note in table.descriptions[0].notes if all(note in notes_of_one for notes_of_one in every)
        )
    return (*notes, *(predict_notes(table.schema, table.rows, table.sequences) if table.auto_predict else ()))


def _parts(table: ShardedSequences) -> Parts:
    """Put the parts of all shards together."""
    config = table.plan.config
    names = [name for name in ("train", "valid", "test") if any(name in one.parts for one in table.descriptions)]
    of_name: dict[str, Any] = {name: replace(table, name=name) for name in names}
    rule = _rule(table)
    needed = ["train", *(["valid"] if config.data.valid or _shares(config) > 1 else [])]
    for name in needed:
        if name not in of_name:
            raise DataError(
                f"{', '.join(table.source)}: the {name} part is empty ({rule}); give more sequences, fewer --shards or "
                "another --split"
            )
    parts = Parts(of_name["train"], of_name.get("valid"), of_name.get("test"), rule, part_by(config))
    parts.merge = lambda: replace(table, name="merged")
    if parts.valid is not None:
        if not parts.valid.labelled_steps:
            raise DataError(f"{', '.join(table.source)}: no step that validates has a label; give another --split")
        if parts.valid.weighted and not any(parts.valid.each_shard(weighs)):
            raise weightless(", ".join(table.source), table.schema, "validation")
    return parts


def weighs(part: Any) -> bool:
    """Whether a labelled step of a part weighs anything."""
    blocks = part.blocks(("y", "weight"))
    return any(block.weight is not None and block.weight[block.labelled].any() for block in blocks)


def part_by(config: Config) -> str:
    """Return the rule that divides the parts."""
    return config.data.split_by if part_column(config.data.split_by) or config.data.split_by == TIME else SEQUENCE


def _shares(config: Config) -> int:
    """Count the parts that the table itself is divided into."""
    return 2 if part_column(config.data.split_by) else len(all_shares(config.data.split))


def _rule(table: ShardedSequences) -> str:
    """Say how the parts were made."""
    config = table.plan.config
    column, every = part_column(config.data.split_by), all_shares(config.data.split)
    if table.shards == 1:
        rule = table.descriptions[0].rule
    elif column:
        rule = f"by column {column!r}"
    elif len(every) == 1 or config.data.valid:
        rule = f"all of {table.sequences:,} sequences"
    else:
        shares = [f"{100 * share:.4g} %" for share in every]
        rule = f"{' / '.join(shares) if len(every) > 2 else shares[0]} of {table.sequences:,} sequences in "
        rule += f"{table.shards} shards, seed {config.train.seed}{', stratified' if table.schema.classes else ''}"
    for name, file in (("validation", config.data.valid), ("test", config.data.test)):
        rule += f"; {name} from a table of its own" if file else ""
    return rule


def _tell_shards(parts: Parts, reporter: Reporter) -> None:
    """Say how the steps that train are spread over the shards, and which shards have none."""
    train: Any = parts.train
    steps = {number: int(size.lengths.sum(dtype=np.int64)) for number, size in train.sizes.items()}
    few, many = min(steps, key=lambda k: steps[k]), max(steps, key=lambda k: steps[k])
    reporter.notice(
        f"{counted(len(steps), 'shard')} train on {min(steps.values()):,} (shard {few}) to {max(steps.values()):,} "
        f"(shard {many}) steps"
    )
    empty = [number for number in range(train.shards) if number not in steps]
    if empty:
        numbers = ", ".join(map(str, empty[:LISTED])) + (", .." if len(empty) > LISTED else "")
        what = "shards have" if len(empty) > 1 else "shard has"
        reporter.notice(
            f"{len(empty)} of {train.shards} {what} nothing to train on: {numbers}; fewer --shards would do"
        )
