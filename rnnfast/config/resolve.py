"""The configuration of a training run: from files, environment, flags and keyword arguments to checked values.

The frozen dataclasses of sections.py are the tables of a TOML file (`[data] [model] [train] [output]`), the flags of
`rnnfast train` (`batch_size` is `--batch-size`), the `RNNFAST_*` environment variables (`RNNFAST_BATCH_SIZE`) and the
keyword arguments of `rnnfast.train`. Precedence: flag > environment > file > default. A new option is one new field.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from rnnfast.config.option import checked, toml
from rnnfast.config.recipes import config_path
from rnnfast.config.sections import DataConfig, ModelConfig, OutputConfig, TrainConfig
from rnnfast.config.synonyms import hint
from rnnfast.errors import UsageError, did_you_mean

COMMAND_LINE = "command line"
BYTES_OF_NAMES = "surrogateescape"  # names of files need not be UTF-8; Python marks such bytes, and writes them again
ENVIRONMENT_PREFIX = "RNNFAST_"
OTHER_VARIABLES = ("RNNFAST_CACHE_DIR", "RNNFAST_NO_COLOR")  # that are no options of a run


@dataclass(frozen=True)
class Config:
    """One training run.

    explicit: names of the options that a flag, variable, file or keyword gives; a preset chooses none of them.
    """

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    output: OutputConfig = field(default_factory=OutputConfig)
    explicit: frozenset[str] = field(default=frozenset(), compare=False, repr=False)

    @property
    def tables(self) -> dict[str, DataConfig | ModelConfig | TrainConfig | OutputConfig]:
        """The sections by their names in a file."""
        return {"data": self.data, "model": self.model, "train": self.train, "output": self.output}

    def with_values(self, values: Mapping[str, Any], origin: str) -> Config:
        """Return a copy with flat `name: value` pairs set; `origin` names their source in error messages."""
        tables = table_of_option()
        changed: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            if name not in tables:
                raise UsageError(f"{origin}: unknown option {name!r}{hint(name, tables)}")
            table, declared = tables[name]
            where = flag_of(name) if origin == COMMAND_LINE else f"{origin}: {name}"
            changed.setdefault(table, {})[name] = checked(declared, value, where)
        explicit = self.explicit | {name for name, value in values.items() if value is not None}
        sections: dict[str, Any] = {table: replace(self.tables[table], **new) for table, new in changed.items()}
        return replace(self, **sections, explicit=explicit)

    def choosing(self, values: Mapping[str, Any]) -> Config:
        """Return a copy with values of options that nobody gave; they are checked as those of a file are."""
        return replace(self.with_values(values, "preset"), explicit=self.explicit)

    def with_absolute_paths(self) -> Config:
        """Return a copy whose files and directories are found from anywhere."""
        values: dict[str, Any] = {}
        for name, (table, declared) in table_of_option().items():
            value = getattr(getattr(self, table), name)
            if declared.metadata["path"] and value is not None and value not in declared.metadata["choices"]:
                values[name] = tuple(map(_absolute, value)) if declared.metadata["many"] else _absolute(value)
        return self.choosing(values)

    def given(self) -> dict[str, Any]:
        """Return the options that somebody gave, by their names as JSON has them, with paths found from anywhere."""
        tables, absolute = table_of_option(), self.with_absolute_paths().tables
        values = {name: getattr(absolute[tables[name][0]], name) for name in sorted(self.explicit)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def to_toml(self) -> str:
        """Text of a TOML file that reproduces this configuration."""
        lines = []
        for table, section in self.tables.items():
            lines.append(f"[{table}]")
            for declared in fields(section):
                value = getattr(section, declared.name)
                if value is not None:
                    lines.append(f"{declared.name} = {toml(value)}")
            lines.append("")
        return "\n".join(lines)


def _absolute(path: str) -> str:
    """Return an absolute path; standard input and addresses of other schemes stay what they are."""
    return path if path == "-" or "://" in path else os.path.abspath(path)  # noqa: PTH100 - keeps symbolic links


def table_of_option() -> dict[str, tuple[str, Field[Any]]]:
    """Map each option name to its table and its declaration."""
    sections = {"data": DataConfig, "model": ModelConfig, "train": TrainConfig, "output": OutputConfig}
    return {declared.name: (table, declared) for table, section in sections.items() for declared in fields(section)}


def flag_of(name: str) -> str:
    """Return the command line flag of an option."""
    return "--" + name.replace("_", "-")


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a configuration file, or recipe:NAME, and return its flat `name: value` pairs.

    Raises UsageError for a file that is not TOML, unknown tables and keys, or a key under the wrong table.
    """
    path = config_path(path)
    try:
        parsed = tomllib.loads(path.read_text(encoding="utf-8-sig", errors=BYTES_OF_NAMES))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such configuration file") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: cannot be read as TOML: {error}") from None
    tables = table_of_option()
    known_tables = {table for table, _ in tables.values()}
    flat: dict[str, Any] = {}
    for table, section in parsed.items():
        if table not in known_tables:
            near = did_you_mean(table, known_tables)
            if table in tables:
                near = f"; did you mean {table!r} under [{tables[table][0]}]?"
            raise UsageError(f"{path}: unknown table [{table}]{near}")
        if not isinstance(section, dict):
            raise UsageError(f"{path}: [{table}] must be a table, not {section!r}")
        for name, value in section.items():
            if name not in tables:
                raise UsageError(f"{path}: unknown key {name!r} under [{table}]{hint(name, tables)}")
            if tables[name][0] != table:
                raise UsageError(f"{path}: key {name!r} belongs under [{tables[name][0]}], not [{table}]")
            flat[name] = value
    return flat


def from_environment(environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Collect the options that are set as `RNNFAST_<NAME>` variables that are not empty.

    Raises UsageError for a variable of that prefix that is neither an option nor one of OTHER_VARIABLES.
    """
    environment = os.environ if environment is None else environment
    options = {ENVIRONMENT_PREFIX + name.upper(): name for name in table_of_option()}
    values = {}
    for key, value in environment.items():
        if not key.startswith(ENVIRONMENT_PREFIX) or key in OTHER_VARIABLES or not value:
            continue
        if key not in options:
            near = hint(key, (*options, *OTHER_VARIABLES))
            raise UsageError(f"environment variable {key}: there is no such option{near}")
        values[options[key]] = value
    return values


def resolve(
    flags: Mapping[str, Any], file: str | Path | None = None, environment: Mapping[str, str] | None = None
) -> Config:
    """Combine defaults, configuration file, environment and flags, the later ones winning."""
    config = Config()
    if file is not None:
        config = config.with_values(read_toml(file), str(file))
    for name, value in from_environment(environment).items():
        config = config.with_values({name: value}, f"environment variable {ENVIRONMENT_PREFIX + name.upper()}")
    return config.with_values(flags, COMMAND_LINE)
