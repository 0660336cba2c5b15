"""From the outputs of the networks to answers in C, as tasks/ does it: probabilities or quantities."""

from __future__ import annotations

from rnnfast.catalogue import TASKS
from rnnfast.export.c.formula import of_math
from rnnfast.export.c.writing import number, table
from rnnfast.model.model import Model

SIGMOID = """\
    for (j = 0; j < {O}; j++) {{
        const {n}_real decay = {exp}(-{fabs}(out[j]{cooled}));
        answers[j] = (out[j] >= 0 ? 1 : decay) / (1 + decay);
    }}"""
SOFTMAX = """\
    {n}_real most = out[0], sum = 0;
    for (j = 1; j < {O}; j++) if (out[j] > most) most = out[j];
    for (j = 0; j < {O}; j++) {{
        out[j] = {exp}((out[j] - most){cooled});
        sum += out[j];
    }}
    for (j = 0; j < {O}; j++) answers[j] = out[j] / sum;"""
CLIP = "    for (j = 0; j < {O}; j++) answers[j] = out[j] < 0 ? 0 : out[j] > 1 ? 1 : out[j];"
INVERSE = "    for (j = 0; j < {O}; j++) answers[j] = ({n}_value)(out[j] / {n}_unit[j] + {n}_zero[j]);"
CHANGE = """\
    for (j = 0; j < {O}; j++)
        answers[j] = ({n}_value)((out[j] + last[j % {targets}] * {n}_unit[j]) / {n}_unit[j] + {n}_zero[j]);"""
BESIDE = "\n    for (j = 0; j < {O}; j++) out[j] = ({n}_real)({share} * out[j] + linear[j]);"
# Networks of an ensemble: out is the mean answer, as an output. Logits of means in double, where no digit is lost.
MEAN = "    for (j = 0; j < {O}; j++) out[j] = ({n}_real)(sums[j] / {M});"
MEAN_LOGIT = "    for (j = 0; j < {O}; j++) out[j] = ({n}_real)(log(sums[j]) - log(others[j]));"
MEAN_LOG = "    for (j = 0; j < {O}; j++) out[j] = ({n}_real)log(sums[j] / {M});"
ADD = "        for (j = 0; j < {O}; j++) sums[j] += out[j];"
ADD_CLIPPED = "        for (j = 0; j < {O}; j++) sums[j] += out[j] < 0 ? 0 : out[j] > 1 ? 1 : out[j];"
ADD_SIGMOID = """\
        for (j = 0; j < {O}; j++) {{
            const double decay = exp(-fabs((double)out[j]));
            sums[j] += (out[j] >= 0 ? 1 : decay) / (1 + decay);
            others[j] += (out[j] >= 0 ? decay : 1) / (1 + decay);
        }}"""
ADD_SOFTMAX = """\
        double most = out[0], sum = 0;
        for (j = 1; j < {O}; j++) if (out[j] > most) most = out[j];
        for (j = 0; j < {O}; j++) sum += exp(out[j] - most);
        for (j = 0; j < {O}; j++) sums[j] += exp(out[j] - most) / sum;"""


class Answering:
    """Writes how outputs become answers; the code reads and changes `out`, and writes `answers`."""

    def __init__(self, model: Model, name: str) -> None:
        self.model, self.task, self.name = model, model.task, name
        dtype, self.members = str(model.config.train.dtype), len(model.members)
        temperature = number(model.temperature, dtype)
        self.words = {
            "n": name,
            "O": model.schema.outputs,
            "M": self.members,
            "targets": len(model.schema.targets),
            "exp": of_math("exp", dtype),
            "fabs": of_math("fabs", dtype),
            "cooled": "" if model.temperature == 1 else f" / {temperature}",
        }
        self.several = TASKS[model.schema.task].output_per_class

    @property
    def quantities(self) -> bool:
        """Whether answers are quantities."""
        return not self.model.schema.classes

    def constants(self) -> list[str]:
        """Return the tables of the scaling of quantities."""
        if not self.quantities:
            return []
        scaler = self.model.target_scaler
        kind = f"{self.name}_value"
        return [
            table(kind, f"{self.name}_unit", list(scaler.scale)),
            table(kind, f"{self.name}_zero", list(scaler.shift)),
        ]

    def beside(self) -> str:
        """Return what adds the linear part to the outputs of a network, "" for none."""
        part = self.model.linear_part
        return "" if part is None else BESIDE.format(**self.words, share=number(part.factor))

    def collect(self) -> str:
        """Return what is done with the outputs of each network of an ensemble."""
        if self.quantities:
            return ADD.format(**self.words)
        if not self.task.logits:
            return ADD_CLIPPED.format(**self.words)
        return (ADD_SOFTMAX if self.several else ADD_SIGMOID).format(**self.words)

    def average(self) -> str:
        """Return how sums over an ensemble become outputs."""
        if self.quantities or not self.task.logits:
            return MEAN.format(**self.words)
        return (MEAN_LOG if self.several else MEAN_LOGIT).format(**self.words)

    def lines(self, base: list[str]) -> list[str]:
        """Return how outputs become answers; base: expressions of what changes are added to, [] for none."""
        if base:
            last = f"    const {self.name}_value last[{len(base)}] = {{{', '.join(base)}}};"
            return [last, CHANGE.format(**self.words)]
        if self.quantities:
            return [INVERSE.format(**self.words)]
        if not self.task.logits:
            return [CLIP.format(**self.words)]
        return [(SOFTMAX if self.several else SIGMOID).format(**self.words)]
