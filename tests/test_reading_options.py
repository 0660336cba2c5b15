"""Each option of [data] either decides how a table is read, and so which parsed table is the one, or is of the run."""

from dataclasses import fields
from typing import ClassVar

import pytest

from rnnfast.config.sections import DataConfig, reading_options
from rnnfast.data.reading.memory import read_whole
from rnnfast.data.reading.request import Request
from rnnfast.data.sources.opening import open_sources

TEXT = "id,t,a,b,y,w,p\n" + "".join(f"k{i // 5},{i},{i % 3},{i / 7},{i % 2},1,train\n" for i in range(40))
OPTIONS = {"target": ("y",), "id": "id", "time": "t", "weight": "w", "split_by": "column:p", "window": 3}


class Watched(DataConfig):
    """Options that note which of them are looked at."""

    looked_at: ClassVar[set[str]] = set()

    def __getattribute__(self, name):
        if not name.startswith("_") and name != "looked_at":
            type(self).looked_at.add(name)
        return super().__getattribute__(name)


@pytest.fixture
def looked_at(tmp_path):
    """The options that reading a table looks at."""
    path = tmp_path / "table.csv"
    path.write_text(TEXT)
    config = Watched(**OPTIONS)
    Watched.looked_at.clear()
    request = Request(config)
    read_whole(open_sources(str(path), request.files), request)
    return Watched.looked_at & {declared.name for declared in fields(DataConfig)}


def test_each_option_says_what_it_is_for():
    for declared in fields(DataConfig):
        assert declared.metadata["reads"] in (True, False), declared.name


def test_the_reader_looks_at_what_decides_how_a_table_is_read_and_at_nothing_else(looked_at):
    assert looked_at == set(reading_options())


def test_all_of_it_is_in_the_key_of_the_cache():
    assert set(Request(DataConfig()).settings()["settings"]) == set(reading_options())
