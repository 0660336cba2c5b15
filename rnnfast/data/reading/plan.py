"""Which columns of a table are read, and how: as options say, or as the schema of a model does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from rnnfast.data.columns.candidates import Candidate, candidates
from rnnfast.data.columns.features import default_features
from rnnfast.data.columns.horizon import check_ahead, check_lag_columns, lags
from rnnfast.data.columns.labels import KnownLabels, Labels, Meaning
from rnnfast.data.columns.missing import missing_rules
from rnnfast.data.columns.roles import Roles, roles
from rnnfast.data.columns.schema import DEFAULT_WINDOW, Schema
from rnnfast.data.columns.wideseries import wide_note
from rnnfast.data.reading.request import Request
from rnnfast.data.sources.batches import first_rows
from rnnfast.data.sources.source import Source, listing, require
from rnnfast.data.sources.table import Table
from rnnfast.errors import DataError, UsageError


@dataclass
class Plan:
    """How the columns of a table are read.

    roles: what each column is; names: of the features, None until `choose` saw rows. text: columns whose text is kept.
    columns: those that are read, None for all but roles.left_out. notes: about columns. candidates: columns that look
    like an id or a time, though nobody named one.
    """

    sources: Sequence[Source]
    request: Request
    roles: Roles
    names: tuple[str, ...] | None
    text: tuple[str, ...]
    columns: tuple[str, ...] | None = None
    notes: list[str] = field(default_factory=list)
    candidates: tuple[Candidate, ...] = ()

    @classmethod
    def of(cls, sources: Sequence[Source], request: Request) -> Plan:
        """Make the plan. Raises DataError for columns that are missing, UsageError for options that do not fit."""
        if request.schema is not None:
            return _after_schema(sources, request, request.schema)
        table_roles = roles(sources[0], request.config, request.require_target)
        return cls(sources, request, table_roles, table_roles.features, table_roles.text)

    def look(self, table: Table) -> None:
        """Look at rows of the table: for columns that may have a role, and for features where no options name them."""
        if self.request.schema is not None:
            return
        table_roles, columns = self.roles, self.sources[0].columns
        role_columns = {*table_roles.text, *table_roles.targets, *table_roles.left_out, table_roles.weight or ""}
        rows = first_rows(table, self.text)
        self.candidates = candidates(rows, table_roles.taken, table_roles.id, table_roles.time)
        if self.names is not None:
            return
        ids = {candidate.column for candidate in self.candidates if candidate.role == "id"}
        names, notes = default_features(table, role_columns, rows, ids)
        self.notes = notes + wide_note(names)
        inputs = {*names, *table_roles.categorical}
        self.names = tuple(name for name in columns if name in inputs)
        config = self.request.config
        if not self.names and not (lags(config) and table_roles.targets) and not config.clock:
            # with a lag a series may be told from its own past alone, or from the time
            why = "".join(f"; {note}" for note in self.notes)
            raise DataError(
                f"{self.sources[0].header_line()}: no numeric column is left as a feature; the columns are "
                f"{listing(columns)}{why}; --lag-target predicts the target from its own past, with --horizon 1..7 up "
                "to seven rows ahead"
            )

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns that reading looks at, once the features are chosen."""
        others = (*self.roles.text, *(self.names or ()), *self.roles.targets, self.roles.weight)
        return self.columns or tuple(dict.fromkeys(name for name in others if name is not None))

    def schema(self, meaning: Meaning) -> Schema:
        """Return what the columns mean; raises UsageError for options that do not fit the target."""
        if self.request.schema is not None:
            return self.request.schema
        config, table_roles, names = self.request.config, self.roles, self.names or ()
        window = config.window or (DEFAULT_WINDOW if table_roles.id is None else None)
        schema = Schema(
            id=table_roles.id,
            time=table_roles.time,
            features=names,
            targets=table_roles.targets,
            task=meaning.task,
            classes=meaning.classes,
            predict="every" if config.predict == "auto" else config.predict,
            window=window,
            stride=(config.stride or window) if window else None,
            layout=table_roles.layout,
            categorical=tuple(filter(set(table_roles.categorical).__contains__, names)),
            horizon=max(config.horizon),
            horizons=tuple(sorted(config.horizon)) if len(config.horizon) > 1 else (),
            lag_target=lags(config),
            season=config.season,
            weight=table_roles.weight,
            difference=config.difference,
            delta=config.delta,
            time_delta=config.time_delta,
            calendar=self.request.calendar(meaning.task, table_roles),
        )
        check_ahead(schema)
        if schema.delta and schema.features and set(schema.features) <= set(schema.categorical):
            raise UsageError(
                f"--delta has no effect: all features are categories, {', '.join(schema.features)}, which have no "
                "change; leave it out"
            )
        return schema

    def rules(self) -> Mapping[str, str] | None:
        """Return what to do with empty cells of the features; None where the encoder of a model decides."""
        if self.request.schema is not None:
            return None
        return missing_rules(self.schema(Meaning("", (), [])), self.request.config)

    def labels(self, several: bool, as_text: bool) -> Labels | KnownLabels:
        """Return what reads the targets; several, as_text: as of Labels."""
        schema, targets = self.request.schema, self.roles.targets
        if schema is None:
            return Labels(self.sources, targets, self.request.config, several, as_text)
        strict = self.request.require_target or schema.lag_target  # which makes the target an input
        return KnownLabels(targets, schema.task, schema.classes, strict)


def _after_schema(sources: Sequence[Source], request: Request, schema: Schema) -> Plan:
    """Plan to read a table whose columns mean what a schema says."""
    notes = []
    weight = schema.weight if request.require_target else None
    if weight is not None and not all(weight in source.columns for source in sources):
        notes.append(f"there is no column {weight!r}, so all rows weigh the same in the loss")
        weight = None
    complete = all(set(schema.targets) <= set(source.columns) for source in sources)
    table_roles = Roles(
        schema.id,
        schema.time,
        schema.targets if complete else (),
        schema.features,
        (),
        schema.layout,
        schema.categorical,
        weight,
        request.part,
    )
    names = (name for name in (schema.id, schema.time, request.part, *schema.features, weight) if name is not None)
    columns = tuple(dict.fromkeys(names))
    if not complete and (request.require_target or schema.lag_target):
        if not request.require_target:
            check_lag_columns(schema, sources)
        for source in sources:
            require(source, (*columns, *schema.targets))
    # Classes of text stay text even where a file happens to hold only those that look like numbers.
    as_text = schema.targets if schema.classes and isinstance(schema.classes[0], str) else ()
    columns = (*columns, *(name for name in table_roles.targets if name not in columns))
    return Plan(sources, request, table_roles, schema.features, (*table_roles.text, *as_text), columns, notes)


def with_text_targets(plan: Plan) -> Plan:
    """Return the plan with targets that are read as text."""
    return replace(plan, text=(*plan.text, *plan.roles.targets))
