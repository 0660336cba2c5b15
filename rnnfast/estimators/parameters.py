"""The parameters of the estimators: the options of rnnfast.train by their names, and four of scikit-learn's.

A parameter is None where nobody gives it, and is then the default of rnnfast, or what the preset chooses. random_state
is the seed and n_jobs the number of threads, by scikit-learn's rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter, Signature
from typing import Any

import numpy as np
from joblib.parallel import get_active_backend
from sklearn.utils import check_random_state

from rnnfast.config.resolve import table_of_option
from rnnfast.config.synonyms import hint
from rnnfast.config.typed import TrainOptions
from rnnfast.diagnose.machine import cores
from rnnfast.estimators.errors import ParameterError

# Options that are no parameters -> what stands in their place.
ELSEWHERE: Mapping[str, str] = dict.fromkeys(
    ("data", "target", "columns", "sep", "query", "memory", "cache"), "X and y are given to fit"
) | {
    "seed": "it is random_state",
    "threads": "it is n_jobs",
    "weight": "give sample_weight to fit",
    "task": "a classifier learns classes, a regressor quantities",
    "positive": "of two classes the last in order is the positive one, classes_[1]",
    "predict": "y says whether each step or each sequence has a label",
    "window": "X holds the sequences",
    "stride": "X holds the sequences",
    "horizon": "give the later values as y",
    "lag_target": "give earlier targets as features in X",
    "difference": "give changes as y",
    "season": "forecasts are rnnfast.forecast's",
    "split_by": "cross-validate with groups, or give valid to fit",
    "valid": "give it to fit",
    "test": "use score",
    "output": "save with model_.save(PATH), or pickle the estimator",
}
OWN: Mapping[str, Any] = {"random_state": 0, "n_jobs": None, "verbose": False}
NAMES = (*(name for name in table_of_option() if name not in ELSEWHERE), *OWN)


class EstimatorOptions(TrainOptions, total=False):
    """Parameters of the estimators: those of rnnfast.TrainOptions but the ones that concern files, and these.

    random_state: Seed of split, initial weights and order: a whole number, a numpy RandomState that draws it, or None,
        for one of numpy's global generator. Default 0.
    n_jobs: Threads at most; -1: all cores, -2: all but one; None: all where the work is worth sharing, one where joblib
        fits several estimators already.
    verbose: Show a line that is redrawn. Default False.
    """

    random_state: int | np.random.RandomState | None
    n_jobs: int | None
    verbose: bool


def signature(defaults: Mapping[str, Any] = OWN) -> Signature:
    """Return what inspect, and with it get_params and clone, see of an __init__; defaults: of parameters, else None."""
    names = [Parameter(name, Parameter.KEYWORD_ONLY, default=defaults.get(name)) for name in NAMES]
    return Signature([Parameter("self", Parameter.POSITIONAL_OR_KEYWORD), *names])


def set_parameters(estimator: Any, options: Mapping[str, Any], defaults: Mapping[str, Any] = OWN) -> None:
    """Set an attribute for each parameter. Raises ParameterError for an unknown one."""
    for name in options:
        if name in ELSEWHERE:
            raise ParameterError(f"{name} is no parameter of an estimator: {ELSEWHERE[name]}")
        if name not in NAMES:
            raise ParameterError(f"unknown parameter {name!r}{hint(name, NAMES)}")
    for name in NAMES:
        setattr(estimator, name, options.get(name, defaults.get(name)))


def train_options(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of rnnfast.train that parameters say. Raises ParameterError for wrong ones of scikit-learn."""
    options = {name: value for name, value in parameters.items() if value is not None and name not in OWN}
    seed, jobs = parameters["random_state"], parameters["n_jobs"]
    if seed is None or isinstance(seed, np.random.RandomState):
        seed = int(check_random_state(seed).randint(2**31))
    return options | {"seed": seed, "threads": threads(jobs), "progress": bool(parameters["verbose"])}


def threads(jobs: int | None) -> int | None:
    """Return how many threads n_jobs means, None for as many as are worth it."""
    if jobs is None:
        backend, _ = get_active_backend()
        return 1 if backend.nesting_level else None
    if isinstance(jobs, bool) or not isinstance(jobs, int | np.integer) or jobs == 0:
        raise ParameterError(f"n_jobs: {jobs!r} is not a number of threads; give 1 or more, -1 for all cores, or None")
    return int(jobs) if jobs > 0 else max(1, cores() + 1 + int(jobs))
