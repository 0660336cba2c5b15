"""Rounds of a table in shards: how many there are, and what is said of them."""

from types import SimpleNamespace

import pytest
from ids import cases

from rnnfast.config.resolve import Config
from rnnfast.console.rounds import round_line
from rnnfast.console.text import UNBROKEN
from rnnfast.reporter import Reporter, RoundRecord
from rnnfast.shards.loop import MOST_ROUNDS, RATE, rounds_of
from rnnfast.shards.running import FEW_STEPS, advise, in_shards


class Listening(Reporter):
    """Keeps what is told."""

    def __init__(self):
        self.notices = []

    def notice(self, text):
        self.notices.append(text)


def test_there_are_sixteen_shards_where_nobody_says_how_many():
    assert in_shards(Config()).data.shards == 16
    assert in_shards(Config().with_values({"shards": 3}, "test")).data.shards == 3


@pytest.mark.parametrize(
    ("seconds", "rounds"),
    cases({"a tenth of a second": (0.1, 1), "two seconds": (2.0, 4), "hours": (1e4, MOST_ROUNDS)}),
)
def test_a_round_has_half_a_second_of_work(monkeypatch, seconds, rounds):
    monkeypatch.setattr("rnnfast.shards.loop.multiply_adds", lambda *_: seconds * RATE)
    train = SimpleNamespace(shards=4, rows=4000)
    model = SimpleNamespace(config=Config(), cell=None, schema=None, encoder=None)
    assert rounds_of(model, train) == rounds
    model.config = Config().with_values({"shards": 4, "rounds": 7}, "test")
    assert rounds_of(model, train) == 7
    assert rounds_of(model, SimpleNamespace(shards=1, rows=4000)) == 1


@pytest.mark.parametrize(
    ("steps", "shards", "advised"),
    cases({"few": (FEW_STEPS - 1, 4, True), "many": (FEW_STEPS, 4, False), "one shard": (10, 1, False)}),
)
def test_one_machine_is_advised_for_passes_of_few_steps(steps, shards, advised):
    listener = Listening()
    advise(SimpleNamespace(train=SimpleNamespace(shards=shards, rows=steps)), listener)
    assert (
        any("below some hundred million steps train without --shards" in text for text in listener.notices) == advised
    )


def test_a_round_is_one_line():
    record = RoundRecord(
        epoch=2, round=3, rounds=8, train_loss=0.125, steps=1_000_000, seconds=2.0, workers=4, slowest=5,
        slowest_seconds=1.5,
    )  # fmt: skip
    line = " ".join(round_line(record).plain.replace(UNBROKEN, " ").split())
    for part in (
        "round 3/8 of pass 2",
        "loss 0.125",
        "500 k steps/s",
        "4 workers",
        "shard 5 slowest, 1.50 s of 2.00 s",
    ):
        assert part in line
