"""The entries of the catalogue, each once."""

from __future__ import annotations

from typing import Protocol, TypeVar

from rnnfast.catalogue.kinds import (
    CLASSES,
    QUANTITIES,
    TWO_CLASSES,
    Activation,
    Cell,
    Fill,
    Head,
    Init,
    Loss,
    Metric,
    Optimizer,
    Scaling,
    Schedule,
    Task,
)  # fmt: skip


class Named(Protocol):
    """An entry of the catalogue."""

    @property
    def name(self) -> str:
        """The word of options, files and JSON."""


Entry = TypeVar("Entry", bound=Named)


def _by_name(*entries: Entry) -> dict[str, Entry]:
    return {entry.name: entry for entry in entries}


CELLS = _by_name(
    Cell("rnn", activation=True, plain_sgd=True),
    Cell("gru"),
    Cell("lstm"),
    Cell("lru", usual=False),
    Cell("mingru", usual=False),
    Cell("mlp", activation=True, recurrent=False),
)

HEADS = _by_name(
    Head("last", "last state", pools=False),
    Head("mean", "mean of the states"),
    Head("max", "maximum of the states"),
    Head("all", "last state, mean and maximum", blocks=3),
    Head("attention", "attention over the states", query=True),
)

ACTIVATIONS = _by_name(
    *map(Activation, ("tanh", "relu", "leaky_relu", "sigmoid", "elu", "swish", "gelu", "identity")),
)

LOSSES = _by_name(
    Loss("mse", (QUANTITIES, TWO_CLASSES)),
    Loss("mae", (QUANTITIES, TWO_CLASSES)),
    Loss("huber", (QUANTITIES, TWO_CLASSES)),
    Loss("bce", (TWO_CLASSES,), logits=True),
    Loss("ce", (CLASSES,), logits=True, per_step=True),
)

OPTIMIZERS = _by_name(
    Optimizer("sgd", lr=0.05),
    Optimizer("momentum", m=True, lr=0.01, momentum=True),
    Optimizer("nesterov", m=True, lr=0.01, momentum=True),
    Optimizer("adam", m=True, v=True),
    Optimizer("adamw", m=True, v=True, decay=0.01),
    Optimizer("rmsprop", v=True),
    Optimizer("adagrad", v=True, lr=0.05),
)

SCALINGS = _by_name(
    Scaling("minmax"),
    Scaling("zscore", moments=True),
    Scaling("robust", quartiles=True),
    Scaling("rank", quartiles=True, ranks=True, of_targets=False),
    Scaling("none", fitted=False, of_targets=False),
)

FILLS = _by_name(
    Fill("error", "an error", fills=False),
    Fill("zero", "0"),
    Fill("mean", "mean", mean=True),
    Fill("ffill", "filled forward", carried=True, mean=True),
)

SCHEDULES = _by_name(
    Schedule("constant"),
    Schedule("step", drops=True, waits=True),
    Schedule("exponential", gamma=0.95, drops=True),
    Schedule("cosine"),
    Schedule("onecycle", per_update=True),
    Schedule("plateau", drops=True, waits=True, watches=True),
)

INITS = _by_name(Init("xavier"), Init("he"), Init("orthogonal"), Init("uniform", biases=True))

_BOTH = (TWO_CLASSES, CLASSES)
METRICS = _by_name(
    Metric("accuracy", "share of the labels that are predicted right", _BOTH, quick=True, share=True, headline=1),
    Metric("balanced_accuracy", "mean recall of the classes that occur", _BOTH, share=True),
    Metric("precision", "share of the predicted positives that are right", (TWO_CLASSES,), share=True),
    Metric("recall", "share of the positives that are found", (TWO_CLASSES,), share=True),
    Metric("specificity", "share of the negatives that are left alone", (TWO_CLASSES,), share=True),
    Metric("f1", "harmonic mean of precision and recall", (TWO_CLASSES,), quick=True, headline=4),
    Metric("mcc", "correlation of labels and predictions", (TWO_CLASSES,)),
    Metric("auroc", "share of the pairs of both classes in right order", (TWO_CLASSES,), probability=True),
    Metric("auprc", "mean precision over all thresholds", (TWO_CLASSES,), probability=True, headline=5),
    Metric("macro_f1", "mean of the f1 of each class", (CLASSES,), quick=True, headline=3),
    Metric("log_loss", "mean of -ln p of the true class", _BOTH, lower_is_better=True, probability=True),
    Metric("brier", "mean squared error of the probability", (TWO_CLASSES,), lower_is_better=True, probability=True),
    Metric("mae", "mean absolute error", (QUANTITIES,), lower_is_better=True),
    Metric("rmse", "root of the mean squared error", (QUANTITIES,), lower_is_better=True, quick=True, headline=1),
    Metric("mape", "mean of |error| / |label|", (QUANTITIES,), lower_is_better=True, share=True),
    Metric("r2", "share of the variance that is explained", (QUANTITIES,), quick=True, headline=2),
    Metric("within_5pct", "share of the predictions within 5 % of the label", (QUANTITIES,), share=True),
    Metric("within_10pct", "share of the predictions within 10 % of the label", (QUANTITIES,), share=True),
)

TASKS = _by_name(
    Task("binary", TWO_CLASSES, "bce", naive="the majority class", what="the task is binary"),
    Task("multiclass", CLASSES, "ce", naive="the majority class", what="the task is multiclass"),
    Task(
        "regression",
        QUANTITIES,
        "mse",
        naive="the mean",
        what="the target is a quantity (regression)",
        linear="ridge regression",
    ),
)
