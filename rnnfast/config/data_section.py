"""Options of the table `[data]`: how a table is read, split and scaled, declared once; see sections.py."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial

from rnnfast.catalogue import FILLS, SCALINGS, TASKS, listed
from rnnfast.config.forms import check_horizons, check_rule
from rnnfast.config.option import Words, option, text_of
from rnnfast.errors import UsageError

# Declare an option of [data] that decides how a table is read, and one that is for the run alone.
reading, running = partial(option, reads=True), partial(option, reads=False)

SHARE_TOLERANCE = 1e-9  # 0.7 + 0.3 may be a little above 1


@dataclass(frozen=True)
class DataConfig:
    """How the table is read, split and scaled: table `[data]`."""

    data: tuple[str, ...] = running(
        (),
        "Table with one row per step: .csv, .tsv, .jsonl, .parquet, .feather or .xlsx, text also as .gz, .zst or .zip, "
        "or sqlite:///FILE with --query; '-' is stdin, 'part-*.csv' all that match; several are read as one.",
        many=True,
        separator="",
        metavar="FILE",
        path=True,
    )
    id: str | None = reading(None, "Column that names the sequence of a row.", metavar="COLUMN")
    time: str | None = reading(None, "Column that orders the rows of a sequence.", metavar="COLUMN")
    dayfirst: bool | None = reading(
        None, "Whether 02/01/2024 in the time column is 2 January; needed where its dates leave it open.", kind=bool
    )
    ties: str = reading(
        "keep", "Rows of one time in one id: in the order of the file, or an error.", choices=("keep", "error")
    )
    sep: str | None = reading(
        None, "Sign between cells, where it is not recognised: ';', tab, '|', or space for any number.", metavar="SIGN"
    )
    columns: tuple[str, ...] = reading(
        (), "Names of all columns of a table without header line.", many=True, metavar="COLUMN,..."
    )
    query: str | None = reading(None, "SELECT whose rows are the table, where --data is a database.", metavar="SQL")
    target: tuple[str, ...] = reading((), "Column(s) to predict.", many=True, metavar="COLUMN,...")
    features: tuple[str, ...] = reading(
        (), "Input columns; 'x*' matches by name. Default: all other numeric columns.", many=True, metavar="COLUMN,..."
    )
    ignore: tuple[str, ...] = reading(
        (), "Columns to leave out, and codes of findings that are not told, as RF03.", many=True, metavar="COLUMN,..."
    )
    categorical: tuple[str, ...] = reading(
        (), "Columns of categories: one input for each, 'x*' matches by name.", many=True, metavar="COLUMN,..."
    )
    unseen: str = running(
        "bucket", "A category that training rows lack: an input of its own, or an error.", choices=("bucket", "error")
    )
    task: str = reading("auto", "What the target is.", choices=Words(TASKS, "auto"))
    positive: str | None = reading(
        None,
        "Which of two classes is the positive one, that precision and recall are about; default: the last in order, "
        "or the other one where that is a word for no.",
        metavar="CLASS",
    )
    predict: str = reading(
        "auto",
        "Loss and metrics at every step or at the last one; auto: last where a sequence has one target value.",
        choices=("auto", "every", "last"),
    )
    window: int | None = reading(
        None,
        "Cut consecutive rows into sequences of N steps; default without id: by the target's course, with fast 10.",
        kind=int,
        least=1,
    )
    stride: int | None = reading(None, "Rows from the start of one window to the next (the window).", kind=int, least=1)
    horizon: tuple[int, ...] = reading(
        (0,),
        "Predict the target N steps ahead, inside the same id; '1..7' or '1,3,7': one output for each of them.",
        kind=int,
        many=True,
        ranges=True,
        metavar="N|N..M|N,...",
        least=0,
    )
    lag_target: bool = reading(
        False,
        "Give the last known target as an input: of this step with --horizon, else of the step before.",
        kind=bool,
    )
    difference: bool = reading(
        False,
        "Learn the change of a quantity since its last known value, which becomes an input; answers are in original "
        "units.",
        kind=bool,
    )
    season: int = reading(
        1, "Steps of a season: the naive forecast repeats the target of one season ago.", kind=int, least=1
    )
    calendar: bool = reading(
        False,
        "Give hour, weekday, month and day of the year of --time as inputs, where they vary; in one series, where they "
        "come again.",
        kind=bool,
    )
    delta: bool = reading(False, "Give the change of each feature since the row before as an input.", kind=bool)
    time_delta: str = reading(
        "off",
        "Give the time since the row before as an input: in seconds or in units of --time, or the log of 1 + that.",
        choices=("off", "linear", "log"),
        alone="linear",
    )
    missing: tuple[str, ...] = reading(
        ("error",),
        f"Empty cells of features: {listed(FILLS, 'or')}, for all or for one as in 'error,x1=ffill'.",
        many=True,
        metavar="RULE[,COLUMN=RULE]",
    )
    missing_indicator: bool = running(
        False, "Give an input that is 1 where a cell was empty, for each column that has a rule for it.", kind=bool
    )
    weight: str | None = reading(None, "Column with the weight of a row in the loss, 0 or more.", metavar="COLUMN")
    scale: tuple[str, ...] = running(
        ("minmax",),
        f"Scaling of features, fitted on training rows: {listed(SCALINGS, 'or')}, for all or for one as in "
        "'zscore,x1=none'.",
        many=True,
        metavar="KIND[,COLUMN=KIND]",
    )
    scale_target: bool = running(True, "Scale the targets of a regression; results are in original units.", kind=bool)
    split: tuple[float, ...] = running(
        (0.8,),
        "Share of the sequences, or rows by time, that trains, the rest validates; '0.7,0.15': the rest of those two "
        "tests.",
        kind=float,
        many=True,
        metavar="SHARE[,SHARE]",
        above=0,
    )
    split_by: str = reading(
        "sequence",
        "What divides the parts: whole sequences at random, a point in time, or a column of train, valid and test.",
        metavar="sequence|time|column:NAME",
    )
    valid: str | None = running(None, "Table to validate on; all of --data trains.", metavar="FILE", path=True)
    test: str | None = running(None, "Table to test on once, at the end.", metavar="FILE", path=True)
    memory: str | None = running(
        None, "Read a larger table from disk in blocks, so that training needs at most this: 2G, 500M.", metavar="SIZE"
    )
    shards: int | None = running(
        None,
        "Divide the ids into N shards that train side by side, in rounds that end with their mean.",
        kind=int,
        least=1,
    )
    sharding: str = running(
        "ids",
        "What a shard is: ids whose hash says so, wherever their rows stand, or files, where no id is in two of them.",
        choices=("ids", "files"),
    )
    cache: bool = running(True, "Keep parsed tables in the user's cache directory.", kind=bool)

    @property
    def clock(self) -> bool:
        """Whether inputs are made of the time."""
        return self.calendar or self.time_delta != "off"

    def __post_init__(self) -> None:
        """Check what concerns several values."""
        if len(self.split) > 2:
            raise UsageError(f"--split: {text_of(self.split)}: give the share that trains and that which validates")
        if sum(self.split) > 1 + SHARE_TOLERANCE:
            shares = tuple(share / 100 for share in self.split)
            per_cent = min(self.split) >= 1 and sum(shares) <= 1 + SHARE_TOLERANCE
            hint = f"; did you mean {text_of(shares)}?" if per_cent else ""
            whole = ",".join(f"{share:g}" for share in self.split)
            raise UsageError(f"--split: {whole} is more than the whole: shares add up to 1 at most{hint}")
        check_rule(self.split_by)
        check_horizons(self.horizon)


def reading_options() -> tuple[str, ...]:
    """Options of [data] that decide how a table is read."""
    return tuple(declared.name for declared in fields(DataConfig) if declared.metadata["reads"])
