"""From sequences in original units to what training needs: fitted encoder, initial weights, tensors of the kernels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import TASKS, losses_of
from rnnfast.config.resolve import Config
from rnnfast.data import Encoder, Scaler, Schema, SequenceData, Sequences
from rnnfast.data.columns.missing import missing_rules
from rnnfast.data.encoding.differences import changes
from rnnfast.data.encoding.fitting import Fitting
from rnnfast.data.encoding.scaling import summary_for, target_kinds
from rnnfast.data.encoding.static import FIELDS
from rnnfast.data.encoding.summary import Summary
from rnnfast.data.sequences.base import TRAINED
from rnnfast.engines.choice import engine_of
from rnnfast.equations.cell import Cell
from rnnfast.errors import DataError, ModelError, UsageError
from rnnfast.model.architecture import architecture
from rnnfast.model.file import load
from rnnfast.model.initialise import initial_tensors
from rnnfast.model.members import joined
from rnnfast.model.model import Model
from rnnfast.network.layout import Layout
from rnnfast.training.baselines import linear_baseline, trees_baseline
from rnnfast.training.class_weights import class_weights
from rnnfast.training.mixing import check_mixing

MEMBER_STREAM = 9  # of the random numbers


def resolved_loss(config: Config, task: str) -> str:
    """The loss of a run: what was asked for, or the default of the task.

    Raises UsageError for the loss of another task.
    """
    loss, facts = config.train.loss, TASKS[task]
    if loss == "auto":
        return facts.loss
    if loss not in losses_of(facts):
        quantity = next((other.name for other in TASKS.values() if not other.classes and loss in losses_of(other)), "")
        turn = f", or --task {quantity} where it is a quantity" if facts.output_per_class and quantity else ""
        raise UsageError(f"--loss {loss}: {facts.what}; use --loss {' or '.join(losses_of(facts))}{turn}")
    return loss


class Labels:
    """What the labelled training steps hold, summed up block by block.

    rules: for empty cells, by which changes are told. count: of these steps; counts: (classes,) of each class; total:
    (answers,) sums; summary: for the target scaler; weighs: whether any of them weighs anything.
    """

    def __init__(self, schema: Schema, rules: Mapping[str, str], summary: Summary) -> None:
        self.schema, self.rules, self.summary = schema, rules, summary
        self.count, self.weighs = 0, False
        self.counts = np.zeros(len(schema.classes), np.int64)
        self.total = np.zeros(len(schema.answers))

    def watch(self, blocks: Iterable[SequenceData]) -> Iterator[SequenceData]:
        """Pass blocks on and look at their labels."""
        for block in blocks:
            learned = changes(block, self.schema, self.rules)
            labelled = learned.labelled
            y = np.asarray(block.y[labelled], np.float64)
            if len(y):
                self.weighs |= block.weight is None or bool(block.weight[labelled].any())
                self.count += len(y)
                self.total += y.sum(axis=0)
                self.summary.add(np.asarray(learned.y[labelled], np.float64))
                if self.schema.classes:
                    self.counts += np.bincount(y[:, 0].astype(np.int64), minlength=len(self.counts))
            yield block

    def merge(self, other: Labels) -> None:
        """Take the labels of other steps into account."""
        self.count, self.weighs = self.count + other.count, self.weighs or other.weighs
        self.counts, self.total = self.counts + other.counts, self.total + other.total
        self.summary.merge(other.summary)

    def check(self, where: str) -> None:
        """Raise DataError where there is no label, or one class only."""
        if not self.count:
            which = " whose target before is known" if self.schema.difference else ""
            raise DataError(
                f"{where}: the training part has no labelled step{which}; give a larger --split or another --target"
            )
        if self.schema.classes and np.count_nonzero(self.counts) < 2:
            needed = "both" if TASKS[self.schema.task].threshold else "several"
            only = self.schema.classes[int(self.counts.argmax())]
            raise DataError(
                f"{where}: all {self.count:,} labels of the training part are {only!r}; "
                f"a classifier needs {needed} classes: give a larger --split, another --seed, or more data"
            )
        if not self.weighs:
            raise weightless(where, self.schema, "training")

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean of what the outputs of a network are to become: shares of the classes, or the targets."""
        total = self.counts if TASKS[self.schema.task].output_per_class else self.total
        return tuple(float(value) for value in total / self.count)


def check_weights(part: Sequences, name: str) -> None:
    """Raise DataError where no labelled step of a part weighs anything."""
    if not part.weighted:
        return
    blocks = part.blocks(("y", "weight"))
    if not any(block.weight is not None and block.weight[block.labelled].any() for block in blocks):
        raise weightless(", ".join(part.source), part.schema, name)


def weightless(where: str, schema: Schema, part: str) -> DataError:
    """Build the error about a part whose labelled steps all weigh nothing."""
    return DataError(
        f"{where}, column {schema.weight!r}: every labelled step of the {part} part has the "
        "weight 0, so nothing counts; give some a weight above 0, or train without --weight"
    )


def initial_model(train: Sequences, config: Config, cell: Cell) -> Model:
    """Fit encoder and target scaler on the training part and draw the weights.

    Nothing of the other parts is looked at. Raises DataError where the training part has no label, or one class only.
    """
    where = ", ".join(train.source)
    # A preset decides about changes after the table was read.
    schema = replace(train.schema, difference=train.schema.difference or config.data.difference)
    if schema.horizons and config.train.class_weight not in ((), ("none",)):
        raise UsageError(
            f"--class-weight {','.join(config.train.class_weight)}: a step has one weight, and with several horizons "
            "labels of both classes; leave it out, or train one model for each horizon"
        )
    check_mixing(config.train.augment, schema, train)
    kinds = target_kinds(schema, config.data)
    seen = gathered(train, schema, config)
    labels, encoder = seen.labels, Encoder.fitted(seen.fitting, config.data, config.model)
    labels.check(where)
    net = architecture(config, cell, schema, encoder)
    model = Model(
        parameters=joined(starting_tensors(config, Layout(net), encoder)),
        cell=cell,
        schema=schema,
        encoder=encoder,
        target_scaler=Scaler.of(kinds, schema.answers, labels.summary, where),
        config=config,
        loss=resolved_loss(config, schema.task),
        target_mean=labels.mean,
        class_weights=class_weights(config.train.class_weight, schema.classes, labels.counts),
        engine=engine_of(config.train),
    )
    if "linear" in config.train.baseline:
        model.linear = linear_baseline(model, train)
    if "trees" in config.train.baseline:
        model.trees = trees_baseline(model, train)
    return model


@dataclass
class Gathered:
    """What rows that train show of features and labels."""

    fitting: Fitting
    labels: Labels

    def merge(self, other: Gathered) -> Gathered:
        """Take other rows into account; returns itself."""
        self.fitting.merge(other.fitting)
        self.labels.merge(other.labels)
        return self


def gathered(train: Sequences, schema: Schema, config: Config) -> Gathered:
    """Look at all rows that train, of a table in shards where they lie; schema: of the model."""
    columns = len(schema.columns) + len(schema.answers)
    row = 32 * (columns + 1) * train.shards  # bytes, with keys and copies
    most = None if train.room is None else train.room.of_phase.sample // row
    pieces = train.each_shard(gathered_from, schema, config, most)
    return reduce(Gathered.merge, [piece for piece in pieces if piece is not None])


def gathered_from(train: Sequences, schema: Schema, config: Config, most: int | None) -> Gathered | None:
    """Look at the rows of a part, block by block; most: as of Summary. Returns: None for a part without sequences."""
    if not train.sequences:
        return None
    kinds = target_kinds(schema, config.data)
    labels = Labels(schema, missing_rules(schema, config.data), summary_for(kinds, most=most))
    fitting = Fitting(train.schema, config.data, most, config.model)
    for block in labels.watch(train.blocks((*TRAINED, *FIELDS) if config.model.static else TRAINED)):
        fitting.add(block)
    return Gathered(fitting, labels)


def starting_tensors(config: Config, layout: Layout, encoder: Encoder) -> list[dict[str, NDArray[Any]]]:
    """Return the tensors that each network starts from, in the run's precision: drawn, or those of a saved model."""
    model, number = config.model, config.model.ensemble
    if config.train.init_from is not None:
        members = saved_tensors(config.train.init_from, layout.shapes(), number)
    else:
        members = []
        for seed in member_seeds(config.train.seed, number):
            tensors = initial_tensors(layout.entries(), model.init, seed, model.init_range, model.recurrent_bias)
            _clear_unseen(tensors, layout, encoder)
            members.append(tensors)
    return [{name: tensor.astype(config.train.dtype) for name, tensor in tensors.items()} for tensors in members]


def _clear_unseen(tensors: Mapping[str, NDArray[Any]], layout: Layout, encoder: Encoder) -> None:
    """Set the weights of "(unseen)", which means nothing yet, to 0. Writes: tensors."""
    steps = len(encoder.names) - encoder.static_inputs
    places = np.array([place.stop - 1 for place in encoder.hideable], np.int64)
    for name in layout.input_weights:
        tensors[name][:, places[places < steps]] = 0
    for name in layout.static_weights:
        tensors[name][:, places[places >= steps] - steps] = 0
    for number, _ in enumerate(encoder.hideable_codes):
        tensors[f"embed.{number}.weight"][-1] = 0


def member_seeds(seed: int, number: int) -> list[int]:
    """Return the seed of each network of an ensemble: of the first one that of the run, as if it were alone."""
    return [
        seed,
        *(int(np.random.SeedSequence([seed, MEMBER_STREAM, k]).generate_state(1)[0]) for k in range(1, number)),
    ]


def saved_tensors(path: str, shapes: Mapping[str, tuple[int, ...]], number: int) -> list[dict[str, NDArray[Any]]]:
    """Return the tensors of a saved model for so many networks: a single one is the start of all.

    Raises ModelError where its architecture is another one, or the number of its networks.
    """
    members = load(path).members
    saved_shapes = {name: tensor.shape for name, tensor in members[0].items()}
    if saved_shapes != dict(shapes):
        raise ModelError(
            f"--init-from {path}: its tensors {saved_shapes} are not those of this network, {dict(shapes)}; "
            "use the same --cell, --hidden, --head, --patch, --conv, --static, --embed and columns"
        )
    if len(members) not in (1, number):
        raise ModelError(
            f"--init-from {path}: holds {len(members)} networks, not {number}; use --ensemble {len(members)}"
        )
    return list(members) if len(members) == number else list(members) * number


class Labelling(Protocol):
    """What has other labels for rows than their table."""

    def labels(self, data: SequenceData) -> NDArray[Any]:
        """Return (rows, O) what the loss compares outputs with."""


def encoded(
    model: Model, data: SequenceData, teacher: Labelling | None = None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64]]:
    """What the kernels learn from: inputs (rows, F) in the run's precision, scaled targets, weights of the steps.

    teacher: whose labels are learned in place of those of the table, where it has some.
    """
    inputs = model.encoder.transform(data, model.config.train.dtype)
    learned = changes(data, model.schema, model.encoder.rules)
    labels = model.task.labels(learned.y) if teacher is None else teacher.labels(data)
    return inputs, labels, model.scorer.step_weights(learned.y, learned.labelled, learned.weight)


def kernel_data(model: Model, data: SequenceData, teacher: Labelling | None = None) -> Any:
    """Tensors of the training kernel: encoded, in the run's precision; teacher: as of `encoded`."""
    from rnnfast.kernels.run.memory import training_data

    return training_data(*encoded(model, data, teacher), data.offsets, model.config.train.dtype)
