"""The examples of docstrings run, and print what they say."""

import doctest
import importlib
import inspect

import pytest

import rnnfast

FUNCTIONS = [
    name
    for name, module in rnnfast._PUBLIC.items()
    if inspect.isfunction(getattr(importlib.import_module(module), name))
]
CLASSES = ["Model", "Reporter", "RNNClassifier", "RNNRegressor"]


def test_public_functions_are_seen():
    assert {"train", "read_table", "load", "cv", "tune", "forecast", "compare", "part_of"} <= set(FUNCTIONS)


@pytest.mark.parametrize("name", [*FUNCTIONS, *CLASSES])
def test_the_example_of_a_docstring_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    subject = getattr(rnnfast, name)
    (example,) = doctest.DocTestFinder(recurse=False).find(subject, name, globs={})
    assert example.examples, f"{name} has no example"
    report = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=report.append)
    assert not report, "".join(report)
