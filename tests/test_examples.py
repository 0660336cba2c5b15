"""The examples of docstrings run, and print what they say."""

import doctest
import importlib
import inspect

import pytest

import rnnfast
from rnnfast.metrics.evaluation import Evaluation
from rnnfast.model.live.stream import Stream

FUNCTIONS = [
    name
    for name, module in rnnfast._PUBLIC.items()
    if inspect.isfunction(getattr(importlib.import_module(module), name))
]
CLASSES = [
    *(rnnfast.Model, rnnfast.TrainResult, Evaluation, Stream),
    *(rnnfast.Reporter, rnnfast.RNNClassifier, rnnfast.RNNRegressor),
]
WITH_METHODS = [rnnfast.Model, rnnfast.TrainResult, Evaluation, Stream]


def test_public_functions_are_seen():
    assert {"train", "read_table", "load", "cv", "tune", "forecast", "compare", "part_of"} <= set(FUNCTIONS)


def examples_of(subject, name, globs):
    """The example of a docstring, which runs with these names."""
    (example,) = doctest.DocTestFinder(recurse=False).find(subject, name, globs=globs)
    assert example.examples, f"{name} has no example"
    return example


def run(example):
    """Run an example; it leaves its names in the returned dictionary."""
    report = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=report.append, clear_globs=False)
    assert not report, "".join(report)
    return example.globs


def methods(kind):
    """The public methods that a class has of its own; how it is shown and drawn is asked for by its base."""
    own = {name: item for name, item in vars(kind).items() if inspect.isfunction(item) and name[0] != "_"}
    return {name: item for name, item in own.items() if not any(hasattr(base, name) for base in kind.__bases__)}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_a_function_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(examples_of(getattr(rnnfast, name), name, {}))


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_the_examples_of_a_class_and_its_methods_run(kind, tmp_path, monkeypatch):
    """Those of the methods go on with the names of the class's example, and of its module."""
    monkeypatch.chdir(tmp_path)
    names = run(examples_of(kind, kind.__name__, {}))
    for name, method in methods(kind).items() if kind in WITH_METHODS else ():
        run(examples_of(method, f"{kind.__name__}.{name}", vars(inspect.getmodule(kind)) | names))


def test_methods_are_seen():
    assert {"predict", "evaluate", "stream", "save"} <= methods(rnnfast.Model).keys()
    assert {"step", "step_many", "reset", "stats"} <= methods(Stream).keys()
