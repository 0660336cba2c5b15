"""A trained network that takes tables in original units and answers in original units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from rnnfast.config.resolve import Config
from rnnfast.data import Encoder, Scaler, Schema, SequenceData, Sequences, read_table
from rnnfast.data.encoding.substitutions import Substitution, looked_at, substitutions
from rnnfast.data.reading.opening import File, Table
from rnnfast.data.reading.request import writing_options
from rnnfast.data.sequences.context import Context, context_of
from rnnfast.data.sequences.trailing import without_requests
from rnnfast.display import Displayed
from rnnfast.engines.engine import Engine
from rnnfast.engines.kernels import KERNELS
from rnnfast.equations.cell import Cell
from rnnfast.metrics.conformal import Conformal
from rnnfast.metrics.evaluation import Evaluation
from rnnfast.model.answers import Answers
from rnnfast.model.architecture import architecture
from rnnfast.model.frames import predicted
from rnnfast.model.header import Header, header_of, packed
from rnnfast.model.intervals import with_interval
from rnnfast.model.linear_part import Beside, LinearPart
from rnnfast.model.members import Committee, separated
from rnnfast.model.provenance import Provenance
from rnnfast.model.questions import Questions, scored_rows
from rnnfast.model.summary import summary
from rnnfast.network.architecture import Architecture
from rnnfast.network.front import reach_of
from rnnfast.records import plain
from rnnfast.tasks import Target, Task, task_of
from rnnfast.tasks.linear import Linear
from rnnfast.tasks.outcomes import Outcomes
from rnnfast.tasks.scoring import Scorer
from rnnfast.tasks.trees import Trees
from rnnfast.writing import write_whole

if TYPE_CHECKING:
    import pandas as pd

    from rnnfast.model.live.stream import Stream

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
        >>> data = rnnfast.read_table(table, id="id", target="y")  # what the examples of methods go on with
        >>> model = rnnfast.train(data, hidden=4, epochs=1).model
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
        return summary(self)

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
        """What answers for a table of this schema need of the rows around.
        >>> model.context_of(data.schema).before > 1000  # all of them
        True
        """
        model = self.config.model
        return context_of(schema, self.architecture.remembers, model.bidirectional, reach_of(model.front))

    def questions(self, data: SequenceData) -> Questions:
        """What the network is asked to answer each row of data.
        >>> model.questions(data).outputs(model.committee()).shape  # networks, rows, outputs
        (1, 80, 1)
        """
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
        """What computes outputs with the weights of now; made once where data comes block by block.
        >>> model.outputs(data, model.committee()).shape
        (80, 1)
        """
        return self.elsewhere or Committee(self.architecture, self.members, self.config.train.threads, self.engine)

    def outputs(self, data: SequenceData, committee: Committee | None = None) -> Floats:
        """Raw outputs, (rows, O): logits with bce and ce, else scaled targets; of an ensemble those of its mean answer.

        Changes are added to what they change from, and a linear part to them, so that outputs are scaled targets. NaN
        where no step of a front ends.

        Each row of a window is answered with a full window of rows before it, wherever its table has one.
        >>> model.outputs(data).shape
        (80, 1)
        """
        return self.task.average(self.questions(data).outputs(committee or self.committee()))

    def answers(self, data: SequenceData, committee: Committee | None = None, interval: int | None = None) -> Answers:
        """Answer each row of sequences that were read, in the order of data.x.

        interval: per cent of the truth that an interval, or a set of classes, shall hold; None: none is given.
        >>> answers = model.answers(data)
        >>> answers.values.shape, answers.spread is None
        ((80, 1), True)
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
        >>> model.predict(data).shape, model.predict(table.drop(columns="y")).shape
        ((80, 1), (80, 3))
        """
        if isinstance(data, SequenceData):
            return self.answers(data).values
        return predicted(self, data, interval)

    def substitutions(self, data: Sequences) -> tuple[Substitution, ...]:
        """Count the cells of data that this model does not take as they are: empty ones and unknown categories.

        Raises DataError as `predict`, and for a cell that the model has no rule for.
        >>> model.substitutions(data)
        ()
        """
        blocks = data.in_context(self.context_of(data.schema)).blocks(looked_at(self.encoder))
        return substitutions(self.encoder, blocks)

    def evaluate(self, data: Table | SequenceData, y: Any = None) -> Evaluation:
        """Score the labelled rows of a table, of sequences that were read, or of arrays with their labels y.

        Each row is scored once. Raises DataError where none has a label.
        >>> model.evaluate(table).labelled_steps
        80
        """
        if not isinstance(data, SequenceData):
            data = read_table(data, y, schema=self.schema, **writing_options(self.config.data))
        data = scored_rows(without_requests(data, data, self.config.data))
        outcomes = self.outcomes(data)
        return replace(self.scorer.evaluate(outcomes), outcomes=outcomes)

    def outcomes(self, data: SequenceData, outputs: NDArray[Any] | None = None) -> Outcomes:
        """Answer sequences that were read, beside their labels; outputs: (members, rows, O), where they are there.
        >>> model.outcomes(data).y.shape
        (80, 1)
        """
        outputs = self.questions(data).outputs(self.committee()) if outputs is None else outputs
        average, deviations = self.task.average(outputs), self._deviations(outputs[:, data.labelled])
        return self.scorer.outcomes(data, average, deviations).beside(self.linear, self.trees, self.encoder)

    def stream(self, **options: Any) -> Stream:
        """Answer rows as they come, each with the state of its id; options and defaults: those of `Stream`.
        >>> model.stream(max_ids=1000).step("card 7", [3.5]).shape
        (1,)
        """
        from rnnfast.model.live.stream import Stream

        return Stream(self, **options)

    def explain(self, data: Table | SequenceData, **options: Any) -> pd.DataFrame:
        """Attribute answers to inputs, a line for each step and feature; options: of `explain.frames.attributions`.
        >>> len(model.explain(table, sequences=5))  # of 4 steps each
        20
        """
        from rnnfast.model.explain.frames import attributions

        return attributions(self, data, **options)

    def importance(self, data: Table | SequenceData, y: Any = None, **options: Any) -> pd.DataFrame:
        """Tell what the score loses without a feature; options: of `explain.frames.importances`.
        >>> sorted(model.importance(table)["feature"])
        ['(order of the steps)', 'x']
        """
        from rnnfast.model.explain.frames import importances

        return importances(self, data, y, **options)

    def trained_on(self, data: Sequences) -> bool:
        """Whether data holds the very files that the model was trained on.
        >>> model.trained_on(data)
        True
        """
        return bool(self.provenance.data_digest == data.digest)

    @property
    def header(self) -> Header:
        """What the model file holds beside tensors, encoder and provenance."""
        return header_of(self)

    @property
    def content(self) -> dict[str, Any]:
        """What a model file holds beside the tensors."""
        return dict(plain(self.provenance) | plain(self.encoder.record()) | plain(self.header))

    def save(self, path: str | Path) -> None:
        """Write the model file; it appears under its name only when it is complete.
        >>> model.save("model.safetensors")
        """
        write_whole(Path(path), self.to_bytes())

    def to_bytes(self) -> bytes:
        """Return the bytes of the model file.
        >>> len(model.to_bytes()) > 1000
        True
        """
        return packed(self.content, self.parameters)
