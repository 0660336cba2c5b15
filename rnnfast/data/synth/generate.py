"""Seeded tables to try things on: each kind follows a recurrent rule that the present row alone does not tell.

    creditcard   Time,V1..V28,Amount,Class; windows of rows; rare frauds soon after small probing payments
    temperature  name,t,x1..x6,y1; regression; a season plus weather that decays over days
    parity       name,t,x1,y1; is the number of ones so far odd?
    xor          name,t,x1,x2,y1; one step: exclusive or of two bits
    adding       name,t,x1,x2,y1; sum of the two marked values, known at the last step (Hochreiter & Schmidhuber 1997)
    sensors      name,t,x1..x8,y1; has the balance of three of eight channels, fading, come above a limit?

The same arguments give the same bytes on every platform and with every NumPy: all numbers come from the raw 64-bit
stream of PCG64 (which NumPy keeps stable, unlike its distributions) by integer and elementwise IEEE arithmetic, without
libm. Of a .gz file that holds for what is inside; its own bytes depend on the zlib version too.
"""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.synth.parquet import write_parquet
from rnnfast.errors import UsageError
from rnnfast.writing import replacing

Floats = NDArray[np.float64]
Column = tuple[str, NDArray[Any], str]  # header, values (rows,), printf format of a value

_ROWS_PER_WRITE = 4096  # rows formatted at once: amortises the call, stays in cache


@dataclass(frozen=True)
class Synthetic:
    """What was written: kind, path (None: a stream), sequences, steps per sequence, rows = sequences * steps."""

    kind: str
    path: Path | None
    sequences: int
    steps: int
    rows: int


@dataclass(frozen=True)
class _Kind:
    """How to make a kind: its columns from (random bits, sequences, steps), default and permitted size."""

    columns: Callable[[np.random.PCG64, int, int], list[Column]]
    sequences: int
    steps: int
    least_steps: int = 1
    most_steps: int | None = None


def synth(
    kind: str,
    path: str | Path | None = None,
    sequences: int | None = None,
    steps: int | None = None,
    seed: int = 0,
    stream: IO[bytes] | None = None,
) -> Synthetic:
    """Write a synthetic table as CSV or, in bounded memory, as Parquet.

    kind: one of `KINDS`; path: the file (.csv, .csv.gz compressed, or .parquet; `<kind>.csv` by default), replaced as a
    whole when all is written; '-': write to `stream` (standard output by default). sequences, steps: how many sequences
    (creditcard: windows of consecutive rows) of how many rows; None: the kind's default. seed: an integer >= 0.
    Raises: UsageError for an unknown kind or a size that it cannot have; RnnfastError where the file cannot be written.
    """
    if kind not in KINDS:
        raise UsageError(f"synth: unknown kind {kind!r}; choose one of {', '.join(KINDS)}")
    generator = KINDS[kind]
    sequences = generator.sequences if sequences is None else sequences
    steps = generator.steps if steps is None else steps
    _check_size(kind, generator, sequences, steps, seed)
    if str(path).endswith(".parquet"):
        write_parquet(generator.columns, Path(str(path)), sequences, steps, seed)
        return Synthetic(kind, Path(str(path)), sequences, steps, sequences * steps)
    columns = generator.columns(np.random.PCG64(seed), sequences, steps)
    if path == "-":
        target = None
        _write(columns, sys.stdout.buffer if stream is None else stream)
    else:
        target = Path(f"{kind}.csv" if path is None else path)
        with _opened(target) as file:
            _write(columns, file)
    return Synthetic(kind, target, sequences, steps, sequences * steps)


def _check_size(kind: str, generator: _Kind, sequences: int, steps: int, seed: int) -> None:
    if sequences < 1:
        raise UsageError(f"synth {kind}: sequences is {sequences}; it must be at least 1")
    if steps < generator.least_steps:
        raise UsageError(f"synth {kind}: steps is {steps}; it must be at least {generator.least_steps}")
    if generator.most_steps is not None and steps > generator.most_steps:
        raise UsageError(f"synth {kind}: steps is {steps}; it can be at most {generator.most_steps}")
    if seed < 0:
        raise UsageError(f"synth {kind}: seed is {seed}; it must be at least 0")


def _creditcard(bits: np.random.PCG64, windows: int, steps: int) -> list[Column]:
    """Card payments in the columns of Kaggle's set, about 2 % frauds, memory restarting with each window.

        probe_t = the payment is below 2.5 (and its V14 lies 6 lower)
        m_t = 0.8 m_(t-1) + probe_t            s_t = 0.6 s_(t-1) + (V4 + V11 - V10) / 3            m_0 = s_0 = 0
        fraud_t = the payment is above 60 and m_(t-1) + 0.3 s_(t-1) > 1.4

    that is, a large payment soon after a card was tried with small ones: the row of the fraud alone does not tell.
    Time is in seconds and never falls; Amount is 0 to 250.
    """
    components = np.empty((28, windows, steps))
    for k in range(28):
        components[k] = _bell(bits, windows, steps) * (2.0 - 0.06 * k)  # as principal components: falling spread
    amount = _rounded(250.0 * np.square(_uniform(bits, windows, steps)), 2)
    probe = amount < 2.5
    components[13] -= 6.0 * probe
    components = _rounded(components, 3)
    drive = (components[3] + components[10] - components[9]) / 3.0
    memory, trend = np.zeros(windows), np.zeros(windows)
    fraud = np.zeros((windows, steps), dtype=np.int64)
    for t in range(steps):
        fraud[:, t] = (amount[:, t] > 60.0) & (memory + 0.3 * trend > 1.4)
        memory = 0.8 * memory + probe[:, t]
        trend = 0.6 * trend + drive[:, t]
    seconds = np.cumsum(_integers(bits, 4, windows * steps))
    return [
        ('"Time"', seconds, "%d"),
        *((f'"V{k + 1}"', components[k].reshape(-1), "%.3f") for k in range(28)),
        ('"Amount"', amount.reshape(-1), "%.2f"),
        ('"Class"', fraud.reshape(-1), '"%d"'),
    ]


def _temperature(bits: np.random.PCG64, stations: int, days: int) -> list[Column]:
    """Daily mean temperature in °C: season, cloud, and fronts that fade over about ten days.

        h_t = 0.9 h_(t-1) + front_t + 0.5 wind_t                             h_0 = 0
        y1_t = 10 + 4 season(t) - 1.5 cloud_t + 2 h_t + 0.3 noise

    x1 season (a wave of 365 days, -1 to 1), x2 front (change of pressure), x3 wind, x4 cloud, x5 humidity (cloud and
    noise), x6 nothing. t is the day; each station starts on a day of its own.
    """
    day = _integers(bits, 365, stations)[:, None] + np.arange(days)
    season = _wave(day / 365.0)
    front, wind, cloud, noise, blur, nothing = (_rounded(_bell(bits, stations, days), 2) for _ in range(6))
    humidity = 0.7 * cloud + 0.7 * blur
    state = np.zeros(stations)
    target = np.empty((stations, days))
    for t in range(days):
        state = 0.9 * state + front[:, t] + 0.5 * wind[:, t]
        target[:, t] = 10.0 + 4.0 * season[:, t] - 1.5 * cloud[:, t] + 2.0 * state + 0.3 * noise[:, t]
    features = (_rounded(season, 3), front, wind, cloud, _rounded(humidity, 2), nothing)
    return [
        ("name", np.repeat(np.arange(stations) + 1, days), "s%d"),
        ("t", day.reshape(-1), "%d"),
        *((f"x{k + 1}", values.reshape(-1), "%.3f" if k == 0 else "%.2f") for k, values in enumerate(features)),
        ("y1", _rounded(target, 2).reshape(-1), "%.2f"),
    ]


def _parity(bits: np.random.PCG64, sequences: int, steps: int) -> list[Column]:
    """Random bits x1 and their running parity: y1_t = (x1_1 + ... + x1_t) mod 2."""
    ones = _integers(bits, 2, sequences, steps)
    parity = np.cumsum(ones, axis=1) % 2
    return [*_original(sequences, steps), ("x1", ones.reshape(-1), "%d"), ("y1", parity.reshape(-1), "%d")]


def _xor(bits: np.random.PCG64, sequences: int, steps: int) -> list[Column]:
    """The four cases of y1 = x1 xor x2 in turn, one step each; nothing is random."""
    case = np.arange(sequences) % 4
    first, second = case // 2, case % 2
    return [*_original(sequences, steps), ("x1", first, "%d"), ("x2", second, "%d"), ("y1", first ^ second, "%d")]


def _adding(bits: np.random.PCG64, sequences: int, steps: int) -> list[Column]:
    """The adding problem: x1 a value in [0, 1], x2 marks one value in each half; y1 is their sum, at the last step.

    Long-range by construction (Hochreiter & Schmidhuber 1997, experiment 4; the form in [0, 1] with a mark per half is
    that of Le, Jaitly & Hinton 2015). Elsewhere y1 is empty: an unlabelled step.
    """
    values = _integers(bits, 10_001, sequences, steps)  # in 1/10,000, so that the printed sum is exact
    half = steps // 2
    rows = np.arange(sequences)
    marked = np.zeros((sequences, steps), dtype=np.int64)
    marked[rows, _integers(bits, half, sequences)] = 1
    marked[rows, half + _integers(bits, steps - half, sequences)] = 1
    total = (values * marked).sum(axis=1) / 10_000
    answer = np.full((sequences, steps), "", dtype=object)
    answer[:, -1] = [f"{value:.4f}" for value in total.tolist()]
    return [
        *_original(sequences, steps),
        ("x1", (values / 10_000).reshape(-1), "%.4f"),
        ("x2", marked.reshape(-1), "%d"),
        ("y1", answer.reshape(-1), "%s"),
    ]


def _sensors(bits: np.random.PCG64, devices: int, steps: int) -> list[Column]:
    """Eight channels of noise in [-1, 1), and whether a fading balance of three of them is above a limit.

        h_t = 0.9 h_(t-1) + x1_t - x2_t + 0.5 x3_t        h_0 = 0        y1_t = h_t > 1

    Four values from each 64 bits, in float32 throughout: the quickest kind, for tables of any size.
    """
    words = bits.random_raw(devices * steps * 2).astype("<u8").view("<u2")
    x = (words.reshape(devices, steps, 8).astype(np.float32) - np.float32(32768)) * np.float32(2.0**-15)
    drive = np.ascontiguousarray((x[:, :, 0] - x[:, :, 1] + np.float32(0.5) * x[:, :, 2]).T)
    state, above = np.zeros(devices, np.float32), np.empty((steps, devices), np.int8)
    for t in range(steps):
        state = np.float32(0.9) * state + drive[t]
        above[t] = state > 1
    return [
        *_original(devices, steps),
        *((f"x{k + 1}", x[:, :, k].reshape(-1), "%.6f") for k in range(8)),
        ("y1", above.T.reshape(-1), "%d"),
    ]


KINDS: dict[str, _Kind] = {
    "creditcard": _Kind(_creditcard, sequences=400, steps=10),
    "temperature": _Kind(_temperature, sequences=100, steps=50),
    "parity": _Kind(_parity, sequences=500, steps=10),
    "xor": _Kind(_xor, sequences=200, steps=1, most_steps=1),
    "adding": _Kind(_adding, sequences=1000, steps=20, least_steps=2),
    "sensors": _Kind(_sensors, sequences=1000, steps=100),
}


def _original(sequences: int, steps: int) -> list[Column]:
    """Columns name (1, 2, ...) and t (0, 1, ...) of each sequence."""
    return [
        ("name", np.repeat(np.arange(sequences) + 1, steps), "%d"),
        ("t", np.tile(np.arange(steps), sequences), "%d"),
    ]


def _integers(bits: np.random.PCG64, below: int, *shape: int) -> NDArray[np.int64]:
    """Draw integers 0 .. below - 1 (bias below 2^-50 for the ranges used here)."""
    return (bits.random_raw(shape) % np.uint64(below)).astype(np.int64)


def _uniform(bits: np.random.PCG64, *shape: int) -> Floats:
    """Draw from [0, 1), multiples of 2^-53."""
    return (bits.random_raw(shape) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _bell(bits: np.random.PCG64, *shape: int) -> Floats:
    """Draw from a bell shape of mean 0, variance 1, within ±3.47: the sum of four uniform numbers of 16 bits each."""
    raw = bits.random_raw(shape)
    total = sum((raw >> np.uint64(shift)) & np.uint64(0xFFFF) for shift in (0, 16, 32, 48))
    return (np.asarray(total, dtype=np.float64) / 65536.0 - 1.9999694824) * 1.7320508  # the mean; sqrt(3)


def _wave(turns: Floats) -> Floats:
    """A sine of parabolas, period 1, amplitude 1, within 0.06 of the sine: exact arithmetic, so equal everywhere."""
    x = 2.0 * (turns - np.floor(turns)) - 1.0
    return -4.0 * x * (1.0 - np.abs(x))


def _rounded(values: Floats, digits: int) -> Floats:
    """Round to what is printed, so that rules hold for the values in the file; adding 0 turns -0 into 0."""
    scale = float(10**digits)
    rounded: Floats = np.rint(values * scale) / scale + 0.0
    return rounded


def _write(columns: Sequence[Column], file: IO[bytes]) -> None:
    """Write header and rows, lines ending in a line feed."""
    row = ",".join(form for _, _, form in columns) + "\n"
    rows, width = len(columns[0][1]), len(columns)
    file.write((",".join(name for name, _, _ in columns) + "\n").encode())
    for start in range(0, rows, _ROWS_PER_WRITE):
        stop = min(start + _ROWS_PER_WRITE, rows)
        cells: list[Any] = [None] * ((stop - start) * width)
        for k, (_, values, _) in enumerate(columns):
            cells[k::width] = values[start:stop].tolist()
        file.write((row * (stop - start) % tuple(cells)).encode())


@contextmanager
def _opened(target: Path) -> Iterator[IO[bytes]]:
    """Open the file that takes the target's name when all went well, gzipped where the name says so."""
    with replacing(target) as raw:
        if target.suffix != ".gz":
            yield raw
            return
        # Neither time nor name in the header: the same bytes again.
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as packed:
            buffered = io.BufferedWriter(packed)
            yield buffered
            buffered.flush()
