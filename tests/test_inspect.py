"""`inspect TABLE` shows what there is, stops at no cell, and proposes options with which training runs."""

import shlex
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from datasets import dataset
from ids import cases

from rnnfast.cli import run
from rnnfast.config.sections import DataConfig
from rnnfast.console.text import span
from rnnfast.data import inspection
from rnnfast.data.columns.candidates import Candidate
from rnnfast.data.columns.profile import MOST_DISTINCT, Profiles
from rnnfast.data.columns.targetnames import likely_target
from rnnfast.data.inspection import inspect_tables
from rnnfast.data.sources.batches import LEAST_ROWS, batches
from rnnfast.data.sources.opening import open_sources

ROWS = 3000


@pytest.fixture(autouse=True)
def tables(tmp_path, monkeypatch):
    """A table with everything that training refuses, and a sound one."""
    isolate(monkeypatch, tmp_path)
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"name": np.repeat([f"{j:03d}" for j in range(100)], 30), "t": np.tile(np.arange(30), 100)})
    frame["day"] = np.tile(pd.date_range("2024-01-31", periods=30).strftime("%Y-%m-%d"), 100)
    frame["plan"] = random.choice(["basic", "pro", "none"], ROWS)
    frame["amount"] = random.normal(50, 10, ROWS).round(2)
    frame["level"] = 2388 + random.choice([0.02, 0.17, 0.56], ROWS)
    frame["const"] = 5
    frame["flag"] = random.random(ROWS) < 0.3
    frame["year"] = random.integers(2010, 2015, ROWS)
    frame["y"] = random.integers(0, 2, ROWS)
    frame.to_csv("sound.csv", index=False)
    frame["calls"] = random.integers(0, 9, ROWS).astype(object)
    frame.loc[[17, 44, 2900], "calls"] = ["many", "few", "many"]
    frame.loc[random.random(ROWS) < 0.1, "amount"] = np.nan
    frame.loc[random.random(ROWS) < 0.1, "level"] = np.nan
    frame["big"] = frame["const"].astype(float)
    frame.loc[3, "big"] = np.inf
    frame["blank"] = ""
    frame.to_csv("rough.csv", index=False)


def columns_of(described):
    return {column["name"]: column for column in described["columns"]}


def test_facts_of_every_column(capsys):
    described = result(["inspect", "rough.csv", "--target", "y", "--categorical", "plan"], capsys)
    columns, frame = columns_of(described), pd.read_csv("rough.csv", dtype={"name": str})
    assert list(columns) == list(frame)
    kinds = {name: column["kind"] for name, column in columns.items()}
    assert kinds == {
        "name": "integer", "t": "integer", "day": "text", "plan": "text", "amount": "number", "level": "number",
        "const": "integer", "flag": "boolean", "year": "integer", "y": "integer", "calls": "integer", "big": "number",
        "blank": "empty",
    }  # fmt: skip
    amount, values = columns["amount"], frame["amount"]
    assert amount["missing"] == values.isna().sum()
    assert amount["distinct"] == values.nunique()
    facts = [amount[key] for key in ("min", "mean", "max", "std")]
    assert facts == pytest.approx([values.min(), values.mean(), values.max(), values.std(ddof=0)])
    assert [name for name, column in columns.items() if column["constant"]] == ["const"]
    assert columns["blank"]["missing"] == ROWS
    assert columns["calls"]["distinct"] == frame["calls"].nunique()
    assert columns["plan"]["categories"] == ["basic", "none", "pro"]
    assert columns["day"]["examples"][0] == "2024-01-31"


def test_roles_say_why(capsys):
    options = ["--id", "name", "--time", "day", "--target", "y", "--categorical", "plan", "--ignore", "t"]
    described = result(["inspect", "sound.csv", *options], capsys)
    columns = columns_of(described)
    assert {name: (column["role"], column["why"]) for name, column in columns.items()} == {
        "name": ("id", "--id"),
        "day": ("time", "--time"),
        "t": ("unused", "--ignore"),
        "plan": ("category", "--categorical"),
        "amount": ("feature", "holds numbers"),
        "level": ("feature", "holds numbers"),
        "const": ("feature", "holds numbers, all the same"),
        "flag": ("feature", "holds numbers"),
        "year": ("feature", "holds numbers"),
        "y": ("target", "--target"),
    }
    assert (columns["day"]["first"], columns["day"]["last"]) == ("2024-01-31", "2024-02-29")
    assert (described["findings"], described["read_as"]) == ([], "given")
    assert described["command"] == ["rnnfast", "train", "--data", "sound.csv", *sorted_options(options)]


def sorted_options(options):
    """Words of options in the order in which they are declared."""
    pairs = dict(zip(options[::2], options[1::2], strict=True))
    return [
        word for flag in ("--id", "--time", "--target", "--ignore", "--categorical") for word in (flag, pairs[flag])
    ]


def test_whatever_stops_training_is_found_at_once_and_the_command_trains(capsys):
    described = result(["inspect", "rough.csv", "--target", "y"], capsys)
    options = {finding["column"]: finding["option"] for finding in described["findings"]}
    assert options == {
        "calls": "--ignore calls",
        "big": "--ignore big",
        "amount": "--missing amount=mean",
        "level": "--missing level=mean",
    }
    text, infinite = described["findings"][:2]
    assert text["message"].startswith("'many' in rough.csv, line 19 is no number, as are 2 more of 3,000 cells")
    assert infinite["message"].startswith("'inf' in rough.csv, line 5 is infinite")
    assert (described["read_as"], described["sequences"], described["task"]) == ("proposed", 300, "binary")
    assert run([*described["command"][1:], "--epochs", "1", "-o", "run", "-q"]) == 0


def test_words_for_no_value_are_empty_cells_of_numbers_and_texts_of_others(capsys):
    rows = [
        f"{j},{'?' if j in (5, 9) else j / 2},{'true' if j % 2 else '-'},{'+' if j % 3 else '-'}" for j in range(30)
    ]
    Path("words.csv").write_text("\n".join(["n,x,flag,sign", *rows]))
    described = result(["inspect", "words.csv", "--target", "n"], capsys)
    columns = columns_of(described)
    facts = {name: (columns[name]["kind"], columns[name]["missing"]) for name in ("x", "flag", "sign")}
    assert facts == {"x": ("number", 2), "flag": ("boolean", 15), "sign": ("text", 0)}
    messages = [finding["message"] for finding in described["findings"]]
    assert messages[0].startswith("2 of 30 cells are empty, the first in words.csv, line 7")
    assert run([*described["command"][1:], "--epochs", "1", "-o", "run", "-q"]) == 0


def test_names_of_any_signs_are_typed_so_that_they_are_understood(capsys):
    table = pd.read_csv("rough.csv").rename(columns={"calls": "calls, all", "amount": "amount (EUR)", "level": "a,b"})
    table.to_csv("named.csv", index=False)
    described = result(["inspect", "named.csv", "--target", "y"], capsys)
    options = [finding["option"] for finding in described["findings"]]
    assert options == ["--ignore 'calls? all'", "--ignore big", "--missing 'amount (EUR)=mean'", "--missing 'a?b=mean'"]
    assert run([*described["command"][1:], "--epochs", "1", "-o", "run", "-q"]) == 0


def test_many_columns_with_gaps_get_one_rule(capsys):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 10))).rename(columns=lambda j: f"x{j}")
    frame.mask(frame > 1).assign(y=np.arange(50) % 2).to_csv("gaps.csv", index=False)
    described = result(["inspect", "gaps.csv", "--target", "y", "--missing", "error,x0=ffill"], capsys)
    assert len(described["findings"]) == 9
    assert described["command"][-2:] == ["--missing", "x0=ffill,mean"]
    assert run([*described["command"][1:], "--epochs", "1", "-o", "run", "-q"]) == 0


def test_the_command_on_the_screen_can_be_copied(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    assert run(["inspect", "rough.csv", "--target", "y"]) == 0
    shown = capsys.readouterr().out
    words = shlex.split(shown.split("\nNext ")[1].replace("\\\n", " "))
    assert words == result(["inspect", "rough.csv", "--target", "y"], capsys)["command"]


UNUSABLE = {
    "no target": ([], "it is not known which column to predict", 300),
    "target of one value": (["--target", "const"], "every labelled step is 5", 300),
    "empty target": (["--target", "blank"], "every cell is empty", 300),
    "infinite target": (["--target", "big"], "is infinite", 300),
    "text in a target": (["--target", "calls"], "'many' is not a number", 300),
    "weight": (["--target", "y", "--weight", "level"], "is empty", 300),
    "time": (["--target", "y", "--time", "plan"], "is neither a number nor a date", None),
    "id with gaps": (["--target", "y", "--id", "blank"], "the id is empty", None),
    "feature of text": (["--target", "y", "--features", "plan,t"], "is no number", 300),
    "too many categories": (["--target", "y", "--categorical", "amount"], "different categories are too many", 300),
}


@pytest.mark.parametrize(("options", "message", "sequences"), cases(UNUSABLE))
@pytest.mark.parametrize("memory", [[], ["--memory", "600M", "--no-cache"]], ids=["memory", "budget"])
def test_nothing_stops_it(options, message, sequences, memory, capsys):
    described = result(["inspect", "rough.csv", *options, *memory], capsys)
    assert any(message in finding["message"] for finding in described["findings"])
    assert described["sequences"] == sequences
    assert len(described["columns"]) == 13


def test_blocks_tell_what_memory_tells(monkeypatch, capsys):
    options = ["--target", "y", "--id", "name", "--time", "t", "--categorical", "plan"]
    whole = result(["inspect", "rough.csv", *options], capsys)
    monkeypatch.setattr("rnnfast.data.reading.opening.needs_store", lambda *arguments: True)
    blocks = result(["inspect", "rough.csv", *options, "--memory", "600M", "--no-cache"], capsys)
    assert blocks.pop("command") == [*whole.pop("command"), "--memory", "600M", "--no-cache"]
    for one, other in zip(blocks.pop("columns"), whole.pop("columns"), strict=True):
        assert one == pytest.approx(other) if "min" in one else one == other
    assert blocks == whole


def test_profiles_do_not_depend_on_the_batches():
    def profiles(size):
        sources = open_sources("rough.csv")
        collected = Profiles(sources[0].columns, {"name"})
        for batch in batches(sources, ("name",), sources[0].columns, size):
            collected.add(batch)
        return collected

    one, several = profiles(1 << 30), profiles(1)
    assert one.rows == several.rows == ROWS > 2 * LEAST_ROWS
    for name, profile in one.finish().items():
        other = several.finish()[name]
        for fact in ("kind", "filled", "empty", "distinct", "texts", "infinite", "low", "high", "examples"):
            assert getattr(profile, fact) == getattr(other, fact), (name, fact)
        assert [profile.mean, profile.std] == pytest.approx([other.mean, other.std]) or profile.mean is None
        assert {word: row for word, (_, row) in profile.first.items()} == {
            word: row for word, (_, row) in other.first.items()
        }


def test_many_different_values_are_said_to_be_many(capsys):
    count = MOST_DISTINCT + 1
    pd.DataFrame({"x": np.arange(count) / 7, "few": np.arange(count) // 2, "y": np.arange(count) % 2}).to_csv(
        "many.csv"
    )
    columns = columns_of(result(["inspect", "many.csv", "--target", "y"], capsys))
    assert [columns[name]["distinct"] for name in ("x", "few", "y")] == [None, count // 2 + 1, 2]
    assert run(["inspect", "many.csv", "--target", "y"]) == 0
    assert "10,000+" in capsys.readouterr().out


def test_wide_tables_show_what_matters_and_all_with_verbose(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 300)), columns=[f"s{j}" for j in range(300)])
    frame.loc[3, "s250"] = np.nan
    frame.assign(y=np.arange(50) % 2).to_csv("wide.csv", index=False)
    assert run(["inspect", "wide.csv", "--target", "y"]) == 0
    shown = capsys.readouterr().out
    shown_rows = shown.split("\ncolumn ")[1].split("Would stop")[0]
    rows = [line.split()[0] for line in shown_rows.splitlines() if "holds numbers" in line or "--target" in line]
    assert len(rows) == 40
    assert {"s0", "s250", "y"} <= set(rows)
    assert "and 261 columns more, shown with -v" in shown
    assert run(["inspect", "wide.csv", "--target", "y", "-v"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\ns{j} " in shown for j in range(300))


@pytest.mark.parametrize(
    ("low", "high", "text"),
    cases(
        {
            "close together": (2388.02, 2388.56, "2,388.02 to 2,388.56"),
            "whole": (0.0, 284807.0, "0 to 284,807"),
            "digits that do not matter": (0.0, 25691.16, "0 to 25,691"),
            "a few": (-56.407, 2.4549, "-56.4 to 2.5"),
            "small": (0.00123, 0.00456, "0.00123 to 0.00456"),
            "tiny": (1e-12, 2e-11, "1.000e-12 to 2.000e-11"),
            "huge": (-1e300, 1e300, "-1.000e+300 to 1.000e+300"),
            "one value": (5.25, 5.25, "5.25"),
            "zero": (0.0, 0.0, "0"),
        }
    ),
)
def test_ranges_have_the_digits_that_matter(low, high, text):
    assert span(low, high) == text


def test_years_have_no_separators(capsys):
    assert run(["inspect", "sound.csv", "--target", "y"]) == 0
    shown = capsys.readouterr().out
    assert "2010 to 2014" in shown
    assert "2,388.02 to 2,388.56" in shown
    assert "always 5" in shown


def test_proposals_stand_before_the_findings(capsys, monkeypatch):
    proposal = Candidate("plan", "id", "3 values", "--id plan")
    monkeypatch.setattr(inspection, "propose", lambda *_: (proposal,))
    described = result(["inspect", "sound.csv"], capsys)
    assert described["proposals"][0]["option"] == "--id plan"
    assert columns_of(described)["plan"]["why"] == "looks like an id"
    assert run(["inspect", "sound.csv"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    place = lines.index("Proposed    plan looks like an id (3 values): --id plan")
    assert lines[place + 1].startswith("Would stop")


def mixed_table(rows=60):
    """A table of texts: few different ones, many, with empty cells, and a comma in a name."""
    j = np.arange(rows)
    frame = pd.DataFrame({"colour": np.where(j % 3, "red", "blue"), "size, cm": np.where(j % 2, "S", "M")})
    frame["remark"] = [f"note {k}" for k in j]
    frame["wind"] = np.where(j % 7, np.where(j % 4, "NW", "SE"), "")
    return frame.assign(price=j % 5, x=j / 7, label=np.where(j % 5 > 2, "good", "bad"))


def test_texts_of_few_values_and_a_likely_target_are_proposed(capsys):
    mixed_table().to_csv("mixed.csv", index=False)
    described = result(["inspect", "mixed.csv"], capsys)
    assert [(proposal["role"], proposal["option"]) for proposal in described["proposals"]] == [
        ("target", "--target label"),
        ("categorical", "--categorical colour"),
        ("categorical", "--categorical 'size? cm'"),
        ("categorical", "--categorical wind"),
    ]
    assert described["read_as"] != "proposed"  # a target is never guessed
    words = described["command"][described["command"].index("--target") :]
    assert words == ["--target", "label", "--categorical", "colour,size? cm,wind", "--missing", "wind=mean"]
    assert run([*described["command"][1:], "--epochs", "1", "-o", "run", "-q"]) == 0
    assert run(["inspect", "mixed.csv"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "label looks like the target (its name): --target label" in shown
    assert "colour, size, cm, wind hold few different texts: --categorical 'colour,size? cm,wind'" in shown


@pytest.mark.parametrize("name", cases({"word": "label", "with a comma": "next, label"}))
def test_the_command_for_a_likely_target_fills_none_of_its_empty_cells(name, capsys):
    frame = mixed_table()[["x"]].assign(**{name: ["-" if j % 7 == 0 else j % 2 for j in range(len(mixed_table()))]})
    frame.to_csv("gaps.csv", index=False)
    described = result(["inspect", "gaps.csv"], capsys)
    assert [finding["option"] for finding in described["findings"]] == [described["proposals"][0]["option"]]
    assert "--missing" not in described["command"]
    assert run([*described["command"][1:], "--epochs", "1", "-o", "run", "-q"]) == 0


def test_no_date_is_a_likely_target(capsys):
    days = [f"{j % 28 + 1:02d}.03.2024" for j in range(len(mixed_table()))]
    mixed_table()[["x"]].assign(day=days, failure=days).to_csv("dates.csv", index=False)
    proposals = result(["inspect", "dates.csv", "--time", "day"], capsys)["proposals"]
    assert "target" not in [proposal["role"] for proposal in proposals]


def test_words_of_no_value_are_no_different_values_of_numbers(capsys):
    Path("marks.csv").write_text("a,y\n1,0\n?,1\n-,0\n2,1\n")
    described = result(["inspect", "marks.csv", "--target", "y"], capsys)
    assert described["columns"][0]["distinct"] == 2


def test_nothing_is_proposed_beside_what_options_say(capsys):
    mixed_table().to_csv("mixed.csv", index=False)
    described = result(["inspect", "mixed.csv", "--target", "price", "--features", "x"], capsys)
    assert described["proposals"] == []


@pytest.mark.parametrize(
    ("names", "target"),
    cases(
        {
            "surer word first": (["price", "class", "target"], "target"),
            "any case": (["x", "Label"], "Label"),
            "beside other words": (["x", "is_fraud", "target_24h"], "target_24h"),
            "what people want to know": (["load", "wind", "price"], "price"),
            "remaining life": (["unit", "cycle", "RUL"], "RUL"),
            "at the end of a name": (["load", "isFraudLabel"], "isFraudLabel"),
            "a word for another thing": (["target_temperature", "response_time", "label_quality"], None),
            "an id of labels": (["label_id", "x"], None),
            "coordinates": (["x", "y", "z"], None),
            "y of several inputs": (["x1", "x2", "y"], "y"),
            "things that are named by what is wanted": (["sales_channel", "default_rate", "price_index"], None),
            "what is wanted beside them": (["sales", "sales_channel"], "sales"),
            "what is wanted ahead": (["default payment next month"], "default payment next month"),
            "how something ends": (["fraud_status", "x"], "fraud_status"),
            "nothing": (["a", "b"], None),
        }
    ),
)
def test_targets_by_their_names(names, target):
    assert likely_target(names) == target


@pytest.mark.parametrize(
    ("values", "columns"),
    cases({"coordinates": (60, []), "a class": (3, ["y"])}),
)
def test_beside_x_a_y_of_many_values_is_a_coordinate(values, columns, capsys):
    j = np.arange(60)
    pd.DataFrame({"x": j / 7, "y": j % values, "speed": j % 11}).to_csv("track.csv", index=False)
    proposals = result(["inspect", "track.csv"], capsys)["proposals"]
    assert [one["column"] for one in proposals if one["role"] == "target"] == columns


def test_a_column_named_as_a_target_is_no_id(capsys):
    j = np.arange(60)
    pd.DataFrame({"outcome": j // 20, "t": j % 20, "a": j / 7}).to_csv("runs.csv", index=False)
    (proposal,) = result(["inspect", "runs.csv"], capsys)["proposals"]
    assert (proposal["role"], proposal["column"]) == ("target", "outcome")


def test_what_is_no_table_is_an_error_as_ever(capsys):
    Path("ragged.csv").write_text("a,b\n1,2\n3\n")
    assert "ragged.csv, line 3" in fails(["inspect", "ragged.csv", "--target", "b"], 3, capsys)
    assert "no column 'z'" in fails(["inspect", "sound.csv", "--target", "z"], 3, capsys)


def test_from_python_a_data_frame_is_a_table_too():
    frame = pd.read_csv("rough.csv")
    for table in ("rough.csv", frame):
        with ExitStack() as opened:
            described, data = inspect_tables([table], DataConfig(target=("y",), cache=False), opened)
            assert (described.rows, data.rows) == (ROWS, ROWS)
            assert [finding.column for finding in described.findings] == ["calls", "big", "amount", "level"]


def test_the_engines_of_cmapss_have_sensors_without_any_change(capsys, tmp_path):
    names = ["unit", "cycle", *(f"setting{j}" for j in (1, 2, 3)), *(f"s{j}" for j in range(1, 22))]
    frame = pd.read_csv(dataset("cmapss_fd001/train_FD001.txt.gz"), sep=r"\s+", header=None, names=names)
    frame.to_csv("engines.csv", index=False)
    columns = columns_of(result(["inspect", "engines.csv", "--id", "unit", "--time", "cycle"], capsys))
    constant = [name for name, column in columns.items() if column["constant"]]
    assert constant == ["setting3", "s1", "s5", "s10", "s16", "s18", "s19"]
    assert run(["inspect", "engines.csv", "--id", "unit", "--time", "cycle"]) == 0
    assert "2,387.90 to 2,388.56" in capsys.readouterr().out
