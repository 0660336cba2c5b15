"""Tables, arrays and sequences as wheels hold them.

source: {"wheels": folder}. Raises: FileNotFoundError for a file that no wheel there has.
"""

import ast
import io
import zipfile

import numpy as np
import pandas as pd


def shipped(source, path):
    """Bytes of a file of a wheel, whose name begins with the first folder of the path."""
    wheels = sorted(source["wheels"].glob(f"{path.partition('/')[0]}-*.whl"))
    if not wheels:
        raise FileNotFoundError(f"no wheel with {path}")
    with zipfile.ZipFile(wheels[-1]) as wheel:
        return wheel.read(path)


def table_of(source, path, **options):
    """A table of a wheel."""
    packed = "gzip" if path.endswith(".gz") else None
    return pd.read_csv(io.BytesIO(shipped(source, path)), compression=packed, **options)


def numbers_of(source, path):
    """The longest list of numbers in a module, which is not run."""
    lists = [node.elts for node in ast.walk(ast.parse(shipped(source, path).decode())) if isinstance(node, ast.List)]
    values = [part.value for part in max(lists, key=len) if isinstance(part, ast.Constant) and part.value is not None]
    return np.array(values, float)


def archive(path, source):
    """Two parts of the .ts format, PATH_TRAIN.ts and PATH_TEST.ts, with a quantity or a class for each sequence."""
    parts = []
    for part in ("TRAIN", "TEST"):
        lines = shipped(source, f"{path}_{part}.ts").decode().splitlines()
        first = next(k for k, line in enumerate(lines) if line.strip().lower() == "@data")
        parts.append(pd.concat([_case(k, line) for k, line in enumerate(lines[first + 1 :]) if line.strip()]))
    return [_whole(part) for part in parts]


def rows_of(path, source):
    """Two parts with a sequence in each line, PATH_TRAIN.txt and PATH_TEST.txt: its class, then its values."""
    parts = []
    for part in ("TRAIN", "TEST"):
        lines = shipped(source, f"{path}_{part}.txt").decode().splitlines()
        cases = [line.split(None, 1) for line in lines if line.strip()]
        parts.append(pd.concat([_case(k, f"{','.join(row.split())}:{y}") for k, (y, row) in enumerate(cases)]))
    return [_whole(part) for part in parts]


def _whole(part):
    """The same, with labels as whole numbers where all are."""
    return part.astype({"y": int}) if (part["y"] % 1 == 0).all() else part


def _case(number, line):
    """One row per step of a sequence: id, t, its channels and the label."""
    *channels, label = line.strip().split(":")
    values = [np.array(channel.replace("?", "nan").split(","), float) for channel in channels]
    columns = {f"x{k}": one for k, one in enumerate(values)}
    return pd.DataFrame({"id": number, "t": np.arange(len(values[0])), **columns, "y": float(label)})
