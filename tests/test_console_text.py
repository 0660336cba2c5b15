"""Numbers, sentences and commands as they stand on the screen."""

import re

import pytest
from ids import cases
from rich.text import Text
from terminals import too_long

from rnnfast.console.screen import Screen, table
from rnnfast.console.text import (
    UNBROKEN,
    aligned,
    command,
    count,
    cut_inside,
    duration,
    number,
    percent,
    scaled,
    to_digits_of,
)


def test_numbers_have_fixed_significant_digits() -> None:
    texts = {
        0.5: "0.5000", 9.9996: "10.00", 12345.67: "12,346", 0: "0", 0.00012: "0.0001200", 1e-7: "1.000e-07",
        -1234.5: "-1,234", 1e12: "1.000e+12", float("nan"): "nan", float("-inf"): "-inf", 99999.9: "100,000",
    }  # fmt: skip
    for value, text in texts.items():
        assert number(value) == text
    assert number(None) == "–"
    assert [duration(s).replace(UNBROKEN, " ") for s in (0.0, 0.038, 0.42, 4.2, 192, 3900)] == [
        "0 ms", "38 ms", "420 ms", "4.20 s", "3 min 12 s", "1 h 05 min",
    ]  # fmt: skip
    assert [scaled(n, "B").replace(UNBROKEN, " ") for n in (12, 4200, 3.4e6)] == ["12 B", "4.20 kB", "3.40 MB"]
    assert scaled(12.34e6, "steps/s").replace(UNBROKEN, " ") == "12.3 M steps/s"
    assert percent(0.00172).replace(UNBROKEN, " ") == "0.172 %"
    assert (count(1234), count(2.5)) == ("1,234", "2.5")


def test_decimal_points_stand_one_below_the_other() -> None:
    assert aligned(["0.5", "12,346", "–", "98.1 %"]) == ["     0.5  ", "12,346    ", "      –   ", "    98.1 %"]
    assert aligned([]) == []


def test_no_line_ends_between_a_number_and_its_unit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for width in range(20, 60):
        monkeypatch.setenv("COLUMNS", str(width))
        Screen().notice(f"a share of {percent(0.7)} in {duration(4)} of {scaled(5e6, 'B')}, and {percent(0.1)} more")
        text = capsys.readouterr().err
        assert not re.search(r"\d\s*\n\s*(%|s|MB)\b", text)
        assert UNBROKEN not in text


def test_sentences_end_early_on_a_wide_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    Screen().notice("word " * 100)
    assert max(map(len, capsys.readouterr().err.splitlines())) <= 110


@pytest.mark.parametrize("width", [20, 40, 200])
def test_commands_can_be_copied(width: int) -> None:
    words = ["rnnfast", "predict", "--data", "my file.csv", "-o", "out.csv"]
    text = "\n".join(command(words, width))
    import shlex

    assert shlex.split(text.replace("\\\n", " ")) == words
    assert too_long(text, width) == []


def test_an_option_stays_with_its_value() -> None:
    words = ["rnnfast", "eval", "--model", "runs/tx", "--data", "a_table.csv", "--last", "--part", "valid"]
    assert command(words, 48) == [
        "rnnfast eval --model runs/tx \\",
        "  --data a_table.csv --last --part valid",
    ]


@pytest.mark.parametrize(
    ("value", "deviation", "text"),
    cases(
        {
            "a mean near 0": (-0.0123456, 1.234, "-0.01"),
            "rounded to 0": (-0.0000001, 1.234, "0.00"),
            "large": (2929.123, 1701.0, "2,929"),
            "small deviation": (641.2178, 0.0123, "641.2178"),
            "no deviation": (5.25, 0.0, "5.250"),
        }
    ),
)
def test_a_mean_has_the_digits_of_its_deviation(value: float, deviation: float, text: str) -> None:
    assert to_digits_of(value, deviation) == text


def test_cells_of_numbers_keep_their_colours() -> None:
    cell = Text("1.5").append(" ▲", "green")
    column = table(["name", "score"], [["a", cell], ["b", "12"]]).columns[1]
    styled = [str(each) for each in column.cells], [each.spans for each in column.cells if isinstance(each, Text)]
    assert styled[0] == [" 1.5 ▲", "12    "]
    assert [(span.start, span.end, span.style) for span in styled[1][0]] == [(4, 6, "green")]


def test_names_of_several_answers_keep_their_ends():
    names = [cut_inside(f"Consumption (kWh)+{step}", 12) for step in (1, 2, 24)]
    assert names == ["Consu…kWh)+1", "Consu…kWh)+2", "Consu…Wh)+24"]
    assert cut_inside("load+24", 12) == "load+24"
