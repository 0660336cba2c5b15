"""The tables of a configuration: every option of a training run with its default, meaning and range, declared once.

A new option is one new field; resolve.py makes keys, flags, variables and keyword arguments of it, and
tests/typed_options.py writes its type into typed.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from rnnfast.catalogue import (
    ACTIVATIONS,
    CELLS,
    HEADS,
    INITS,
    LOSS,
    LOSSES,
    METRICS,
    OPTIMIZERS,
    SCHEDULES,
    cell,
)
from rnnfast.config import sentences
from rnnfast.config.data_section import DataConfig as DataConfig
from rnnfast.config.data_section import reading_options as reading_options
from rnnfast.config.forms import CELL_FORM, augmentations, check_embed, check_hidden, check_patch, embedding_of, seconds
from rnnfast.config.option import Words, option
from rnnfast.config.output_section import OutputConfig as OutputConfig
from rnnfast.config.rules import rule_of
from rnnfast.errors import UsageError

PRESETS = ("auto", "best", "fast", "original")
ENGINES, DEVICES = ("numba", "torch"), ("cpu", "cuda")


@dataclass(frozen=True)
class ModelConfig:
    """Architecture and initial weights: table `[model]`."""

    preset: str = option(
        "auto",
        "What chooses the options that nobody gives: auto: the table, best: a race of candidates on folds of the rows "
        "that train, then an ensemble, fast: small networks by plain rules, original: the rule of RNN-Rust.",
        choices=PRESETS,
    )
    budget: str | None = option(
        None,
        "With --preset best: work of about this time on two cores, 90s, 10m; default 30s. It is counted, not timed: a "
        "seed gives the same network anywhere.",
        metavar="TIME",
    )
    cell: str = option(
        "rnn",
        f"Recurrent cell; {sentences.cells(recurrent=False)} has no state: each step by itself; lru and mingru "
        "remember a thousand steps.",
        choices=Words(CELLS),
        form=CELL_FORM,
        path=True,
    )
    hidden: tuple[int, ...] = option(
        (10,), "Hidden units; '64,32' stacks two layers.", kind=int, many=True, metavar="N[,N]", least=1
    )
    head: str = option(
        "last",
        "What outputs see of the states: the step's own, mean, maximum or attention over all steps up to it; all: the "
        "first three side by side.",
        choices=Words(HEADS),
    )
    patch: tuple[int, ...] = option(
        (),
        "A step of the cell is a dense layer with ReLU over the last K rows, one every S rows; S is K where only K is "
        "given, 1 to K; off: none.",
        kind=int,
        many=True,
        metavar="K[,S]",
        least=1,
        off=True,
    )
    conv: tuple[int, ...] = option(
        (),
        "Convolutions with ReLU over the last W rows, in front of cell and --patch; '5,3': two layers, off: none.",
        kind=int,
        many=True,
        metavar="W[,W]",
        least=1,
        off=True,
    )
    static: tuple[str, ...] = option(
        (),
        "Features that are constant in an id, 'x*' matches by name: they begin the states and enter the outputs, and "
        "no step sees them; off: none.",
        many=True,
        metavar="COLUMN,...",
        off=True,
    )
    embed: tuple[str, ...] = option(
        (),
        "Columns of categories that are told in K learned numbers, in the place of an input for each category; K is "
        "half the categories where it is left out, 50 at most; off: none.",
        many=True,
        metavar="COLUMN[=K],...",
        off=True,
    )
    activation: str = option(
        "tanh",
        f"Activation of {sentences.cells(activation=True)}; {sentences.cells(activation=False)} have their own.",
        choices=Words(ACTIVATIONS),
    )
    bidirectional: bool = option(False, "Run every layer in both directions.", kind=bool)
    dropout: float = option(
        0.0, "Share of the states between layers that is zeroed in training.", kind=float, least=0, below=1
    )
    init: str = option("xavier", "Initial weights (biases are 0, with uniform drawn too).", choices=Words(INITS))
    init_range: float | None = option(
        None, "With --init uniform: draw from (-R, R); default 1/sqrt(hidden), as PyTorch.", kind=float, above=0
    )
    ensemble: int = option(
        1, "Train N networks that differ by seed, and answer with the mean of their answers.", kind=int, least=1
    )
    bag: bool = option(
        False, "Train each network of an ensemble on a draw of the ids, and score it on those left out.", kind=bool
    )
    distil: bool = option(
        False, "Train one network on the answers of the ensemble: the model file holds that one alone.", kind=bool
    )
    linear_part: bool = option(
        False,
        "Let a linear part of the inputs, of their changes and of averages of past targets answer beside the network, "
        "by as much as the validation part says; of all values, where equally long sequences have a quantity each, or "
        "of shapes, where each has one class.",
        kind=bool,
    )
    recurrent_bias: bool = option(True, "Train bias_hh beside bias_ih, as PyTorch does; off: it stays 0.", kind=bool)

    def __post_init__(self) -> None:
        """Check what concerns several values."""
        seconds(self.budget, "budget")
        check_patch(self.patch, self.conv)
        check_hidden(self.hidden)
        check_embed(self.embed)

    @property
    def embedded(self) -> tuple[str, ...]:
        """Names, and patterns, of the columns that are embedded."""
        return tuple(embedding_of(item)[0] for item in self.embed)

    @property
    def front(self) -> tuple[tuple[int, int, int], ...]:
        """Layers in front of the cell: the rows that each stacks, its stride, and its units."""
        patches = [(self.patch[0], self.patch[-1])] if self.patch else []
        return tuple((rows, stride, self.hidden[0]) for rows, stride in (*((rows, 1) for rows in self.conv), *patches))

    @property
    def chosen_activation(self) -> str | None:
        """The activation, None for a cell whose activations are fixed."""
        return self.activation if cell(self.cell).activation else None


def check_directions(config: ModelConfig, recurrent: bool) -> None:
    """Raise UsageError for two directions of a cell that has no state."""
    if config.bidirectional and not recurrent:
        raise UsageError(f"--cell {config.cell} has no state and so no direction; leave --bidirectional out")


@dataclass(frozen=True)
class TrainConfig:
    """Optimization: table `[train]`."""

    epochs: int = option(100, "Passes over the training sequences; 0 writes the initial model.", kind=int, least=0)
    batch_size: int | None = option(
        None,
        "Sequences per update; default up to 16, 20 updates per epoch; with --preset fast 1 for "
        f"{sentences.cells(plain_sgd=True)} with one output.",
        kind=int,
        least=1,
    )
    loss: str = option("auto", sentences.losses(), choices=Words(LOSSES, "auto"))
    reduction: str = option(
        "mean", "Mean of the loss over the labelled steps of a batch, or their sum.", choices=("mean", "sum")
    )
    optimizer: str = option(
        "auto",
        f"Update rule; auto: sgd for {sentences.cells(plain_sgd=True)} with one output, else adam.",
        choices=Words(OPTIMIZERS, "auto"),
    )
    lr: float | None = option(None, f"Learning rate; default {sentences.learning_rates()}.", kind=float, above=0)
    momentum: float = option(0.9, f"Of {sentences.optimizers(momentum=True)}.", kind=float, least=0, below=1)
    weight_decay: float | None = option(
        None,
        f"L2 penalty, decoupled with adamw; default 0.05 by --preset auto, else {sentences.decays()}.",
        kind=float,
        least=0,
    )
    clip_norm: float = option(0.0, "Scale gradients down to this norm; 0: never.", kind=float, least=0)
    schedule: str = option("constant", "Course of the learning rate.", choices=Words(SCHEDULES))
    lr_step: int = option(30, "With step: epochs between drops; with plateau: evaluations to wait.", kind=int, least=1)
    lr_gamma: float | None = option(None, f"Factor of a drop; default {sentences.gammas()}.", kind=float, above=0)
    class_weight: tuple[str, ...] = option(
        ("none",),
        "Weight of the classes in the loss: none, balanced, some by name as in fraud=2, or a number per class.",
        many=True,
        metavar="W,...",
    )
    tbptt: int = option(
        0, "Truncated BPTT: update every K steps, the state is carried on; 0: whole sequences.", kind=int, least=0
    )
    patience: int = option(
        10,
        "Stop after N evaluations without a better validation loss and restore the best weights; 0: never. --preset "
        "auto takes at least 30, and so many that they hold 1,500 updates.",
        kind=int,
        least=0,
    )
    monitor: str = option(
        LOSS,
        "Figure of the validation part that patience and --schedule plateau watch: loss, or a metric of the task.",
        choices=Words(METRICS, LOSS),
        metavar="METRIC",
    )
    average: int = option(
        1,
        "Take the mean weights of the N epochs that were best on the validation part; 1: those of the best one.",
        kind=int,
        least=1,
    )
    refit: bool = option(
        False,
        "Train again from the start on the training and the validation part, for the epochs that were best; scores of "
        "the validation part are those of the model before.",
        kind=bool,
    )
    max_time: str | None = option(
        None,
        "Stop after this time of training: 90s, 10m, 1h. Validation between epochs counts, compiling does not.",
        metavar="TIME",
    )
    outer: str = option("average", "How rounds of --shards end: a mean, or a step.", choices=("average", "nesterov"))
    rounds: int | None = option(None, "Rounds of a pass with --shards; default: by their work.", kind=int, least=1)
    shuffle: bool = option(True, "Visit the sequences in a new random order each epoch.", kind=bool)
    random_start: bool = option(
        False, "Begin each training sequence at a random step, another one in each epoch.", kind=bool
    )
    augment: tuple[str, ...] = option(
        (),
        "Change the training sequences anew in each epoch: drop=P puts the mean of its column in the place of a share "
        "of the values, 0.1 where P is left out; mixup=P mixes sequences that have a class each, and their classes, in "
        "shares drawn from Beta(P, P), 0.2; shift=P moves the levels of each sequence by P times, 1, what they differ "
        "by; off: nothing.",
        many=True,
        metavar="drop[=P],mixup[=P],shift[=P]",
        off=True,
    )
    seed: int = option(0, "Seed of split, initial weights and order (separate streams).", kind=int, least=0)
    threads: int | None = option(
        None, "Threads at most; default: all cores where the work is worth sharing.", kind=int, least=1
    )
    engine: str = option(
        "numba",
        "What trains: the kernels of this package on the CPU, or PyTorch (extra: torch), which has GPUs: the same "
        "rule, files and scores.",
        choices=ENGINES,
    )
    device: str = option("cpu", "Of --engine torch: where it computes.", choices=DEVICES)
    baseline: tuple[str, ...] = option(
        (),
        "Score other answers beside the naive one; linear: logistic or ridge regression on the inputs of a step; "
        "trees: gradient boosting on values, means, slopes and lags (extra: sklearn).",
        many=True,
        metavar="NAME",
        choices=("linear", "trees"),
    )
    init_from: str | None = option(None, "Model whose weights to start from.", metavar="MODEL", path=True)
    dtype: str = option("float32", "Precision of weights and arithmetic.", choices=("float32", "float64"))
    eval_every: int = option(1, "Evaluate on the validation part every N epochs (and at the end).", kind=int, least=1)
    threshold: str = option(
        "0.5",
        "Probability from which on the second of two classes is predicted: a number, or a rule by which validation "
        "chooses it: f1, cost:fp=1,fn=50, 'precision>=0.9', 'recall>=0.8', 'alarms<=10/1000', 'events:recall>=0.8', "
        "'events:alarms<=2/day'.",
        metavar="RULE",
        numbers=True,
    )
    calibrate: str = option(
        "none",
        "Divide the logits by a temperature, fitted on validation, so that probabilities are shares; comes before "
        "--threshold.",
        choices=("none", "temperature"),
    )

    def __post_init__(self) -> None:
        """Check the duration, the rule, and how sequences are changed."""
        seconds(self.max_time)
        rule_of(self.threshold)
        augmentations(self.augment)
