"""Options that say a word for all columns and other words for some: "zscore", "zscore,x1=none", "V*=robust"."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache

from rnnfast.catalogue import FILLS
from rnnfast.config.sections import DataConfig
from rnnfast.data.columns.schema import Schema
from rnnfast.data.sources.source import listing
from rnnfast.errors import UsageError, did_you_mean

SIGNS = set("*?[")  # of a pattern


@dataclass(frozen=True)
class Rules:
    """The words of an option: one for all columns, and those of names and patterns.

    A name wins over a pattern that matches it, both win over the word for all.
    """

    option: str
    everywhere: str
    by_column: Mapping[str, str]

    @classmethod
    def parse(cls, option: str, items: Sequence[str], words: Collection[str]) -> Rules:
        """Read the items of an option.

        words: those allowed; the first one is for all where the items say none.
        Raises UsageError for other words, two words for all, and two for one name.
        """
        everywhere, by_column = "", dict[str, str]()
        for item in items:
            name, sign, word = (part.strip() for part in item.rpartition("="))
            if word not in words or (sign and not name):
                raise UsageError(
                    f"{option}: {f'{item!r}: ' if sign else ''}{word!r} is not one of {', '.join(words)}"
                    f"{did_you_mean(word, words, most=3)}; give one for all columns, COLUMN=WORD for "
                    "one, or both, separated by commas"
                )
            before = by_column.get(name) if sign else everywhere
            if before and before != word:
                what = f"column {name!r}" if sign else "all columns"
                raise UsageError(f"{option}: {what} can be {before} or {word}, not both; give one of them")
            if sign:
                by_column[name] = word
            else:
                everywhere = word
        return cls(option, everywhere or next(iter(words)), by_column)

    def check(self, columns: Iterable[str]) -> None:
        """Raise UsageError for a name or pattern that matches none of the columns."""
        columns = list(columns)
        names = set(columns)
        for name in self.by_column:
            if name not in names and not any(fnmatchcase(column, name) for column in columns):
                raise UsageError(
                    f"{self.option}: there is no column {name!r} among those it is for"
                    f"{did_you_mean(name, columns, most=3)}; they are {listing(columns)}"
                )

    @cached_property
    def patterns(self) -> dict[str, str]:
        """The names that may match several columns, and their words."""
        return {name: word for name, word in self.by_column.items() if SIGNS & set(name)}

    def by_name(self, column: str) -> str | None:
        """Return the word that names the column, or None; raises UsageError where two patterns say different words."""
        if column in self.by_column:
            return self.by_column[column]
        matches = {word: pattern for pattern, word in self.patterns.items() if fnmatchcase(column, pattern)}
        if len(matches) > 1:
            shown = " and ".join(f"{pattern}={word}" for word, pattern in matches.items())
            raise UsageError(f"{self.option}: {shown} both match column {column!r}; add {column}=WORD for it")
        return next(iter(matches), None)

    def of(self, column: str) -> str:
        """Return the word for a column."""
        return self.by_name(column) or self.everywhere


def missing_rules(schema: Schema, config: DataConfig) -> dict[str, str]:
    """Return what to do with the empty cells of each column of x, in order."""
    rules = _parsed(config.missing)
    derived = set(schema.derived)
    rules.check(name for name in schema.columns if name not in derived)
    return {name: "error" if name in derived else rules.of(name) for name in schema.columns}


def chosen_rules(schema: Schema, config: DataConfig) -> bool:
    """Whether --missing says what the empty cells of every lagged target become."""
    rules = _parsed(config.missing)
    return all(FILLS[rules.of(name)].fills for name in schema.columns[schema.first_lag :])


@lru_cache
def _parsed(items: tuple[str, ...]) -> Rules:
    """Read the items of --missing: once, though reader and encoder both ask for the rules of their columns."""
    return Rules.parse("--missing", items, FILLS)
