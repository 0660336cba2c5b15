"""Where a model comes from, as its file tells: data, split, training, scores, versions."""

from __future__ import annotations

from rnnfast.data.description import PartSize
from rnnfast.findings.judge import Judgement
from rnnfast.records import UNSET, Count, Positive, Record, Seed, Share, UnsetType, field, shown


class Split(Record, frozen=True):
    """How the training run divided its table.

    shares: that train, and that validate; (1.0,) where the parts are tables of their own. split_by: the rule.
    auto_predict: whether the labels that train decided which steps are predicted. points: where a split by time cuts.
    rule: the same in words.
    """

    shares: tuple[Share, ...]
    seed: Seed
    split_by: str = "sequence"
    auto_predict: bool = False
    points: tuple[int | float | str | None, ...] = ()
    rule: str = ""
    parts: dict[str, PartSize] = field(default_factory=dict)


class Member(Record, frozen=True):
    """How the training of one network of an ensemble ended.

    stopped: epochs | patience | max_time | interrupted | diverged. valid_loss: of its best epoch, whose weights it has
    but for --average (the mean of several) and --refit (those of a second training); None where it was not scored.
    """

    seed: Seed
    epochs: Count
    best_epoch: Count
    stopped: str
    valid_loss: float | None


class Training(Record, frozen=True):
    """How training ended; source: names of the tables.

    members: the networks of an ensemble; epochs and best_epoch are then the highest ones of any.
    refitted: epochs on the training and the validation part together, of which the weights are; 0: none.
    seconds: that the epochs took; UNSET of files that did not say so.
    """

    epochs: Count
    best_epoch: Count
    stopped: str
    source: tuple[str, ...]
    refitted: Count = 0
    members: tuple[Member, ...] | UnsetType = UNSET
    seconds: float | UnsetType = UNSET


class Operating(Record, frozen=True):
    """How threshold and temperature were decided on, by answers to labelled steps.

    part: train | valid | test | all, or out_of_bag; steps: how many. rule: of the threshold, "" where it is a number;
    met: whether a point meets it, else the nearest was taken. ece, log_loss: before and after the temperature.
    """

    part: str
    steps: Count
    rule: str = ""
    met: bool = True
    threshold: float | UnsetType = UNSET
    temperature: Positive | UnsetType = UNSET
    ece: tuple[float | None, float | None] | UnsetType = UNSET
    log_loss: tuple[float | None, float | None] | UnsetType = UNSET


PER_TARGET = "per_target"  # name of the figures of each target
Figures = dict[str, float | dict[str, dict[str, float | None]] | None]  # figures, and those of each target


class Provenance(Record, frozen=True):
    """Everything that is known; a model that was made otherwise than by training lacks it.

    data_digest: SHA-256 of the rows of the table. metrics: part -> scores. operating: how threshold and temperature
    were chosen, UNSET where a number says the one and there is no other. versions: of rnnfast and the libraries that
    wrote the file, UNSET before it is written. input_means: of each input of the network over training rows,
    category_shares: of the categories of each column of codes: what answers are explained beside. judgement: findings
    and verdict.
    """

    data_digest: str | None = None
    split: Split | None = None
    metrics: dict[str, Figures] = field(default_factory=dict)
    training: Training | None = None
    input_means: tuple[float, ...] | UnsetType = UNSET
    category_shares: dict[str, tuple[Share, ...]] | UnsetType = UNSET
    operating: Operating | UnsetType = UNSET
    judgement: Judgement | UnsetType = UNSET
    versions: dict[str, str] | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Raise ValueError for figures of each target under the name of a figure, and the reverse."""
        for part, figures in self.metrics.items():
            for name, value in figures.items():
                if isinstance(value, dict) != (name == PER_TARGET):
                    raise ValueError(f"metrics.{part}.{name} is {shown(value)}: expected one number or each target's")
