"""Errors as scikit-learn knows them: what is wrong with a parameter or an input is a ValueError."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rnnfast.errors import DataError, UsageError


class ParameterError(UsageError, ValueError):
    """A parameter of an estimator is wrong."""


class InputError(DataError, ValueError):
    """X, y or a weight cannot be used."""


@contextmanager
def value_errors() -> Iterator[None]:
    """Raise the errors of rnnfast that concern options and data as ValueErrors."""
    try:
        yield
    except ValueError:
        raise
    except UsageError as error:
        raise ParameterError(str(error)) from error
    except DataError as error:
        raise InputError(str(error)) from error
