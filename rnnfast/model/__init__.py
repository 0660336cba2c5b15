"""A network with what it takes to use it: columns, scaling, threshold, file format, prediction."""

from rnnfast.model.file import load
from rnnfast.model.model import Model

__all__ = ["Model", "load"]
