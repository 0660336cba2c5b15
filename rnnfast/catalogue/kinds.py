"""What is said of a cell, an activation, a loss and of every other kind of entry of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass

# What the labels of a step are: which losses and metrics make sense follows from it.
QUANTITIES = "quantities"  # a number for each target
TWO_CLASSES = "two classes"  # 0 or 1, for one output
CLASSES = "classes"  # the index of a class, of which each has an output


@dataclass(frozen=True)
class Cell:
    """What happens to the state at each step.

    activation: whether `--activation` chooses its function. recurrent: whether it has a state; else each step stands
    by itself. plain_sgd: whether one update of plain SGD per sequence serves it best where one output says it all;
    all others start with adam and small batches. usual: whether `doctor --warm-up` compiles its kernels unasked.
    """

    name: str
    activation: bool = False
    recurrent: bool = True
    plain_sgd: bool = False
    usual: bool = True


@dataclass(frozen=True)
class Head:
    """What the outputs of a step are computed from: the states of the top layer at that step, or at all up to it.

    phrase: what a person reads. blocks: so many times as wide as the states. pools: whether earlier steps count; else
    it is the step's own state. query: whether it has a trained vector, `head.query`.
    """

    name: str
    phrase: str
    blocks: int = 1
    pools: bool = True
    query: bool = False


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
    quartiles, beside the range. ranks: whether values become ranks; of_targets: whether targets are scaled by it where
    all columns are.
    """

    name: str
    fitted: bool = True
    moments: bool = False
    quartiles: bool = False
    ranks: bool = False
    of_targets: bool = True


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

    gamma: the default of `--lr-gamma`; drops, waits: whether that and `--lr-step` have an effect. per_update: whether
    every update has a rate of its own, else every epoch. watches: whether it follows the validation loss.
    """

    name: str
    gamma: float = 0.1
    drops: bool = False
    waits: bool = False
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
    quick: whether it is computed after every epoch. share: whether people read it as per cent. headline: of the metrics
    of a task the one with the highest number here says most; it stands beside the loss in the line of an epoch, and
    first in a table of scores.
    """

    name: str
    phrase: str
    labels: tuple[str, ...]
    lower_is_better: bool = False
    probability: bool = False
    quick: bool = False
    share: bool = False
    headline: int = 0


@dataclass(frozen=True)
class Task:
    """What the target is.

    labels: the kind of its labels. loss: the default one; all that take such labels fit. naive: what the naive answer
    is, for a person. what: the target in a message. linear: what the linear baseline is.
    """

    name: str
    labels: str
    loss: str
    naive: str
    what: str
    linear: str = "logistic regression"

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

    def fits(self, classes: int, targets: int) -> bool:
        """Whether a target can have so many classes, and a table so many of such targets."""
        least, most = {QUANTITIES: (0, 0), TWO_CLASSES: (2, 2), CLASSES: (2, classes)}[self.labels]
        return least <= classes <= most and (targets == 1 or not classes)
