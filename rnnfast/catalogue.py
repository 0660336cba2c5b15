"""Every cell, activation, loss, optimizer, scaling, fill, schedule, init, metric and task, and what is true of it.

A name stands here once. Options with their choices and help, messages, the screen, defaults and the benchmark read its
properties from here; what computes it is registered under the same name by the room that computes. An entry without its
implementation, or an implementation without its entry, is an error that says so (`implementation`, and a test).

| entries     | implementations                                                    |
|-------------|--------------------------------------------------------------------|
| CELLS       | rnnfast.kernels.rules.cells                                        |
| ACTIVATIONS | rnnfast.kernels.rules.activations                                  |
| LOSSES      | rnnfast.kernels.rules.losses, and for whole tables metrics.loss    |
| OPTIMIZERS  | rnnfast.kernels.rules.optimizers                                   |
| SCALINGS    | rnnfast.data.encoding.scaling                                      |
| FILLS       | rnnfast.data.encoding                                              |
| SCHEDULES   | rnnfast.training.schedules                                         |
| INITS       | rnnfast.model.initialise                                           |
| METRICS     | rnnfast.metrics: a module for each kind of labels                  |
| TASKS       | rnnfast.tasks: a class for each                                    |

Nothing but the standard library is imported, so that `rnnfast --help` is quick.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

# What the labels of a step are: which losses and metrics make sense follows from it.
QUANTITIES = "quantities"  # a number for each target
TWO_CLASSES = "two classes"  # 0 or 1, for one output
CLASSES = "classes"  # the index of a class, of which each has an output


class Named(Protocol):
    """An entry of the catalogue."""

    @property
    def name(self) -> str:
        """The word of options, files and JSON."""


Entry = TypeVar("Entry", bound=Named)
Implementation = TypeVar("Implementation")


@dataclass(frozen=True)
class Cell:
    """What happens to the state at each step.

    activation: whether `--activation` chooses its function. recurrent: whether it has a state; else each step stands
    by itself. plain_sgd: whether one update of plain SGD per sequence serves it best where one output says it all;
    all others start with adam and small batches.
    """

    name: str
    activation: bool = False
    recurrent: bool = True
    plain_sgd: bool = False


@dataclass(frozen=True)
class Activation:
    """A function of one number, of cells that have one to choose."""

    name: str


@dataclass(frozen=True)
class Loss:
    """What training makes small.

    labels: the kinds of labels that it can be trained on. logits: whether outputs are logits of probabilities; else
    they are the prediction itself. per_step: whether it is one number over all outputs of a step, with the index of the
    class as the label; else one for each output.
    """

    name: str
    labels: tuple[str, ...]
    logits: bool = False
    per_step: bool = False


@dataclass(frozen=True)
class Optimizer:
    """A rule that moves the weights.

    m, v: whether it keeps a first and a second moment of the gradient. lr: its default learning rate. decay: its
    default weight decay. momentum: whether `--momentum` has an effect.
    """

    name: str
    m: bool = False
    v: bool = False
    lr: float = 0.005
    decay: float = 0.0
    momentum: bool = False


@dataclass(frozen=True)
class Scaling:
    """How a column of numbers is scaled.

    fitted: whether it depends on the training rows; moments, quartiles: whether it needs mean and deviation, or the
    quartiles, beside the range.
    """

    name: str
    fitted: bool = True
    moments: bool = False
    quartiles: bool = False


@dataclass(frozen=True)
class Fill:
    """What an empty cell of a feature becomes.

    phrase: what a person reads. fills: whether the cell gets a value, else it is an error. carried: whether the value
    is the one before in the same sequence, and a fixed one only where there is none. mean: whether the fixed value
    of numbers is the mean of the training rows, else 0.
    """

    name: str
    phrase: str
    fills: bool = True
    carried: bool = False
    mean: bool = False


@dataclass(frozen=True)
class Schedule:
    """The course of the learning rate.

    gamma: the default of `--lr-gamma`. per_update: whether every update has a rate of its own, else every epoch.
    watches: whether it follows the validation loss.
    """

    name: str
    gamma: float = 0.1
    per_update: bool = False
    watches: bool = False


@dataclass(frozen=True)
class Init:
    """How initial weights are drawn. biases: whether biases are drawn too; else they are 0."""

    name: str
    biases: bool = False


@dataclass(frozen=True)
class Metric:
    """A figure of merit, a number or None where it is undefined.

    phrase: what it is. labels: the kinds of labels that it is for. lower_is_better: of all others the larger value is
    better. probability: whether it needs probabilities, or at least an order of the answers; else labels will do.
    quick: whether it is computed after every epoch. headline: the one shown beside the loss in the line of an epoch is
    the one with the highest number here; 0: never.
    """

    name: str
    phrase: str
    labels: tuple[str, ...]
    lower_is_better: bool = False
    probability: bool = False
    quick: bool = False
    headline: int = 0


@dataclass(frozen=True)
class Task:
    """What the target is.

    labels: the kind of its labels. loss: the default one; all that take such labels fit. naive: what the naive answer
    is, for a person. what: the target in a message.
    """

    name: str
    labels: str
    loss: str
    naive: str
    what: str

    @property
    def classes(self) -> bool:
        """Whether labels are classes, stored as indices; they are not scaled."""
        return self.labels != QUANTITIES

    @property
    def output_per_class(self) -> bool:
        """Whether a network has an output for each class; else one for each target."""
        return self.labels == CLASSES

    @property
    def threshold(self) -> bool:
        """Whether the answer is a probability that a threshold turns into one of two classes."""
        return self.labels == TWO_CLASSES

    @property
    def losses(self) -> tuple[str, ...]:
        """The losses that it can be trained with, the default first."""
        fitting = [loss.name for loss in LOSSES.values() if self.labels in loss.labels]
        return tuple(sorted(fitting, key=lambda name: name != self.loss))

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics that its labels have, in the order in which they are shown."""
        return tuple(metric for metric in METRICS.values() if self.labels in metric.labels)

    def fits(self, classes: int, targets: int) -> bool:
        """Whether a target can have so many classes, and a table so many of such targets."""
        least, most = {QUANTITIES: (0, 0), TWO_CLASSES: (2, 2), CLASSES: (2, classes)}[self.labels]
        return least <= classes <= most and (targets == 1 or not classes)


def _by_name(*entries: Entry) -> dict[str, Entry]:
    return {entry.name: entry for entry in entries}


CELLS = _by_name(
    Cell("rnn", activation=True, plain_sgd=True),
    Cell("gru"),
    Cell("lstm"),
    Cell("mlp", activation=True, recurrent=False),
)

ACTIVATIONS = _by_name(
    *map(Activation, ("tanh", "relu", "leaky_relu", "sigmoid", "elu", "swish", "gelu", "identity")),
)

LOSSES = _by_name(
    Loss("mse", (QUANTITIES, TWO_CLASSES)),
    Loss("mae", (QUANTITIES, TWO_CLASSES)),
    Loss("huber", (QUANTITIES, TWO_CLASSES)),
    Loss("bce", (TWO_CLASSES,), logits=True),
    Loss("ce", (CLASSES,), logits=True, per_step=True),
)

OPTIMIZERS = _by_name(
    Optimizer("sgd", lr=0.05),
    Optimizer("momentum", m=True, lr=0.01, momentum=True),
    Optimizer("nesterov", m=True, lr=0.01, momentum=True),
    Optimizer("adam", m=True, v=True),
    Optimizer("adamw", m=True, v=True, decay=0.01),
    Optimizer("rmsprop", v=True),
    Optimizer("adagrad", v=True, lr=0.05),
)

SCALINGS = _by_name(
    Scaling("minmax"),
    Scaling("zscore", moments=True),
    Scaling("robust", quartiles=True),
    Scaling("none", fitted=False),
)

FILLS = _by_name(
    Fill("error", "an error", fills=False),
    Fill("zero", "0"),
    Fill("mean", "mean", mean=True),
    Fill("ffill", "the last value", carried=True, mean=True),
)

SCHEDULES = _by_name(
    Schedule("constant"),
    Schedule("step"),
    Schedule("exponential", gamma=0.95),
    Schedule("cosine"),
    Schedule("onecycle", per_update=True),
    Schedule("plateau", watches=True),
)

INITS = _by_name(Init("xavier"), Init("he"), Init("orthogonal"), Init("uniform", biases=True))

_BOTH = (TWO_CLASSES, CLASSES)
METRICS = _by_name(
    Metric("accuracy", "share of the labels that are predicted right", _BOTH, quick=True, headline=1),
    Metric("balanced_accuracy", "mean recall of the classes that occur", _BOTH),
    Metric("precision", "share of the predicted positives that are right", (TWO_CLASSES,)),
    Metric("recall", "share of the positives that are found", (TWO_CLASSES,)),
    Metric("specificity", "share of the negatives that are left alone", (TWO_CLASSES,)),
    Metric("f1", "harmonic mean of precision and recall", (TWO_CLASSES,), quick=True, headline=4),
    Metric("mcc", "correlation of labels and predictions", (TWO_CLASSES,)),
    Metric("auroc", "share of the pairs of both classes in right order", (TWO_CLASSES,), probability=True),
    Metric("auprc", "mean precision over all thresholds", (TWO_CLASSES,), probability=True, headline=5),
    Metric("macro_f1", "mean of the f1 of each class", (CLASSES,), quick=True, headline=3),
    Metric("log_loss", "mean of -ln p of the true class", _BOTH, lower_is_better=True, probability=True),
    Metric("brier", "mean squared error of the probability", (TWO_CLASSES,), lower_is_better=True, probability=True),
    Metric("mae", "mean absolute error", (QUANTITIES,), lower_is_better=True),
    Metric("rmse", "root of the mean squared error", (QUANTITIES,), lower_is_better=True, quick=True, headline=1),
    Metric("mape", "mean of |error| / |label|", (QUANTITIES,), lower_is_better=True),
    Metric("r2", "share of the variance that is explained", (QUANTITIES,), quick=True, headline=2),
    Metric("within_5pct", "share of the predictions within 5 % of the label", (QUANTITIES,)),
    Metric("within_10pct", "share of the predictions within 10 % of the label", (QUANTITIES,)),
)

TASKS = _by_name(
    Task("binary", TWO_CLASSES, "bce", naive="the majority class", what="the task is binary"),
    Task("multiclass", CLASSES, "ce", naive="the majority class", what="the task is multiclass"),
    Task("regression", QUANTITIES, "mse", naive="the mean", what="the target is a quantity (regression)"),
)


def cell(name: str) -> Cell:
    """Return the facts of a cell; one of the user's own, which is not in CELLS, has a state and no activation."""
    return CELLS.get(name) or Cell(name)


def lower_is_better(metric: str) -> bool:
    """Whether the smaller value of a metric is the better one; "loss" is one whatever the loss."""
    return metric == "loss" or (metric in METRICS and METRICS[metric].lower_is_better)


def implementation(kind: str, name: str, implementations: Mapping[str, Implementation]) -> Implementation:
    """Return what computes an entry.

    kind: what it is, for the message. Raises NotImplementedError where the entry stands in the catalogue alone.
    """
    try:
        return implementations[name]
    except KeyError:
        raise NotImplementedError(
            f"{kind} {name!r} stands in rnnfast/catalogue.py but is not implemented; implemented are "
            f"{', '.join(map(str, implementations))}"
        ) from None


def listed(names: Iterable[str], last: str = "and") -> str:
    """Join words for a sentence: "a", "a and b", "a, b and c"."""
    *first, end = names
    return f"{', '.join(first)} {last} {end}" if first else end
