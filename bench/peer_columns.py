"""Columns that a model of tables sees in place of sequences: aggregates, lags and rolling figures.

One row per label, from what is known there: the whole sequence where it has one label, else the row and those before.
"""

import pandas as pd

LARGEST_FLAT = 2000  # values of a sequence that become columns of their own, where all are equally long
LAGS = 24  # rows before a forecast that are columns
FORECAST_WINDOWS = (7, 30, 168)  # rows of the rolling means of a forecast
STEP_WINDOWS = (5, 20)  # of a label per row


def features(one, frame):
    """Names of the inputs."""
    roles = {one.id, one.options.get("time"), one.target, *one.options.get("ignore", ())}
    return [name for name in frame.columns if name not in roles]


def columns_of(one, frame, change=False):
    """The table of columns, indexed as the rows that have a label.

    change: a forecast is of the change since the last value, and lags are changes too.
    """
    if one.horizon:
        return _forecast(one, frame, change)
    return _sequences(one, frame) if one.per_sequence(frame) else _steps(one, frame)


def repetition_is_good(one, train):
    """Whether the last value repeated beats the mean: then a forecast is better of the change."""
    labels = one.labels(train)
    return bool(((labels - train.loc[labels.index, one.target]) ** 2).mean() < labels.var())


def _sequences(one, frame):
    """Last, mean, deviation, least, greatest and slope of each input; every value where sequences are equally long."""
    names = features(one, frame)
    groups = frame.groupby(one.id, sort=False)
    t = groups.cumcount()
    centred = t - t.groupby(frame[one.id]).transform("mean")
    spread = (centred**2).groupby(frame[one.id], sort=False).sum().replace(0, 1)
    figures = groups[names].agg(["last", "mean", "std", "min", "max"]).fillna(0)
    figures.columns = [f"{name}_{figure}" for name, figure in figures.columns]
    for name in names:
        figures[f"{name}_slope"] = (centred * frame[name]).groupby(frame[one.id], sort=False).sum() / spread
    lengths = groups.size()
    figures["length"] = lengths
    if lengths.nunique() == 1 and lengths.iloc[0] * len(names) <= LARGEST_FLAT:
        flat = frame[names].to_numpy().reshape(len(lengths), -1)
        figures = figures.join(pd.DataFrame(flat, index=figures.index).add_prefix("value_"))
    figures.index = frame.index[~frame[one.id].duplicated(keep="last")]
    return figures


def _steps(one, frame):
    """The row, the one before, and rolling figures of each input; the number of the row in its sequence."""
    names = features(one, frame)
    groups = frame.groupby(one.id, sort=False)
    parts = [frame[names], groups[names].shift(1).add_suffix("_before")]
    for window in STEP_WINDOWS:
        rolling = groups[names].rolling(window, min_periods=1)
        for figure in ("mean", "std", "min", "max"):
            part = getattr(rolling, figure)().droplevel(0).reindex(frame.index)
            parts.append(part.add_suffix(f"_{figure}_{window}"))
    return pd.concat([*parts, groups.cumcount().rename("row")], axis=1)


def _forecast(one, frame, change):
    """Lags and rolling means of the target, the other inputs now and a day of rows ago, and the calendar."""
    target = frame[one.target]
    ids = frame[one.id] if one.id else pd.Series(0, index=frame.index)
    groups = target.groupby(ids)
    table = {f"lag_{lag}": groups.shift(lag) for lag in range(LAGS)}
    for window in FORECAST_WINDOWS:
        mean = groups.rolling(window, min_periods=1).mean().droplevel(0).reindex(frame.index)
        table[f"mean_{window}"] = mean
    if change:  # levels move, changes stay: trees cannot leave the range they saw
        table = {name: values - target for name, values in table.items()} | {"now": target}
    for name in features(one, frame):
        table[name] = frame[name]
        table[f"{name}_lag"] = frame[name].groupby(ids).shift(LAGS)
    time = frame[one.options["time"]]
    if time.dtype.kind not in "iuf":
        moments = pd.to_datetime(time, utc=True).dt
        table |= {"hour": moments.hour, "weekday": moments.weekday, "month": moments.month, "day": moments.dayofyear}
    return pd.DataFrame(table).astype(float)
