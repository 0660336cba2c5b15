"""A trained network that takes tables in original units and answers in original units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import CELLS, HEADS
from rnnfast.config.option import text_of
from rnnfast.config.resolve import Config
from rnnfast.data import Encoder, Scaler, Schema, SequenceData, Sequences, read_table
from rnnfast.data.encoding.substitutions import Substitution, looked_at, substitutions
from rnnfast.data.frames import frame_beside, with_types
from rnnfast.data.reading.arrays import is_arrays
from rnnfast.data.reading.opening import File, Table
from rnnfast.data.reading.request import writing_options
from rnnfast.data.sequences.context import Context, context_of
from rnnfast.data.sequences.trailing import without_requests
from rnnfast.display import Displayed, counted
from rnnfast.engines.engine import Engine
from rnnfast.engines.kernels import KERNELS
from rnnfast.equations.cell import Cell
from rnnfast.metrics.conformal import Conformal
from rnnfast.metrics.evaluation import Evaluation, brief
from rnnfast.model.answers import Answers, as_they_are, every_row_once, like_arrays, lines, steps_of
from rnnfast.model.architecture import architecture
from rnnfast.model.header import FORMAT_VERSION, Equations, Header, Network, Tables, packed
from rnnfast.model.intervals import with_interval
from rnnfast.model.linear_part import Beside, LinearPart
from rnnfast.model.members import Committee, separated
from rnnfast.model.outlook import Outlook
from rnnfast.model.provenance import Provenance
from rnnfast.model.questions import Questions, scored_rows
from rnnfast.network.architecture import Architecture
from rnnfast.network.front import reach_of
from rnnfast.records import UNSET, plain
from rnnfast.tasks import Target, Task, task_of
from rnnfast.tasks.linear import Linear
from rnnfast.tasks.outcomes import Outcomes
from rnnfast.tasks.scoring import Scorer
from rnnfast.tasks.trees import Trees
from rnnfast.writing import write_whole

if TYPE_CHECKING:
    import pandas as pd

    from rnnfast.model.online.stream import Stream

Floats = NDArray[np.floating[Any]]


@dataclass(repr=False, eq=False)
class Model(Displayed):
    """Weights, columns, encoder and scaler of the targets.

    parameters: tensors by their names in the file: PyTorch's, of an ensemble as of `members.joined`. cell: its
    equations. encoder, target_scaler: fitted on training rows; target_scaler leaves the labels of classes alone.
    target_mean: (O,) mean of the training targets, or the share of each class of a multiclass task: the baseline.
    threshold: probability from which a binary prediction is positive. temperature: what logits are divided by before
    they become probabilities. intervals: bounds of the errors of the answers. linear_part: what answers beside the
    network. linear, trees: the baselines of these names; trees are not stored. provenance: versions, metrics, digest
    and split of the training data. elsewhere: what computes outputs in place of this process. engine: what does here;
    of a model that was read, the kernels.

    Example:
        >>> import pandas as pd, rnnfast
        >>> table = pd.DataFrame({"id": [k // 4 for k in range(80)], "x": range(80), "y": [0, 1] * 40})
        >>> model = rnnfast.train(table, id="id", target="y", hidden=4, epochs=1).model
        >>> list(model.predict(table)), sorted(model.evaluate(table).metrics)[:2]
        (['id', 'y_pred', 'y_prob'], ['accuracy', 'auprc'])
    """

    parameters: dict[str, Floats]
    cell: Cell
    schema: Schema
    encoder: Encoder
    target_scaler: Scaler
    config: Config
    loss: str  # resolved: one of the catalogue
    target_mean: tuple[float, ...]
    class_weights: tuple[float, ...] = ()  # of each class in the loss; none: all alike
    threshold: float = 0.5
    temperature: float = 1.0
    intervals: Conformal | None = None
    linear_part: LinearPart | None = None
    linear: Linear | None = None
    trees: Trees | None = None
    provenance: Provenance = field(default_factory=Provenance)
    elsewhere: Committee | None = None
    engine: Engine = KERNELS

    def display(self) -> tuple[str, dict[str, str]]:
        """Return network, columns, and how it was trained."""
        model, training = self.config.model, self.provenance.training
        hidden = ",".join(map(str, model.hidden))
        several = f"{len(self.members)} networks, " if len(self.members) > 1 else ""
        front = "".join(
            f", {name} {text_of(rows)}" for name, rows in (("conv", model.conv), ("patch", model.patch)) if rows
        )
        network = f"{several}{model.cell} {hidden}{front}{', both directions' if model.bidirectional else ''}"
        network += f", {HEADS[model.head].phrase}" if HEADS[model.head].pools else ""
        lines = self.schema.display()
        if training is not None:
            lines["trained"] = f"{counted(training.epochs, 'epoch')} on {', '.join(training.source)}"
        part, metrics = next(reversed(self.provenance.metrics.items()), ("", {}))
        scores = {f"{part} part": brief(metrics)} if part else {}
        return f"{network}, {counted(self.parameter_count, 'parameter')}, {self.config.train.dtype}", lines | scores

    @property
    def architecture(self) -> Architecture:
        """What the kernels need to know of the network."""
        return architecture(self.config, self.cell, self.schema, self.encoder)

    @property
    def task(self) -> Task:
        """What the outputs of the network mean."""
        schema = self.schema
        scaler, mean = self.target_scaler, self.target_mean
        target = Target(schema.answers, schema.classes, self.loss, scaler, mean, self.threshold, self.temperature)
        return task_of(schema.task, target)

    @property
    def scorer(self) -> Scorer:
        """What scores outputs of the network."""
        return Scorer(self.task, self.class_weights, summed=self.config.train.reduction == "sum")

    @property
    def parameter_count(self) -> int:
        """Trainable numbers of all networks; bias_hh does not count where it is held at 0."""
        return sum(
            tensor.size
            for name, tensor in self.parameters.items()
            if self.config.model.recurrent_bias or "bias_hh" not in name
        )

    def context_of(self, schema: Schema) -> Context:
        """What answers for a table need of the rows around."""
        model = self.config.model
        return context_of(schema, self.architecture.remembers, model.bidirectional, reach_of(model.front))

    def questions(self, data: SequenceData) -> Questions:
        """What the network is asked to answer each row of data."""
        return Questions(Beside.of(self), data, self.context_of(data.schema), self.config.train.dtype)

    @property
    def members(self) -> tuple[dict[str, Floats], ...]:
        """The tensors of each network by PyTorch's names; one of a model that is no ensemble."""
        return separated(self.parameters)

    @property
    def networks(self) -> tuple[Model, ...]:
        """Each network as a model of its own."""
        return tuple(replace(self, parameters=tensors) for tensors in self.members)

    def committee(self) -> Committee:
        """What computes outputs with the weights of now; made once where data comes block by block."""
        return self.elsewhere or Committee(self.architecture, self.members, self.config.train.threads, self.engine)

    def outputs(self, data: SequenceData, committee: Committee | None = None) -> Floats:
        """Raw outputs, (rows, O): logits with bce and ce, else scaled targets; of an ensemble those of its mean answer.

        Changes are added to what they change from, and a linear part to them: outputs are scaled targets. NaN where no
        step of a front ends. Each row of a window has a full window of rows before it, wherever its table has one.
        """
        return self.task.average(self.questions(data).outputs(committee or self.committee()))

    def answers(self, data: SequenceData, committee: Committee | None = None, interval: int | None = None) -> Answers:
        """Answer each row of sequences that were read, in the order of data.x.

        interval: per cent of the truth that an interval, or a set of classes, shall hold; None: none is given.
        """
        task, outputs = self.task, self.questions(data).outputs(committee or self.committee())
        deviations = self._deviations(outputs)
        return with_interval(Answers(task.answers(task.average(outputs)), deviations), self.intervals, interval)

    def _deviations(self, outputs: Floats) -> Floats | None:
        """Standard deviation of the answers over several networks; None of a single one."""
        return self.task.spread(outputs) if len(outputs) > 1 else None

    @overload
    def predict(self, data: SequenceData | NDArray[Any]) -> Floats: ...
    @overload
    def predict(self, data: list[NDArray[Any]]) -> Floats | list[Floats]: ...
    @overload
    def predict(self, data: File | Sequence[File], interval: int | None = None) -> pd.DataFrame: ...
    def predict(self, data: Any, interval: int | None = None) -> Any:
        """Predict a table, with or without the target.

        An answer is the probability of the second class for a binary task, that of each class for a multiclass one, and
        in original units for a regression.
        Returns: of sequences that were read (rows, O), every step in the order of data.x; of a DataFrame or path the
        lines that the command `predict` writes, as a DataFrame with the index of the table; of arrays (n, T, F) their
        answers (n, T, O), of a list of (T_i, F) a list of (T_i, O), and where the last step is predicted (n, O).
        interval: per cent of the truth that intervals of the lines hold, as of the command; None: there are none.
        Raises DataError where data has other columns than the model.
        """
        if isinstance(data, SequenceData):
            return self.answers(data).values
        sequences = read_table(
            data, schema=every_row_once(self.schema), require_target=False, **writing_options(self.config.data)
        )
        outlook = Outlook(self.schema, self.encoder, self.config.data, sequences)
        predicted = self.answers(outlook.readable(sequences), interval=interval)
        if is_arrays(data):
            return like_arrays(sequences, predicted.values, data[0] if isinstance(data, tuple) else data)
        steps = steps_of(sequences)
        times = outlook.times(sequences, steps)
        rows, columns = lines(self.task, sequences, predicted, steps, as_they_are, times)
        answers = frame_beside(data, rows, columns, (self.schema.id, self.schema.time))
        unanswered = outlook.empty(sequences, steps)
        for name in predicted.columns(self.task, slice(0), as_they_are) if unanswered else ():
            answers[name] = answers[name].where(~np.isin(np.arange(len(answers)), unanswered))
        return with_types(answers, data, dict.fromkeys(times, self.schema.time))

    def substitutions(self, data: Sequences) -> tuple[Substitution, ...]:
        """Count the cells of data that this model does not take as they are: empty ones and unknown categories.

        Raises DataError as `predict`, and for a cell that the model has no rule for.
        """
        blocks = data.in_context(self.context_of(data.schema)).blocks(looked_at(self.encoder))
        return substitutions(self.encoder, blocks)

    def evaluate(self, data: Table | SequenceData, y: Any = None) -> Evaluation:
        """Score the labelled rows of a table, of sequences that were read, or of arrays with their labels y.

        Each row is scored once. Raises DataError where none has a label.
        """
        if not isinstance(data, SequenceData):
            data = read_table(data, y, schema=self.schema, **writing_options(self.config.data))
        data = scored_rows(without_requests(data, data, self.config.data))
        outcomes = self.outcomes(data)
        return replace(self.scorer.evaluate(outcomes), outcomes=outcomes)

    def outcomes(self, data: SequenceData) -> Outcomes:
        """Answer sequences that were read, beside their labels."""
        outputs = self.questions(data).outputs(self.committee())
        outcomes = self.scorer.outcomes(data, self.task.average(outputs), self._deviations(outputs))
        return outcomes.beside(self.linear, self.trees, self.encoder)

    def stream(self, **options: Any) -> Stream:
        """Answer rows as they come, each with the state of its id; options: max_ids, ttl, max_gap of `Stream`."""
        from rnnfast.model.online.stream import Stream

        return Stream(self, **options)

    def explain(self, data: Table | SequenceData, **options: Any) -> pd.DataFrame:
        """Attribute answers to inputs, a line for each step and feature; options: of `explain.frames.attributions`."""
        from rnnfast.model.explain.frames import attributions

        return attributions(self, data, **options)

    def importance(self, data: Table | SequenceData, y: Any = None, **options: Any) -> pd.DataFrame:
        """Tell what the score loses without a feature; options: groups, repeats, seed of `explain.importance`."""
        from rnnfast.model.explain.frames import importances

        return importances(self, data, y, **options)

    def trained_on(self, data: Sequences) -> bool:
        """Whether data holds the very files that the model was trained on."""
        return bool(self.provenance.data_digest == data.digest)

    @property
    def header(self) -> Header:
        """What the model file holds beside tensors, encoder and provenance."""
        return Header(
            format_version=FORMAT_VERSION,
            architecture=Network.of(self.config, self.encoder, self.schema.outputs),
            task=self.schema.task,
            loss=self.loss,
            columns=self.schema,
            target_scaler=self.target_scaler.record(),
            target_mean=self.target_mean,
            class_weights=self.class_weights,
            threshold=self.threshold,
            temperature=UNSET if self.temperature == 1 else self.temperature,
            intervals=self.intervals or UNSET,
            members=len(self.members) if len(self.members) > 1 else UNSET,
            equations=UNSET if self.config.model.cell in CELLS else Equations(**self.cell.to_json()),
            linear_part=self.linear_part or UNSET,
            linear=self.linear or UNSET,
            config=Tables(**{table: asdict(section) for table, section in self.config.tables.items()}),
        )

    @property
    def content(self) -> dict[str, Any]:
        """What a model file holds beside the tensors."""
        return dict(plain(self.provenance) | plain(self.encoder.record()) | plain(self.header))

    def save(self, path: str | Path) -> None:
        """Write the model file; it appears under its name only when it is complete."""
        write_whole(Path(path), self.to_bytes())

    def to_bytes(self) -> bytes:
        """Return the bytes of the model file."""
        return packed(self.content, self.parameters)
