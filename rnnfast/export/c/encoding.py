"""From the values of a row to the inputs of the network in C, as data/encoding/encoder.py does it."""

from __future__ import annotations

import numpy as np

from rnnfast.catalogue import FILLS
from rnnfast.export.c.linear_part import write_linear_part
from rnnfast.export.c.writing import Encoding, Field, number
from rnnfast.export.inputs import inputs_of
from rnnfast.model.model import Model

CODE = """\
/* the number of a category, or `count` for one that training did not have */
static int {n}_code({n}_value value, int count)
{{
    int code;
    if (!(value >= 0 && value < count)) return count;
    code = (int)value;
    return code == value ? code : count;
}}"""
RANK = """\
/* the rank of a value among those of training: linear between knots */
static {n}_value {n}_rank({n}_value value, const {n}_value *values, const {n}_value *ranks, int knots)
{{
    int low = 0, high = knots - 1;
    if (!(value > values[0])) return value == value ? ranks[0] : value;
    if (value >= values[high]) return ranks[high];
    while (high - low > 1) {{
        const int middle = (low + high) / 2;
        if (value >= values[middle]) low = middle; else high = middle;
    }}
    return ranks[low] + (ranks[high] - ranks[low]) * (value - values[low]) / (values[high] - values[low]);
}}"""
CARRIED, CONSTANT = 1, 0


class Encoder:
    """Writes the encoding of a model; the code reads `inputs` and writes `x`, what it remembers is in `state`."""

    def __init__(self, model: Model, name: str) -> None:
        self.model, self.encoder, self.schema, self.name = model, model.encoder, model.schema, name
        self.inputs = inputs_of(model)
        self.place = {one.name: j for j, one in enumerate(self.inputs)}
        self.value, self.out = f"{name}_value", Encoding()

    def write(self) -> Encoding:
        """Write all of it; a value that the model has no rule for is refused before the state changes."""
        self._refusals()
        if self.encoder.scaler.names:
            self._numbers()
        first = self._categories(len(self.encoder.scaler.names))
        first = self._calendar(first)
        for j, column in enumerate(self.encoder.indicated, first):
            place = self.place[column]
            self._line(f"x[{j}] = inputs[{place}] != inputs[{place}]; /* whether it is empty */")
        if self.encoder.static:
            count = len(self.encoder.names)
            self._constant("unsigned short", "order", self.encoder.order)
            self._line("{ /* constant inputs stand behind the others */")
            self._line(f"    {self.name}_real unordered[{count}];")
            self._line(f"    for (j = 0; j < {count}; j++) unordered[j] = x[j];")
            self._line(f"    for (j = 0; j < {count}; j++) x[j] = unordered[{self.name}_order[j]];")
            self._line("}")
        self._changing()
        if self.model.linear_part is not None:
            count, dtype = len(self.encoder.names), encoder_dtype(self.model)
            write_linear_part(self.out, self.name, self.model.linear_part, count, dtype)
        if self.schema.clock:
            self.out.memory.append(Field("double", "time", 1, "of the row before"))
            self.out.reset.append("state->time[0] = 0;")
            self._line(f"state->time[0] = inputs[{self.place[str(self.schema.time)]}];")
        return self.out

    def _refusals(self) -> None:
        """Write what returns the number of an input, from 1, that is refused."""
        if not self.inputs:
            return
        # 2: never empty, 1: but in the first row, 0: it may be empty
        self._constant("unsigned char", "needed", [one.needed * (2 - one.first) for one in self.inputs])
        self._line(f"for (j = 0; j < {len(self.inputs)}; j++)")
        self._line(
            f"    if (inputs[j] - inputs[j] != 0 && (inputs[j] == inputs[j] || {self.name}_needed[j] > !state->rows))"
            " return j + 1;"
        )
        for one in self.inputs:
            if one.categories is not None:
                place, count = self.place[one.name], len(one.categories)
                if self.encoder.unseen == "error":
                    code = f"{self.name}_code(inputs[{place}], {count}) == {count}"
                    self._line(f"if (inputs[{place}] == inputs[{place}] && {code}) return {place + 1};")
        if self.schema.clock:
            place = self.place[str(self.schema.time)]
            self._line(f"if (state->rows && inputs[{place}] < state->time[0]) return {place + 1}; /* backwards */")

    def _numbers(self) -> None:
        """Write the scaling of the columns that hold numbers, and what their empty cells become."""
        scaler, name = self.encoder.scaler, self.name
        count = len(scaler.names)
        self._constant(self.value, "shift", scaler.shift)
        self._constant(self.value, "scale", scaler.scale)
        self._line(f"{self.value} v[{count}];")
        for j, column in enumerate(scaler.names):
            self._raw(j, column)
        self._line(f"for (j = 0; j < {count}; j++) v[j] = (v[j] - {name}_shift[j]) * {name}_scale[j];")
        for column, knots in scaler.knots.items():
            j = scaler.place_of[column]
            self._constant(self.value, f"knots{j}", knots.values)
            self._constant(self.value, f"ranks{j}", knots.ranks)
            self._line(f"v[{j}] = {name}_rank(v[{j}], {name}_knots{j}, {name}_ranks{j}, {len(knots.values)});")
        if scaler.knots:
            self.out.constants.append(RANK.format(n=name))
        self._fills()

    def _raw(self, j: int, column: str) -> None:
        """Write v[j], the value of a column in original units; changes are 0 in the first row."""
        if column in self.place:
            self._line(f"v[{j}] = inputs[{self.place[column]}];")
            return
        source = column.removesuffix(" (delta)")
        place = self.place[source]
        if source == self.schema.time:
            since = f"state->rows ? inputs[{place}] - state->time[0] : 0"
            self._line(
                f"v[{j}] = ({self.value}){f'log1p({since})' if self.schema.time_delta == 'log' else f'({since})'};"
            )
            return
        at = f"before{place}"
        self.out.memory.append(Field(self.value, at, 1, f"{source} of the row before"))
        self.out.reset.append(f"state->{at}[0] = 0;")
        self._line(f"v[{j}] = state->rows ? inputs[{place}] - state->{at}[0] : 0;")
        self._line(f"if (v[{j}] != v[{j}]) v[{j}] = 0;")
        self._line(f"state->{at}[0] = inputs[{place}];")

    def _fills(self) -> None:
        """Write what stands for empty cells; the value before is that of the network's inputs."""
        encoder, name = self.encoder, self.name
        names, count = encoder.scaler.names, len(encoder.scaler.names)
        filled = [column in encoder.fills for column in names]
        if not any(filled):
            self._line(f"for (j = 0; j < {count}; j++) x[j] = ({name}_real)v[j];")
            return
        fills = np.array([encoder.fills.get(column, 0.0) for column in names], dtype=np.float64)
        self._constant(f"{name}_real", "fill", encoder.scaler.transform(fills[None])[0], encoder_dtype(self.model))
        # A lagged target without a rule is unknown in the first row alone; later its last value stays.
        rules = [FILLS[encoder.rules[column]] for column in names]
        carried = [has_fill and (rule.carried or not rule.fills) for rule, has_fill in zip(rules, filled, strict=True)]
        if not any(carried):
            self._line(f"for (j = 0; j < {count}; j++) x[j] = v[j] == v[j] ? ({name}_real)v[j] : {name}_fill[j];")
            return
        self._constant("unsigned char", "carried", carried)
        self.out.memory.append(Field(f"{name}_real", "last", count, "known inputs"))
        self.out.reset.append(f"for (j = 0; j < {count}; j++) state->last[j] = {name}_fill[j];")
        self._line(f"for (j = 0; j < {count}; j++) {{")
        self._line(f"    x[j] = v[j] == v[j] ? ({name}_real)v[j] : state->last[j];")
        self._line(f"    if ({name}_carried[j]) state->last[j] = x[j];")
        self._line("}")

    def _categories(self, first: int) -> int:
        """Write the inputs of categories; returns the number of the input after them."""
        encoder = self.encoder
        codes = {name: len(encoder.names) - len(encoder.embedded) + k for k, name in enumerate(encoder.embedded)}
        if encoder.categories:
            self.out.constants.append(CODE.format(n=self.name))
        for column, texts in encoder.categories.items():
            place, rule, count = self.place[column], FILLS[encoder.rules[column]], len(texts)
            inputs = count + (encoder.unseen == "bucket")
            fill = encoder.fills.get(column)
            code = texts.index(str(fill)) if fill is not None and str(fill) in texts else -1
            empty = str(code)
            if rule.carried:
                empty = f"state->code{place}[0]"
                self.out.memory.append(Field("int", f"code{place}", 1, f"last category of {column}"))
                self.out.reset.append(f"state->code{place}[0] = {code};")
            self._line("{")
            number_of = f"{self.name}_code(inputs[{place}], {count})"
            self._line(f"    const int code = inputs[{place}] == inputs[{place}] ? {number_of} : {empty};")
            if column in encoder.embedded:
                self._line(f"    x[{codes[column]}] = ({self.name}_real)(code + 1);")
            else:
                self._line(f"    for (j = 0; j < {inputs}; j++) x[{first} + j] = j == code;")
                first += inputs
            if rule.carried:
                self._line(f"    state->code{place}[0] = code;")
            self._line("}")
        return first

    def _calendar(self, first: int) -> int:
        """Write sine and cosine of the units of the calendar; returns the number of the input after them."""
        for units in self.encoder.calendar.values():
            self._line("{")
            self._line(f"    const double seconds = inputs[{self.place[str(self.schema.time)]}];")
            self._line("    double share;")
            if {"month", "yearday"} & set(units):
                self.out.constants.append(DATE.format(n=self.name))
                self._line("    int month, day;")
                self._line(f"    {self.name}_date(floor(seconds / 86400), &month, &day);")
            for unit in units:
                self._line(f"    share = {SHARES[unit]};")
                self._line(f"    x[{first}] = ({self.name}_real)sin(6.283185307179586 * share);")
                self._line(f"    x[{first + 1}] = ({self.name}_real)cos(6.283185307179586 * share);")
                first += 2
            if {"month", "yearday"} & set(units):
                self._line("    (void)month;")
                self._line("    (void)day;")
            self._line("}")
        return first

    def _changing(self) -> None:
        """Write what changes of the targets are added to: the last known ones, in original units."""
        schema, encoder = self.schema, self.encoder
        for column in encoder.columns[schema.first_lag :] if schema.difference else ():
            place, fill = self.place[column], number(encoder.fills[column])
            if FILLS[encoder.rules[column]].carried:
                at = f"state->lag{place}[0]"
                self.out.memory.append(Field(self.value, f"lag{place}", 1, column))
                self.out.reset.append(f"{at} = {fill};")
                self._line(f"if (inputs[{place}] == inputs[{place}]) {at} = inputs[{place}];")
                self.out.base.append(at)
            else:
                self.out.base.append(f"inputs[{place}] == inputs[{place}] ? inputs[{place}] : {fill}")

    def _constant(self, kind: str, name: str, values: object, dtype: str = "float64") -> None:
        self.out.constant(kind, f"{self.name}_{name}", values, dtype)

    def _line(self, text: str) -> None:
        self.out.line(text)


# The share of its circle that a time has passed, see data/encoding/calendar.py; 1 January 1970 was a Thursday.
SHARES = {
    "hour": "seconds / 86400 - floor(seconds / 86400)",
    "weekday": "fmod(floor(seconds / 86400) + 3 + 7e8, 7) / 7",
    "month": "month / 12.0",
    "yearday": "day / 366.0",
}
DATE = """\
/* month and day of the year, both from 0, of a number of days since 1970 (Hinnant, days from civil) */
static void {n}_date(double days, int *month, int *day)
{{
    const long z = (long)days + 719468L;
    const long era = (z >= 0 ? z : z - 146096L) / 146097L;
    const long doe = z - era * 146097L;
    const long yoe = (doe - doe / 1460L + doe / 36524L - doe / 146096L) / 365L;
    const long doy = doe - (365L * yoe + yoe / 4L - yoe / 100L); /* from 1 March */
    const long year = yoe + era * 400L + (doy >= 306L);
    const int leap = (year % 4L == 0 && year % 100L != 0) || year % 400L == 0;
    *month = (int)((5L * doy + 2L) / 153L);
    *month = *month < 10 ? *month + 2 : *month - 10;
    *day = (int)(doy >= 306L ? doy - 306L : doy + 59L + leap);
}}"""


def encoder_dtype(model: Model) -> str:
    """Return the precision of the inputs of the network."""
    return str(model.config.train.dtype)
