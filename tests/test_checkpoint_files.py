"""Files of checkpoints: damaged, exchanged, cut off at any moment, on a full disk, or of something else."""

import errno
import hashlib
import json
import os
import random
import re
import shutil
import warnings
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import mutations
import numpy as np
import pytest
from commands import isolate
from ids import cases
from killed_runs import Killed, Killer, assert_same, config_of, gone_on, killed, killer, write_table
from mutations import joined, split
from notices import Notices

import rnnfast.training.resuming
import rnnfast.writing
from rnnfast.checkpoint.file import read
from rnnfast.checkpoint.store import checkpoints
from rnnfast.errors import DataError, ModelError, RnnfastError, UsageError
from rnnfast.training.run import run

__all__ = ["killer"]
OPTIONS = {"cell": "gru", "optimizer": "adam"}


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)
    write_table()


@pytest.fixture
def paths(killer: Killer) -> list[Path]:
    """The checkpoints of a run that was killed in its sixth epoch, the last one first."""
    killed(killer, config_of("killed", OPTIONS), 5)
    found = checkpoints(Path("killed"))
    assert [path.name for path in found] == ["checkpoint-5.rnnfast", "checkpoint-4.rnnfast"]
    return found


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGE = {
    "one bit": flipped,
    "truncated": lambda content: content[:-7],
    "longer": lambda content: content + b"\0",
    "empty": lambda content: b"",
    "another file": lambda content: b"PK\x03\x04" + content,
    "of a newer format": lambda content: content.replace(b"checkpoint 1", b"checkpoint 2", 1),
}


@pytest.mark.parametrize("damage", cases(DAMAGE))
def test_a_damaged_one_is_named_and_the_one_before_used(damage: Any, paths: list[Path]) -> None:
    paths[0].write_bytes(damage(paths[0].read_bytes()))
    reporter = Notices()
    on = gone_on(reporter=reporter)
    assert reporter.notices[0].startswith("killed/checkpoint-5.rnnfast: ")
    assert reporter.notices[0].endswith("; checkpoint-4.rnnfast is used")
    assert_same(run(config_of("whole", OPTIONS)), on)


def test_where_all_are_damaged_each_is_named(paths: list[Path]) -> None:
    for path in paths:
        path.write_bytes(flipped(path.read_bytes()))
    with pytest.raises(ModelError, match=r"checkpoint-5.*checkpoint-4.*nothing to go on from"):
        gone_on()


def test_a_damaged_one_is_gone_when_the_next_is_written(paths: list[Path], killer: Killer) -> None:
    paths[0].write_bytes(b"")
    killer.arm(1)
    with pytest.raises(Killed):
        gone_on()
    assert [read(path).number for path in checkpoints(Path("killed"))] == [5, 4]


HEADERS = {
    "no field": "{}",
    "a field of another type": '{"run": 5}',
    "a list": "[]",
    "nothing": "null",
    "no JSON": "nonsense",
    "nested too deeply": "[" * 100_000,
}


@pytest.mark.parametrize("header", cases(HEADERS))
def test_a_header_that_is_none_is_refused(header: str, paths: list[Path]) -> None:
    paths[1].unlink()
    content = b"\n".join([header.encode(), *paths[0].read_bytes().split(b"\n", 3)[3:]])
    digest = hashlib.sha256(content).hexdigest().encode()
    paths[0].write_bytes(b"rnnfast checkpoint 1\n" + digest + b"\n" + content)
    with pytest.raises(ModelError, match=r"checkpoint-5\.rnnfast: is damaged"):
        gone_on()


def test_exchanged_ones_are_refused(paths: list[Path], killer: Killer) -> None:
    Path("killed/checkpoint-1.rnnfast").write_bytes(paths[0].read_bytes())
    paths[0].write_bytes(paths[1].read_bytes())
    paths[1].unlink()
    with pytest.raises(ModelError, match=r"checkpoint-5\.rnnfast: was written as checkpoint-4\.rnnfast"):
        gone_on()


def test_one_of_another_run_is_refused(paths: list[Path], killer: Killer) -> None:
    killed(killer, config_of("other", {"seed": 1}), 5)
    shutil.copy(checkpoints(Path("other"))[0], paths[0])
    with pytest.raises(ModelError, match=r"checkpoint-5\.rnnfast and checkpoint-4\.rnnfast are of different runs"):
        gone_on()


@pytest.mark.usefixtures("paths")
def test_another_table_is_refused() -> None:
    write_table(sequences=41)
    with pytest.raises(DataError, match=r"--data: holds something else than the table of the run in killed"):
        gone_on()


@pytest.mark.usefixtures("paths")
def test_a_table_that_was_moved_is_the_same() -> None:
    Path("elsewhere").mkdir()
    Path("table.csv").replace("elsewhere/moved.csv")
    on = gone_on(data="elsewhere/moved.csv")
    write_table()
    assert_same(run(config_of("whole", OPTIONS)), on)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    cases(
        {
            "epochs": ("epochs", 8, r"--epochs 8: the run in killed has 7;"),
            "a default": ("clip_norm", 1.0, r"--clip-norm 1.0: the run in killed has 0.0;"),
            "several values": ("hidden", "4,4", r"--hidden 4,4: the run in killed has 4;"),
        }
    ),
)
@pytest.mark.usefixtures("paths")
def test_another_option_is_refused(option: str, value: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        gone_on(**{option: value})


@pytest.mark.usefixtures("paths")
def test_the_same_options_and_those_that_change_no_bit_are_taken() -> None:
    on = gone_on(epochs=7, threads=2, checkpoint="off", log_file="log.jsonl")
    assert on.model.config.train.threads == 2
    assert_same(run(config_of("whole", OPTIONS)), on)


@pytest.mark.usefixtures("paths")
def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    now = rnnfast.training.resuming.versions
    monkeypatch.setattr(rnnfast.training.resuming, "versions", lambda: now() | {"numpy": "9.9"})
    with pytest.raises(ModelError, match=r"killed: its checkpoint is of numpy \S+, and here is 9\.9"):
        gone_on()


def test_equations_that_have_changed_are_refused(killer: Killer) -> None:
    text = "from rnnfast.cells import tanh\n\n\ndef own(x, u, h):\n    return {} * h + 0.5 * tanh(x.a + u.a)\n"
    Path("own.py").write_text(text.format(0.5))
    killed(killer, config_of("own", {"cell": "own.py:own"}), 3)
    Path("own.py").write_text(text.format(0.25))
    with pytest.raises(ModelError, match=r"begins with other weights or equations"):
        gone_on("own")


def test_without_checkpoints_there_is_nothing_to_go_on_from() -> None:
    run(config_of("whole", {}))
    for directory in ("whole", "nowhere"):
        with pytest.raises(UsageError, match=rf"{directory}: holds no checkpoint to go on from"):
            gone_on(directory)


def test_a_new_run_does_not_take_the_place_of_a_killed_one(paths: list[Path], killer: Killer) -> None:
    with pytest.raises(
        UsageError, match=r"killed: holds a run that was killed: go on with --resume killed, or --force"
    ):
        run(config_of("killed", OPTIONS))
    killer.arm(1)
    before = read(paths[0]).run
    with pytest.raises(Killed):
        run(config_of("killed", OPTIONS), force=True)
    (path,) = checkpoints(Path("killed"))
    assert (read(path).number, read(path).run == before) == (1, False)


# --- writing ---


class Faults:
    """Ends writing at a step of it, in the third checkpoint: as a kill would, or with an error of the system."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException) -> None:
        self.count, self.on = 0, True
        owner, name = {"sync": (os, "fsync"), "rename": (Path, "replace")}[step]
        whole = getattr(owner, name)

        def faulty(*arguments: Any) -> Any:
            files = [argument for argument in arguments if ".checkpoint" in str(argument)] or step == "sync"
            self.count += bool(files)
            if self.on and self.count == (3 if step == "rename" else 5):  # each file is synced, and its directory
                raise error
            return whole(*arguments)

        monkeypatch.setattr(owner, name, faulty)


@pytest.mark.parametrize("step", ["sync", "rename"])
def test_a_kill_while_one_is_written_leaves_the_one_before(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(config_of("whole", {**OPTIONS, "checkpoint": "off"}))
    faults = Faults(monkeypatch, step, Killed())
    with pytest.raises(Killed):
        run(config_of("killed", OPTIONS))
    faults.on = False
    assert [path.name for path in checkpoints(Path("killed"))] == ["checkpoint-2.rnnfast", "checkpoint-1.rnnfast"]
    assert_same(whole, gone_on())
    assert {path.name for path in Path("killed").iterdir()} == {"model.safetensors", "history.csv", "config.toml"}


def test_what_a_kill_leaves_of_a_file_is_removed(killer: Killer, paths: list[Path]) -> None:
    rest = Path("killed/.checkpoint-6.rnnfast.4711.tmp")
    rest.write_bytes(b"half")
    gone_on()
    assert not rest.exists()


@pytest.mark.parametrize("step", ["sync", "rename"])
def test_a_full_disk_is_an_error_that_names_the_last_good_one(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(config_of("whole", {**OPTIONS, "checkpoint": "off"}))
    faults = Faults(monkeypatch, step, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    with pytest.raises(RnnfastError) as caught:
        run(config_of("killed", OPTIONS))
    assert caught.value.exit_code == 1
    assert str(caught.value) == (
        "killed/checkpoint-3.rnnfast: cannot be written: No space left on device; killed/checkpoint-2.rnnfast is the "
        "last good one, from which rnnfast train --resume killed goes on"
    )
    assert not list(Path("killed").glob(".*"))
    faults.on = False
    assert_same(whole, gone_on())


def test_a_limit_on_the_size_of_files_is_such_an_error() -> None:
    import resource
    import signal

    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(RnnfastError, match=r"killed/checkpoint-1\.rnnfast: cannot be written: File too large$"):
            run(config_of("killed", OPTIONS))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert not list(Path("killed").iterdir())


def test_a_directory_that_cannot_be_made_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: Any, **named: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    config = config_of("killed", OPTIONS)
    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(RnnfastError, match=r"^killed: cannot be created: Permission denied$"):
        run(config)


def test_a_checkpoint_is_on_the_disk_before_it_takes_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda file: steps.append("sync") or sync(file))

    def replaced(path: Path, target: Path) -> Path:
        steps.append(re.sub(r"\d+", "N", target.name))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", replaced)
    run(config_of("whole", {"epochs": 2}))
    assert steps[:3] == ["sync", "checkpoint-N.rnnfast", "sync"]


def test_the_header_is_plain_json(paths: list[Path]) -> None:
    header = json.loads(paths[0].read_bytes().split(b"\n", 3)[2])
    assert header["origin"]["options"]["cell"] == "gru"
    assert [row["epoch"] for row in header["networks"]["networks/1"]["history"]] == sorted([*range(1, 6)] * 2)
    arrays = read(paths[0]).networks["networks/1"].arrays
    assert {"parameters", "m", "v", "good"} <= arrays.keys()
    assert all(np.isfinite(values).all() for values in arrays.values())


# --- drawn at random ---

FIRST, CASES = int(os.environ.get("FUZZ_FIRST", "0")), int(os.environ.get("FUZZ_CASES", "60"))


def with_digest(content: bytes) -> bytes:
    return b"rnnfast checkpoint 1\n" + hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def broken_header(content: bytes, draw: random.Random) -> bytes:
    """Return a checkpoint whose header was changed by somebody who knows how a digest is made."""
    header, arrays = content.split(b"\n", 3)[2:]
    model = joined({"__metadata__": {"rnnfast": header.decode()}}, b"")
    values = json.loads(split(mutations._header(model, draw))[0]["__metadata__"]["rnnfast"])
    if isinstance(values, dict) and isinstance(values.get("origin"), dict):  # options are what somebody could ask for
        values["origin"]["options"] = json.loads(header)["origin"]["options"]
    return with_digest(json.dumps(values).encode() + b"\n" + arrays)


def broken_arrays(content: bytes, draw: random.Random) -> bytes:
    """Return a checkpoint whose arrays were."""
    header, arrays = content.split(b"\n", 3)[2:]
    change = draw.choice((mutations._outer, mutations._tensors))
    return with_digest(header + b"\n" + change(arrays, draw))


@pytest.mark.parametrize("change", [mutations._bytes, broken_header, broken_arrays], ids=lambda one: one.__name__)
def test_what_is_broken_at_random_is_refused_or_goes_on(change: Any, paths: list[Path]) -> None:
    """FUZZ_CASES=7000 pytest tests/test_checkpoint_files.py -k random: more, by hand."""
    paths[1].unlink()
    content, outcomes = paths[0].read_bytes(), Counter[str]()
    broken = content
    for number in range(FIRST, FIRST + CASES):
        draw = random.Random(number)
        shutil.rmtree("killed")
        Path("killed").mkdir()
        with suppress(ValueError, TypeError, KeyError, IndexError, AttributeError):  # nothing to break at that place
            broken = change(content, draw)
        paths[0].write_bytes(broken)
        try:
            with warnings.catch_warnings(action="error"):
                gone_on()
            outcomes["goes on"] += 1
        except RnnfastError as error:
            outcomes[type(error).__name__] += 1
    assert outcomes["ModelError"] > outcomes["goes on"]
