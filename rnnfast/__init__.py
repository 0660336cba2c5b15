"""rnnfast: the fastest way to train a recurrent network on a CPU, from a table of sequences.

`import rnnfast` loads neither numba nor pandas: each public name is imported when it is first used.
"""

from importlib import import_module

__version__ = "0.1.0"

# public name -> module that defines it
_PUBLIC = {
    "read_table": "rnnfast.data",
    "SequenceData": "rnnfast.data",
    "train": "rnnfast.training",
    "TrainResult": "rnnfast.training",
    "load": "rnnfast.model",
    "forecast": "rnnfast.model.forecast",
    "Model": "rnnfast.model",
    "DataError": "rnnfast.errors",
    "DivergedError": "rnnfast.errors",
    "ModelError": "rnnfast.errors",
    "RnnfastError": "rnnfast.errors",
    "UsageError": "rnnfast.errors",
}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'rnnfast' has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
