"""Tables as spreadsheets and reports write them: titles, totals, thousands, units. Messages say what to do."""

import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from ids import cases

from rnnfast.cli import run
from rnnfast.data import read_table
from rnnfast.data.columns.marked import marked_number
from rnnfast.data.columns.wideseries import wide_series
from rnnfast.data.sources.source import typed
from rnnfast.errors import DataError


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)


def meters(separator=";", mark=","):
    """Readings of two meters, with names that a shell would cut, and columns without names at the end."""
    rows = [f"Meter{separator}Zeit{separator}Last (kWh){separator}hot{separator}"]
    for meter in ("A-01", "A-02"):
        for hour in range(24):
            load = f"{np.sin(hour) + 2:.2f}".replace(".", mark)
            rows.append(separator.join([meter, f"{hour + 1:02d}.03.2024 07:00", load, str(hour % 2), ""]))
    return rows


@pytest.mark.parametrize(("separator", "mark"), cases({"semicolons": (";", ","), "commas": (",", ".")}))
def test_lines_above_the_header_are_counted_and_the_command_removes_them(capsys, separator, mark):
    rows = ["Report of the North; 2024", "", "Plant: 7", *meters(separator, mark)]
    Path("north export.csv").write_text("\n".join(rows))
    said = fails(["inspect", "north export.csv"], 3, capsys)
    assert "so the header seems to be line 4" in said
    command = said.partition("remove the lines above it: ")[2].strip()
    subprocess.run(command, shell=True, check=True)
    assert result(["inspect", "NEW.csv", "--target", "hot"], capsys)["rows"] == 48


@pytest.mark.parametrize(
    ("rows", "said"),
    cases(
        {
            "a column without a name": (["a,b", "1,2,3", "2,3,4", "3,4,5"], "3 cells, the header has 2"),
            "one column": (["a", "1", "2", "3"], "there is no column 'b'"),
        }
    ),
)
def test_other_tables_have_no_title(rows, said):
    Path("table.csv").write_text("\n".join(rows))
    with pytest.raises(DataError, match=said):
        read_table("table.csv", target="b")


def test_decimals_with_a_comma_are_no_cells():
    Path("table.csv").write_text("a;b\n1,5;2,5\n1,7;2,5\n1,8;0,5\n")
    assert read_table("table.csv", target="b", window=2).rows == 3


def test_a_row_of_totals_is_named_and_hides_neither_id_nor_time(capsys):
    Path("meters.csv").write_text("\n".join([*meters(), "Summe;;96,4;24;"]))
    described = result(["inspect", "meters.csv", "--target", "hot"], capsys)
    assert described["findings"][0]["message"].startswith("meters.csv, line 50 is a row of totals, as 'Summe' says")
    assert [proposal["option"] for proposal in described["proposals"]] == ["--id Meter", "--time Zeit"]
    said = fails(["train", "--data", "meters.csv", "--id", "Meter", "--time", "Zeit", "--target", "hot"], 3, capsys)
    assert "line 50, column 'Zeit'" in said
    assert said.strip().endswith("where 'Summe' says that this row is a total, remove it")


def test_a_row_of_totals_that_stops_nothing_is_a_note(capsys):
    rows = ["region,x,y", *(f"north,{j / 2},{j % 2}" for j in range(40)), "Total,390,1"]
    Path("regions.csv").write_text("\n".join(rows))
    described = result(["inspect", "regions.csv", "--target", "y"], capsys)
    assert described["findings"] == []
    text = "regions.csv, line 42 is a row of totals, as 'Total' says; remove it"
    assert described["notes"][-1] == text
    assert run(["inspect", "regions.csv", "--target", "y"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert text in shown
    assert "Would stop" not in shown


def test_a_row_of_totals_stops_training_where_numbers_are_due(capsys):
    rows = ["x,z,y", *(f"{j / 2},{j},{j % 2}" for j in range(40)), "Total,390,1"]
    Path("sums.csv").write_text("\n".join(rows))
    findings = result(["inspect", "sums.csv", "--target", "y"], capsys)["findings"]
    assert findings[0]["message"] == "sums.csv, line 42 is a row of totals, as 'Total' says; remove it"


def test_a_word_that_stands_in_many_rows_is_no_total(capsys):
    frame = pd.DataFrame({"station": ["Total", "Shell"] * 20, "x": np.arange(40.0), "y": [0, 0, 1, 1] * 10})
    frame.iloc[::-1].to_csv("stations.csv", index=False)
    assert result(["inspect", "stations.csv", "--target", "y"], capsys)["findings"] == []


def test_a_word_behind_other_cells_is_no_total(capsys):
    frame = pd.DataFrame({"x": np.arange(40.0), "statistic": ["low"] * 39 + ["mean"], "y": [0, 0, 1, 1] * 10})
    frame.to_csv("statistics.csv", index=False)
    assert result(["inspect", "statistics.csv", "--target", "y"], capsys)["findings"] == []


@pytest.mark.parametrize(
    ("cells", "first"),
    cases(
        {
            "thousands": (["634", "1,448", "2,013.5"], "1,448"),
            "percent": (["47%", "8.5 %"], "47%"),
            "money": (["$3.20", "$1,000.00"], "$3.20"),
            "a unit": (["12 kWh", "7 kWh"], "12 kWh"),
            "ids": (["A-01", "B-07"], ""),
            "dates": (["2024-01-31", "2024-02-01"], ""),
            "numbers": (["1.5", "2e-3", "7"], ""),
            "codes": (["12b", "7c", "9"], ""),
        }
    ),
)
def test_numbers_with_other_signs(cells, first):
    assert marked_number(pd.Series(cells)) == first


def test_columns_of_marked_numbers_are_named(capsys):
    rows = [f'{j % 7 + 1}.5,"{j % 9 + 1},{j % 10}48",{j}%,{j % 2}' for j in range(40)]
    Path("marked.csv").write_text("\n".join(["x,rentals,humidity,y", *rows]))
    notes = read_table("marked.csv", target="y").notes
    reason = "numbers have a point at most, no unit and no other sign ('1,048', '0%')"
    assert f"left out, as {reason}: rentals, humidity" in notes
    words = ["train", "--data", "marked.csv", "--target", "humidity"]
    assert "'0%' is no number as it stands; write it without unit" in fails(words, 3, capsys)


def days(separator=","):
    """Readings of three days, the time of day in a column of its own."""
    rows = [(f"{j // 24 + 1:02d}.01.2024", f"{j % 24:02d}:00", f"{j}", f"{j % 2}") for j in range(72)]
    return [separator.join(row) for row in (("Date", "Time", "x", "y"), *rows)]


@pytest.mark.parametrize(
    ("rows", "words", "column", "first"),
    cases(
        {
            "a date and its time": (days(), ["--time", "Date,Time"], "Date", "01.01.2024 00:00"),
            "the same, with semicolons": (days(";"), ["--time", "Date,Time"], "Date", "01.01.2024 00:00"),
            "thousands of a feature": (["x,y", *('"1,234.5",1', '"2,234.5",0') * 9], ["--features", "x"], "x", 1234.5),
            "thousands with points": (["x;y", *("1.234,5;1", "2.234,5;0") * 9], ["--features", "x"], "x", 1234.5),
            "thousands of a target": (["x,y", *(f'{j},"1,{j}.5"' for j in range(100, 160))], [], "y", 1100.5),
            "a name twice": (["x,x,y", *("1,2,0", "3,4,1") * 9], [], "x.1", 2),
        }
    ),
)
def test_messages_hold_the_command_that_makes_a_table_readable(rows, words, column, first, capsys):
    Path("people's table.csv").write_text("\n".join(rows))
    said = fails(["train", "--data", "people's table.csv", "--target", "y", *words], 3, capsys)
    command = shlex.split("python " + said.partition(": python ")[2])
    subprocess.run([sys.executable, *command[1:]], check=True)
    assert pd.read_csv("NEW.csv", sep=None, engine="python")[column].iloc[0] == first
    words = [word.replace("Date,Time", "Date") for word in words]
    assert run(["inspect", "NEW.csv", "--target", "y", *words]) == 0
    assert "Would stop" not in capsys.readouterr().out


def test_the_command_for_a_name_that_stands_twice_leaves_cells_as_they_are(capsys):
    Path("t.csv").write_text("id,x,x,y\n001,1,2.50,0\n002,,4,1\n")
    command = fails(["train", "--data", "t.csv", "--target", "y"], 3, capsys).partition(": python ")[2]
    subprocess.run([sys.executable, *shlex.split(command)], check=True)
    assert Path("NEW.csv").read_text() == "id,x,x.1,y\n001,1,2.50,0\n002,,4,1\n"


def test_a_table_that_is_no_file_has_no_such_command():
    frame = pd.DataFrame({"Date": ["2024-01-01"] * 4, "Time": ["07:00"] * 4, "y": [0, 1] * 2})
    with pytest.raises(DataError, match=r"'Date,Time' are 2; put them into one$"):
        read_table(frame, target="y", time="Date,Time")


def test_options_in_messages_can_be_typed(capsys):
    Path("gaps.csv").write_text("Temp (°C), wind,b;c,y\n1,,1,0\n2,1,,1\n,1,1,0\n1,2,2,1\n")
    said = fails(["train", "--data", "gaps.csv", "--target", "y", "--window", "2"], 3, capsys)
    option = said.partition("say how with ")[2].partition(" (zero")[0]
    assert shlex.split(option) == ["--missing", "wind=mean"]
    words = ["inspect", "gaps.csv", "--target", "y", *shlex.split(option)]
    assert run([*words, "--ignore", "b;c,Temp*"]) == 0


@pytest.mark.parametrize(
    ("name", "text"),
    cases(
        {"spaces": ("Temp (°C)", "'Temp (°C)=mean'"), "comma": ("a, b", "'a? b=mean'"), "bell": ("a\ab", "'a?b=mean'")}
    ),
)
def test_names_are_quoted_as_a_shell_takes_them(name, text):
    assert typed("--missing", name, word="=mean") == f"--missing {text}"


@pytest.mark.parametrize(
    ("names", "steps"),
    cases(
        {
            "steps": (["id", *(f"t{j}" for j in range(60)), "y"], 60),
            "days with a line": ([f"d_{j}" for j in range(1, 29)], 28),
            "few": ([f"t{j}" for j in range(12)], 0),
            "components": ([f"V{j}" for j in range(1, 29)], 0),
            "sensors": ([f"s{j}" for j in range(1, 30)], 0),
            "not counting": ([f"t{7 * j}" for j in range(40)], 0),
        }
    ),
)
def test_series_in_each_row_are_seen_by_their_names(names, steps):
    assert len(wide_series(names)) == steps


def test_a_series_in_each_row_is_told():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 30))).rename(columns=lambda j: f"t{j}")
    frame.assign(y=np.arange(40) % 2).to_csv("wide.csv", index=False)
    (note,) = (note for note in read_table("wide.csv", target="y").notes if "look like" in note)
    assert note.startswith("t0 to t29 look like 30 steps of one series in each row")
