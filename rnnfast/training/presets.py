"""What options become that nobody gave: by the sizes of the training part, each with its reason.

A preset is a list of rules, one for each option, in an order in which a rule may look at what earlier ones chose. Sizes
are all that they see, and of the values one bit (persistence.py), which the rows that train decide: nothing of a
validation or test part has a say. `fast` has no rule: it is what options are declared with. docs/defaults.md has the
measurements behind the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from rnnfast.catalogue import LOSS, OPTIMIZERS, TASKS, cell, losses_of
from rnnfast.config.effects import refused_beside_linear_part
from rnnfast.config.option import text_of
from rnnfast.config.resolve import Config
from rnnfast.records import UNSET, Record
from rnnfast.training.linear_part import goes_with
from rnnfast.training.shapes import MOST_SEQUENCES
from rnnfast.training.size import Size

BY_SIZES = ("auto", "best")  # presets that begin with these rules
LARGEST_BATCH = 16
UPDATES = 20  # per epoch at least, where there are so many sequences
STOPPING_UPDATES = 1500  # without a better validation loss at least: few sequences have few of them in an epoch
# Schedule -> epochs where sequences are many, and updates at least: few sequences have few of them in an epoch.
COURSES = {"constant": (100, 5000), "onecycle": (30, 3000)}
PATIENCE = 30  # evaluations, where sequences are many
FEWEST_EPOCHS = 20
PATCHES = ((90, 4), (45, 2))  # steps of a long sequence at least, and rows that are then a step
FEW_SEQUENCES = 200  # with a label each: too few to choose an epoch by a fifth of them
MOST_STEPS = 4_000_000  # of a whole run, but for the fewest epochs: some 5 s on one core
DECAY = 0.05  # of the weights
FEW_LEVELS = 10  # sequences with classes at every step: too few to show the levels of those to come
MOST_SHAPE_ROWS = 1 << 18  # of sequences with a class each: convolutions take 3 microseconds of a row, several times
MEAN_EPOCHS = 10  # whose weights are averaged, at most, and a tenth of all
PEAK_RATE = 0.01  # of one cycle


class Choice(Record, frozen=True):
    """The value of an option, and why it has it."""

    option: str
    value: Any
    reason: str


class Chosen(Record, frozen=True):
    """What a preset chose. size: what it looked at, in words; race: the Race of `best`, where there was one."""

    name: str
    size: str
    choices: tuple[Choice, ...] = ()
    race: Any = UNSET

    @property
    def values(self) -> dict[str, Any]:
        """The chosen values by their options."""
        return {choice.option: choice.value for choice in self.choices}

    def __str__(self) -> str:
        """Say it in a sentence, by the names of the options."""
        values = (f"{name.replace('_', '-')} {text_of(value)}" for name, value in self.values.items())
        return f"{self.name}: {', '.join(values)}; for {self.size}"


class Rule(NamedTuple):
    """How one option is chosen; None leaves it at what it is declared with, or to what follows from other options."""

    option: str
    value: Callable[[Size, Config], Any]
    reason: str | Callable[[Config], str]  # of the configuration with the value

    def because(self, config: Config) -> str:
        """Say why the option has the value that it has in a configuration."""
        return self.reason if isinstance(self.reason, str) else self.reason(config)


def updates(size: Size, config: Config) -> int:
    """Count the updates between two evaluations."""
    batch = config.train.batch_size or 1
    return -(-size.sequences // batch) * config.train.eval_every


def _calendar(size: Size, config: Config) -> bool | None:
    """Where the reader gave it; it alone knows whether times are dates."""
    return config.data.calendar or None


def _cell(size: Size, config: Config) -> str | None:
    return None if config.explicit & {"hidden", "activation"} else "gru"


def _patch(size: Size, config: Config) -> tuple[int, ...] | None:
    """Stack rows where each sequence is long and has a class, which a network with states may be told from all."""
    fits = cell(config.model.cell).recurrent and not config.explicit & {"conv", "tbptt", "bidirectional"}
    if not TASKS[size.task].classes or size.per_step or not fits:
        return None
    return next(((rows,) for steps, rows in PATCHES if size.steps >= steps), None)


def _head(size: Size, config: Config) -> str | None:
    return None if _patch(size, config) is None else "all"


def _difference(size: Size, config: Config) -> bool | None:
    return True if size.persistent else None


def _linear_part(size: Size, config: Config) -> bool | None:
    model, classes = config.model, bool(TASKS[size.task].classes)
    of_shape = classes and not size.per_step
    looks_back = cell(model.cell).recurrent and (config.data.window != 1 or of_shape)
    if not looks_back or config.train.epochs == 0 or refused_beside_linear_part(model, of_shape):
        return None
    if of_shape and (size.sequences > MOST_SEQUENCES or size.rows > MOST_SHAPE_ROWS):
        return None
    return True if not classes or goes_with(config.train.loss) else None


def _scale(size: Size, config: Config) -> tuple[str, ...]:
    if TASKS[size.task].classes and not size.per_step:
        return ("zscore",)
    changes = size.persistent if config.data.difference else ()
    return ("minmax", *(f"{name}=zscore" for name in changes))


def _schedule(size: Size, config: Config) -> str | None:
    return None if size.per_step or config.explicit & {"patience", "max_time"} else "onecycle"


def _lr(size: Size, config: Config) -> float | None:
    if "optimizer" in config.explicit:
        return None
    return PEAK_RATE if config.train.schedule == "onecycle" else OPTIMIZERS[config.train.optimizer].lr


def _decay(size: Size, config: Config) -> float | None:
    return None if "optimizer" in config.explicit else DECAY


def _batch(size: Size, config: Config) -> int:
    # The weighted mean over one sequence whose labels weigh alike does not feel their weight.
    least = 2 if size.weighted and config.train.reduction == "mean" else 1
    return max(least, min(LARGEST_BATCH, size.sequences // UPDATES))


def _epochs(size: Size, config: Config) -> int:
    epochs, least = COURSES.get(config.train.schedule, COURSES["constant"])
    epochs = max(epochs, -(-least * config.train.eval_every // updates(size, config)))
    return max(FEWEST_EPOCHS, min(epochs, MOST_STEPS // size.rows))


def _selects(config: Config) -> bool:
    """Whether weights are chosen by a figure of the validation part that somebody names, or are a mean of several."""
    return config.train.monitor != LOSS or config.train.average > 1


def _refit(size: Size, config: Config) -> bool | None:
    one_cycle = config.train.schedule == "onecycle" and not config.train.init_from and not _selects(config)
    return True if one_cycle and size.mergeable and size.sequences < FEW_SEQUENCES else None


def _patience(size: Size, config: Config) -> int:
    if config.train.schedule == "onecycle":
        return 0 if config.train.refit and not _selects(config) else max(1, config.train.epochs)
    return max(PATIENCE, -(-STOPPING_UPDATES // updates(size, config)))


def _average(size: Size, config: Config) -> int | None:
    """Where steps have classes, and what validates sees so many epochs at one rate that the best ones are alike."""
    train, classes = config.train, TASKS[size.task].classes and size.per_step
    if not classes or not size.validated or train.refit or not train.patience or train.schedule != "constant":
        return None
    number = min(MEAN_EPOCHS, train.epochs // train.eval_every // MEAN_EPOCHS)
    return number if number > 1 else None


def _augment(size: Size, config: Config) -> tuple[str, ...] | None:
    classes = TASKS[size.task].classes and size.per_step
    return ("shift",) if classes and 1 < size.sequences < FEW_LEVELS else None


def _scale_reason(config: Config) -> str:
    if config.data.scale == ("zscore",):
        return "the class of a sequence lies in its shape"
    changes = "; changes of the target have no bounds" if len(config.data.scale) > 1 else ""
    return f"inputs in a bounded range overfit less{changes}"


def _lr_reason(config: Config) -> str:
    return "at the peak of one cycle" if config.train.schedule == "onecycle" else f"usual for {config.train.optimizer}"


def _patience_reason(config: Config) -> str:
    if config.train.patience == 0:
        return "one cycle runs to its end, trained again on all"
    if config.train.schedule == "onecycle":
        return "as many as epochs: one cycle runs to its end, and the best weights are kept"
    return f"evaluations, {STOPPING_UPDATES:,} updates at least"


AUTO = (
    Rule("window", lambda size, config: config.data.window, "by the course of the target, as the note on windows says"),
    Rule("calendar", _calendar, "what is forecast has hours, weekdays or months that come again"),
    Rule("cell", _cell, "gates keep what was long ago"),
    Rule("hidden", lambda size, config: (32,), "enough for most tables, and quick"),
    Rule("init", lambda size, config: "orthogonal", "long sequences neither fade nor explode"),
    Rule("patch", _patch, f"from {PATCHES[-1][0]} steps on some rows at a time are quicker, and tell more"),
    Rule("head", _head, "last, mean and greatest state: the sign of a class may stand anywhere"),
    Rule("difference", _difference, "its last known value foretells the target better than its mean"),
    Rule("linear_part", _linear_part, "it errs elsewhere than the network, and both together err less"),
    Rule("scale", _scale, _scale_reason),
    Rule("optimizer", lambda size, config: "adamw", "steps of one size for all weights, which it keeps small"),
    Rule("schedule", _schedule, "the label of a sequence is learned at the small steps of the end"),
    Rule("lr", _lr, _lr_reason),
    Rule("weight_decay", _decay, "sequences are fewer than weights"),
    Rule(
        "batch_size",
        _batch,
        f"{UPDATES} updates an epoch, at most {LARGEST_BATCH} sequences in one, and 2 at least where labels weigh "
        "differently",
    ),
    Rule("clip_norm", lambda size, config: 1.0, "a bound where the loss suddenly falls"),
    Rule("epochs", _epochs, f"some thousand updates, and at most {MOST_STEPS:,} steps"),
    Rule("refit", _refit, f"below {FEW_SEQUENCES} sequences those that validate are missed"),
    Rule("patience", _patience, _patience_reason),
    Rule("average", _average, "the mean weights of the best epochs err less than those of one"),
    Rule("augment", _augment, f"below {FEW_LEVELS} sequences others will have levels that none of them has"),
)

# The training rule of RNN-Rust, which sees no sizes: one update per sequence in file order, errors summed over steps.
ORIGINAL: Mapping[str, Any] = {
    "scale": ("minmax",),
    "cell": "rnn",
    "hidden": (10,),
    "activation": "tanh",
    "init": "uniform",
    "init_range": 1.0,
    "recurrent_bias": False,
    "epochs": 100,
    "batch_size": 1,
    "loss": "mse",
    "reduction": "sum",
    "optimizer": "sgd",
    "lr": 0.001,
    "patience": 0,
    "shuffle": False,
    "dtype": "float64",
}
PARTNERS = {"activation": "cell", "init_range": "init", "recurrent_bias": "cell", "lr": "optimizer"}  # of ORIGINAL


def fixed(config: Config) -> Config:
    """Return the configuration with what a preset says of any table: all of `original`, nothing of others.

    An option that belongs to another one is left out where that is given: a range of weights that --init draws.
    """
    if config.model.preset != "original":
        return config
    return config.choosing(
        {name: value for name, value in ORIGINAL.items()
         if not config.explicit & {name, PARTNERS.get(name, name)}}
    )  # fmt: skip


def choose(config: Config, size: Size) -> tuple[Config, Chosen | None]:
    """Return the configuration with what its preset chooses by sizes, and these choices; None where there are none."""
    if config.model.preset == "original" and "loss" not in config.explicit:
        # Several classes have no mean squared error: the task's own loss takes its place.
        return config if ORIGINAL["loss"] in losses_of(TASKS[size.task]) else config.choosing({"loss": "auto"}), None
    if config.model.preset not in BY_SIZES:
        return config, None
    choices = []
    for rule in AUTO:
        if rule.option in config.explicit:
            continue
        value = rule.value(size, config)
        if value is not None:
            config = config.choosing({rule.option: value})
            choices.append(Choice(rule.option, value, rule.because(config)))
    return config, Chosen("auto", str(size), tuple(choices)) if choices else None
