"""Findings: each has a table that provokes it, and one beside it that does not; ignored codes; what commands do."""

import re

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from ids import cases

import rnnfast
from rnnfast.catalogue import FINDINGS
from rnnfast.cli import run
from rnnfast.findings.evidence import mean_error
from rnnfast.findings.judge import RULES
from rnnfast.model.tables import evaluate_table

QUICK = {"preset": "fast", "hidden": 4, "epochs": 12, "batch_size": 4, "optimizer": "adam", "lr": 0.02, "seed": 1}
NAMES = {"id": "id", "time": "t", "target": "y"}
STEPS = 6
IDS = 60


@pytest.fixture(autouse=True)
def _directory(tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)


def table(count=IDS, steps=STEPS, kind="binary", seed=0):
    """Labels that follow from the last two steps of x, and a column z of noise."""
    random = np.random.default_rng(seed)
    x, z = random.normal(size=(2, count * steps))
    total = x + np.where(np.arange(len(x)) % steps, np.roll(x, 1), 0) + 0.3 * random.normal(size=len(x))
    labels = {"binary": (total > 0).astype(int), "classes": np.digitize(total, [-0.7, 0.7]), "quantity": total}
    ids = np.repeat([f"a{k}" for k in range(count)], steps)
    return pd.DataFrame({"id": ids, "t": np.tile(np.arange(steps), count), "x": x, "z": z, "y": labels[kind]})


def codes(frame, **options):
    trained = rnnfast.train(frame, **NAMES | QUICK | options)
    return {one.code: one for one in trained.findings}


def noise(kind, count=IDS):
    frame = table(count, kind=kind)
    return frame.assign(y=np.random.default_rng(5).permutation(frame["y"]))


def with_copy(kind, **columns):
    frame = table(kind=kind)
    return frame.assign(**{name: make(frame) for name, make in columns.items()})


def series(count=400):
    """One long series that goes on as it was, without id."""
    random = np.random.default_rng(3)
    return pd.DataFrame({"t": np.arange(count), "y": np.cumsum(random.normal(size=count))})


def waves(count=400):
    return pd.DataFrame({"t": np.arange(count), "y": np.sin(np.arange(count))})


def drifted(shift):
    frame, ids = table(), np.repeat(np.arange(IDS), STEPS)
    late = ids >= IDS // 2
    return frame.assign(z=frame["z"] + shift * late, part=np.where(late, "valid", "train"))


def blurred(count, slope):
    frame = table(count, kind="quantity", seed=count)
    return frame.assign(y=slope * frame["x"] + 3 * np.random.default_rng(count + 100).normal(size=len(frame)))


def rare(labels):
    """So many positive steps, each of another id."""
    frame = table()
    frame["y"] = 0
    frame.loc[np.arange(labels) * STEPS + 2, ["y", "x"]] = (1, 9.0)
    return frame


BY_COLUMN = {"split_by": "column:part"}
FORECAST = {"id": None, "target": "y", "time": "t", "horizon": 1, "lag_target": True, "window": 10}
LONGER = {"epochs": 60, "patience": 0}

# code: (table, options) that provoke it, and the same beside it that do not
CASES = cases(
    {
        "RF01 overfit": (
            "RF01",
            (noise("binary", 24), {"hidden": 32, "epochs": 300, "patience": 0}),
            (table(), {"epochs": 30}),
        ),
        "RF02 underfit": ("RF02", (noise("quantity"), {"epochs": 2}), (table(kind="quantity"), {})),
        "RF03 no better than the mean": ("RF03", (noise("quantity"), LONGER), (table(kind="quantity"), {})),
        "RF03 no better than the last value": (
            "RF03",
            (waves(), FORECAST | {"split_by": "time", "epochs": 1, "lr": 1e-4}),
            (waves(), FORECAST | {"split_by": "time", "epochs": 60}),
        ),
        "RF04 one feature is enough": (
            "RF04",
            (with_copy("quantity", leak=lambda f: f["y"] + np.sin(3 * f["y"]) / 4), LONGER),
            (table(kind="quantity"), LONGER),
        ),
        "RF05 an affine copy": (
            "RF05",
            (with_copy("quantity", copy=lambda f: 32 + 1.8 * f["y"]), {}),
            (with_copy("quantity", near=lambda f: f["y"] + f["z"] / 10), {}),
        ),
        "RF05 a copy of classes by other names": (
            "RF05",
            (with_copy("classes", copy=lambda f: f["y"].map({0: 7, 1: 3, 2: 5})), {}),
            (with_copy("classes", pair=lambda f: f["y"].map({0: 7, 1: 3, 2: 3})), {}),
        ),
        "RF05 the target a step later, seen by two directions": (
            "RF05",
            (with_copy("quantity", copy=lambda f: f["y"].shift(1).fillna(0)), {"bidirectional": True}),
            (with_copy("quantity", copy=lambda f: f["y"].shift(1).fillna(0)), {}),
        ),
        "RF06 an id in two tables": (
            "RF06",
            (table(), {"valid": table().iloc[: 10 * STEPS]}),
            (table(), {"valid": table(10, seed=9)}),
        ),
        "RF07 windows at random": ("RF07", (series(), FORECAST), (series(), FORECAST | {"split_by": "time"})),
        "RF08 a class with few labels": ("RF08", (rare(8), {}), (rare(30), {})),
        "RF09 constant answers": ("RF09", (table(kind="quantity"), {"epochs": 1, "lr": 1e-9, "init": "uniform",
                                           "init_range": 1e-6}), (table(kind="quantity"), {})),
        "RF09 always the same class": ("RF09", (rare(30), {"epochs": 1}), (table(), {})),
        "RF10 the best epoch came late": ("RF10", (table(), {"epochs": 3, "lr": 1e-3}), (table(), {"epochs": 200})),
        "RF11 most gradients are clipped": (
            "RF11",
            (table(kind="quantity"), {"clip_norm": 0.01}),
            (table(kind="quantity"), {"clip_norm": 1.0}),
        ),
        "RF12 dead units": (
            "RF12",
            (table(), {"activation": "relu", "lr": 30.0, "optimizer": "sgd", "epochs": 3, "patience": 0}),
            (table(), {}),
        ),
        "RF13 class weights": ("RF13", (rare(30), {"class_weight": "1,200"}), (rare(30), {})),
        "RF14 a mean that moved": ("RF14", (drifted(3.0), BY_COLUMN), (drifted(0.1), BY_COLUMN)),
        "RF15 an uncertain gain": (
            "RF15",
            (blurred(14, 1.0), {"valid": blurred(20, 0.6)}),
            (table(kind="quantity"), {}),
        ),
        "RF16 the last weights": ("RF16", (noise("binary"), LONGER | {"hidden": 16}), (table(), {"patience": 10})),
    }
)  # fmt: skip


@pytest.mark.parametrize(("code", "provoking", "beside"), CASES)
def test_a_finding_has_a_table_that_provokes_it_and_one_that_does_not(code, provoking, beside):
    for (frame, options), fires in ((provoking, True), (beside, False)):
        findings = codes(frame, **options)
        assert (code in findings) is fires, findings
        for one in findings.values():
            assert one.message
            assert one.advice
            assert one.figures


def test_each_code_has_a_rule_and_a_case():
    assert RULES.keys() == FINDINGS.keys()
    assert {case.values[0] for case in CASES} == FINDINGS.keys()
    assert [kind.code for kind in FINDINGS.values()] == sorted(FINDINGS)


@pytest.mark.parametrize("kind", ["binary", "classes", "quantity"])
def test_a_healthy_run_has_no_warning(kind):
    trained = rnnfast.train(table(120, kind=kind), **NAMES | QUICK | {"epochs": 60, "hidden": 8})
    assert [one for one in trained.findings if one.severity == "warning"] == []


@pytest.mark.parametrize(
    "options",
    cases(
        {
            "an ensemble": {"ensemble": 2},
            "bags without validation": {"ensemble": 2, "bag": True, "split": 1.0},
            "trained again": {"refit": True},
            "float64 and two layers": {"dtype": "float64", "hidden": (4, 3)},
            "a perceptron": {"cell": "mlp"},
            "attention": {"cell": "gru", "head": "attention"},
            "all heads, both directions": {"cell": "gru", "head": "all", "bidirectional": True},
            "patches": {"patch": (2, 1)},
            "the last step": {"predict": "last"},
            "a test part": {"split": (0.5, 0.25)},
            "not an epoch": {"epochs": 0},
            "weights of rows": {"weight": "w"},
        }
    ),
)
def test_every_run_is_judged(options):
    frame = table(kind="quantity")
    trained = rnnfast.train(
        frame.assign(w=1.0 + (frame["z"] > 0)) if "weight" in options else frame, **NAMES | QUICK | options
    )
    assert trained.verdict
    assert trained.to_json()["verdict"] == trained.verdict
    judgement = trained.model.provenance.judgement
    assert judgement.findings == trained.findings
    assert set(judgement.moments) >= {"x", "z"} or "x" in judgement.moments


def test_the_test_part_has_no_say():
    """Labels of the test part change the verdict, which is about it, and no finding."""
    frame = drifted(0).assign(part=np.repeat(["train", "valid", "test"], 20 * STEPS))
    worse = frame.assign(y=np.where(frame["part"] == "test", 1 - frame["y"], frame["y"]))
    first, second = (rnnfast.train(one, **NAMES | QUICK | BY_COLUMN) for one in (frame, worse))
    assert first.findings == second.findings
    assert first.verdict != second.verdict
    assert first.verdict.startswith("On the test part")


def test_the_error_of_a_mean_counts_ids_and_not_rows():
    owner, of_owner = np.repeat(np.arange(30), 7), np.random.default_rng(0).normal(size=30)
    by_id = of_owner.std(ddof=1) / np.sqrt(30)
    assert mean_error(of_owner[owner], owner) == pytest.approx(by_id)
    assert mean_error(of_owner[owner[:30]], owner[:30]) is None


VERDICTS = cases(
    {
        "two classes": ("binary", {}, r"finds \d+ of \d+ with y = 1 \(recall [\d.]+ %\).*auprc .* by ids\)"),
        "classes": (
            "classes",
            {},
            r"\d+ of \d+ answers are right \(\d+ by always the most frequent class\)\. macro_f1",
        ),
        "quantities": (
            "quantity",
            {},
            r"off by [\d.]+ on average, [\d.]+ % of the variance explained\. rmse .* % less than .*\([\d.]+\)\.",
        ),
        "worth nothing": ("quantity", {"epochs": 0}, r"No better than always answering the mean on validation: rmse"),
    }
)


@pytest.mark.parametrize(("kind", "options", "words"), VERDICTS)
def test_the_verdict_is_a_sentence_with_the_best_baseline(kind, options, words):
    trained = rnnfast.train(table(120, kind=kind), **NAMES | QUICK | {"epochs": 40} | options)
    assert re.search(words, trained.verdict), trained.verdict


def saved(path, frame, **options):
    trained = rnnfast.train(frame, **NAMES | QUICK | options)
    trained.model.save(path / "model.safetensors")
    return path / "model.safetensors"


def scored(model, frame, tmp_path, **options):
    frame.to_csv(tmp_path / "t.csv", index=False)
    return evaluate_table(model, [str(tmp_path / "t.csv")], **options).judgement


def test_a_table_is_compared_with_the_one_that_trained(tmp_path):
    model = saved(tmp_path, table(120), epochs=40)
    assert scored(model, table(seed=4), tmp_path).findings == ()
    moved = table(seed=4)
    findings = scored(model, moved.assign(z=moved["z"] + 5), tmp_path).findings
    assert [one.code for one in findings] == ["RF14"]
    assert "'z'" in findings[0].message or " z " in findings[0].message
    assert findings[0].figures["distance"] == pytest.approx(5, abs=0.5)


def test_last_steps_are_not_held_against_the_mean_of_all(tmp_path):
    worn = table(120, kind="quantity")
    worn["z"] = worn.groupby("id").cumcount() * 5.0
    model = saved(tmp_path, worn, epochs=1)
    assert "RF14" not in [one.code for one in scored(model, worn, tmp_path, last=True).findings]


def test_new_categories_are_a_drift(tmp_path):
    frame = table(120)
    frame["c"] = np.where(np.arange(len(frame)) % 3, "a", "b")
    model = saved(tmp_path, frame, epochs=40, categorical="c")
    other = table(seed=4).assign(c="new")
    assert [one.code for one in scored(model, other, tmp_path).findings] == ["RF14"]


def test_a_table_on_disk_is_judged_as_one_in_memory(tmp_path):
    table(120).to_csv(tmp_path / "t.csv", index=False)
    options = NAMES | QUICK | {"cache": False}
    small, large = (rnnfast.train(str(tmp_path / "t.csv"), **options | {"memory": m}) for m in (None, "4G"))
    assert small.verdict == large.verdict
    assert small.findings == large.findings


TRAIN = ["train", "--data", "t.csv", "--id", "id", "--time", "t", "--target", "y"]
TRAIN += ["--hidden", "3", "--epochs", "1", "--optimizer", "adam", "--batch-size", "4"]
EVAL = ["eval", "--model", "runs/a", "--data", "t.csv"]


def ends(arguments, capsys):
    """Run a command; return the exit code and the last line that it tells."""
    capsys.readouterr()
    code = run(arguments)
    return code, capsys.readouterr().err.splitlines()[-1]


def test_train_tells_findings_fails_on_them_and_ignores_them(tmp_path, capsys):
    noise("quantity").to_csv("t.csv", index=False)
    trained = result([*TRAIN, "-o", "runs/a"], capsys)
    told = [one["code"] for one in trained["findings"]]
    assert "RF02" in told
    assert trained["verdict"]
    assert set(trained["findings"][0]) == {"code", "title", "severity", "message", "advice", "figures"}
    code, message = ends([*TRAIN, "-o", "runs/b", "--fail-on-findings"], capsys)
    assert code == 5
    assert "RF02 underfit" in message
    assert (tmp_path / "runs/b/model.safetensors").exists()
    ignored = result([*TRAIN, "-o", "runs/c", "--fail-on-findings", "--ignore", ",".join(told)], capsys)
    assert ignored["findings"] == []
    assert [one["code"] for one in result(["inspect", "runs/a"], capsys)["findings"]] == told


def test_eval_does_so_too_and_keeps_to_what_training_ignored(capsys):
    noise("quantity").to_csv("t.csv", index=False)
    result([*TRAIN, "-o", "runs/a"], capsys)
    told = ",".join(one["code"] for one in result(EVAL, capsys)["findings"])
    assert told
    assert ends([*EVAL, "--fail-on-findings"], capsys)[0] == 5
    assert result([*EVAL, "--ignore", told, "--fail-on-findings"], capsys)["findings"] == []
    result([*TRAIN, "-o", "runs/a", "--force", "--ignore", told], capsys)
    assert result(EVAL, capsys)["findings"] == []
    assert "did you mean 'RF" in fails([*EVAL, "--ignore", "RF3"], 2, capsys)


def test_a_column_that_is_called_like_a_code_is_left_out_too(capsys):
    table().rename(columns={"z": "RF03"}).to_csv("t.csv", index=False)
    result([*TRAIN, "-o", "runs/a", "--ignore", "RF03"], capsys)
    assert result(["inspect", "runs/a"], capsys)["columns"]["features"] == ["x"]


@pytest.mark.parametrize("quiet", [False, True])
def test_findings_and_verdict_are_the_end_of_a_screen_and_not_of_a_quiet_one(quiet, capsys):
    noise("quantity").to_csv("t.csv", index=False)
    assert run([*TRAIN, "-o", "runs/a", *(["-q"] if quiet else [])]) == 0
    captured = capsys.readouterr()
    assert ("RF02" in captured.err, "Verdict" in captured.err) == (not quiet, not quiet)
    assert "RF02" not in captured.out


CLIPPED = cases(
    {
        "float64": {"dtype": "float64"},
        "two threads": {"threads": 2},
        "from disk": {"memory": "4G"},
        "by PyTorch": {"engine": "torch"},
    }
)


@pytest.mark.parametrize("options", CLIPPED)
def test_clipped_updates_are_counted_however_it_trains(options, tmp_path):
    table(kind="quantity").to_csv(tmp_path / "t.csv", index=False)
    usual = NAMES | QUICK | {"cache": False, "clip_norm": 0.5}
    one, other = (rnnfast.train(str(tmp_path / "t.csv"), **usual | more) for more in ({}, options))
    assert 0.1 < one.clipped < 0.9
    assert other.clipped == pytest.approx(one.clipped, abs=0.01)
    assert other.to_json()["clipped"] == other.clipped
    assert "clipped" not in rnnfast.train(str(tmp_path / "t.csv"), **usual | {"clip_norm": 0.0}).to_json()


def test_an_ensemble_is_clipped_as_its_networks_are_on_average():
    frame, usual = table(kind="quantity"), NAMES | QUICK | {"clip_norm": 0.5}
    both = rnnfast.train(frame, **usual, ensemble=2)
    each = [rnnfast.train(frame, **usual | {"seed": member.seed}).clipped for member in both.members]
    assert both.clipped == pytest.approx(sum(each) / 2, abs=0.1)


def test_a_cross_validation_tells_leaks_once_and_nothing_else(capsys):
    with_copy("quantity", copy=lambda f: 2 * f["y"]).to_csv("t.csv", index=False)
    arguments = ["cv", *TRAIN[1:], "--folds", "3"]
    assert run(arguments) == 0
    told = capsys.readouterr().err
    assert told.count("RF05") == 1
    assert told.count("RF") == 1
    assert run([*arguments, "--ignore", "RF05"]) == 0
    assert "RF05" not in capsys.readouterr().err
