"""Cross-validation: one call from a table to models that are each scored on rows that they have not seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, Unpack

from rnnfast.cluster.shared import Shared
from rnnfast.cluster.task import Cluster
from rnnfast.config.folding import FoldConfig, check_folds
from rnnfast.config.forms import SEQUENCE
from rnnfast.config.resolve import Config
from rnnfast.config.typed import TrainOptions
from rnnfast.data import Sequences
from rnnfast.data.reading.arrays import is_arrays, with_labels
from rnnfast.data.reading.opening import Table
from rnnfast.data.splitting.folds import Folds, folds, naming
from rnnfast.diagnose.machine import cores
from rnnfast.engines.choice import engine_of
from rnnfast.equations.cell import Cell
from rnnfast.errors import DataError, TrainingInterrupted, UsageError
from rnnfast.findings.finding import leaks
from rnnfast.listeners import with_listeners
from rnnfast.model.output import STANDARD_STREAM, Output, check_output
from rnnfast.model.questions import scored_rows
from rnnfast.records import replace as changed
from rnnfast.reporter import Reporter
from rnnfast.training.checks import check_options, named_cell
from rnnfast.training.directory import free_name, table_name
from rnnfast.training.fold_reporters import InOrder, OfFold, Once
from rnnfast.training.fold_results import CrossValidation, FoldResult
from rnnfast.training.job import Host, Job
from rnnfast.training.out_of_fold import OutOfFold, check_columns
from rnnfast.training.pool import Piece, one_at_a_time, run_on
from rnnfast.training.presets import fixed
from rnnfast.training.replies import sample_of
from rnnfast.training.resuming import Home, Resumed, going_on, keeper_of, origin_of, saved, settled
from rnnfast.training.stages import train_parts
from rnnfast.training.stopping import Interrupt, Phase, interruptible
from rnnfast.training.tables import Source, advise_time, check_fold
from rnnfast.training.windows import chooses, window_of_folds


def cv(
    data: Table | Sequences,
    y: Any = None,
    *,
    folds: int = 5,
    folds_by: str = "sequence",
    repeats: int = 1,
    output: str | Path | None = None,
    reporter: Reporter | None = None,
    cluster: Cluster | None = None,
    **options: Unpack[TrainOptions],
) -> CrossValidation:
    """Cross-validate: for each fold of a table, train a network on the rest and score it on the fold.

    data, y: as of `train`. folds: how many; folds_by: "sequence", "column:NAME" for groups that stay together, or
    "time", where each fold trains on what is before it. repeats: do it so often, with the seeds S, S + 1, ..
    output: file for the out-of-fold predictions, which `.predictions` of the result has too; it must not exist.
    reporter: is told everything. cluster: on which folds train, see rnnfast.dask; None for this process.
    options: those of `train`; `split` is the share of a fold's rest that trains, what
    remains of it ends training.
    Raises: as `train`; TrainingInterrupted at Ctrl-C, with `.result` where a fold was complete.

    Example:
        >>> import numpy as np, rnnfast
        >>> X, y = np.arange(80.0).reshape(20, 4, 1), [0, 1] * 10
        >>> [fold.model.schema.task for fold in rnnfast.cv(X, y, folds=2, hidden=4, epochs=1).folds]
        ['binary', 'binary']
    """
    equations = named_cell(options)
    config = Config().with_values(options, "cv()")
    fold_config = FoldConfig.of({"folds": folds, "folds_by": folds_by, "repeats": repeats}, "cv()")
    return cross_validate(
        with_labels(data, y), config, fold_config, output, reporter=reporter, equations=equations, cluster=cluster
    )


def cross_validate(
    data: Any,
    config: Config,
    fold_config: FoldConfig,
    output: str | Path | Output | None = None,
    *,
    force: bool = False,
    reporter: Reporter | None = None,
    equations: Cell | None = None,
    save: bool | Resumed = False,
    cluster: Cluster | None = None,
) -> CrossValidation:
    """Do what the `cv` command does; data: as of `train`, labels of arrays with them. force: replace the output.

    save: whether to save it while it lasts, to runs/NAME-cv, or the cross-validation that goes on, whose options these
    are. cluster: on which folds train, None for this process. Raises as `cv`.
    """
    start, options, config = time.perf_counter(), config.given() if save else {}, fixed(config)
    check_folds(config, fold_config)
    check_options(config, equations, own_valid=False)
    file = None if output is None else Output.of(output)
    if file is not None:
        if file.name == STANDARD_STREAM:
            raise UsageError("--output -: the scores go to stdout; name a file for the predictions")
        check_output(file, force)
    reporter = with_listeners(reporter, config.output)
    before = save if isinstance(save, Resumed) else None
    for note in before.notes if before else ():
        reporter.notice(note)
    config = replace(config, data=replace(config.data, split_by=fold_config.folds_by))
    with interruptible(reporter.interrupted) as interrupt, ExitStack() as opened:
        table, config = _table(data, config, fold_config, reporter, opened)
        if file is not None:
            check_columns(table.schema)
        more = {**asdict(fold_config), "output": file and file.absolute, "raw": bool(file and file.raw)}
        home = Home(
            before and before.directory, lambda _: free_name(f"{table_name(table.source[0])}-cv"), reporter.notice
        )
        keeper = keeper_of(config, lambda: origin_of("cv", options, table, None, more), home, before) if save else None
        runs = _Runs(table, config, fold_config, equations)
        reporter.folds(runs.folds[0], fold_config.repeats)
        with saved(keeper, interrupt):
            results = runs.run(reporter, interrupt, cluster)
            interrupt.phase = Phase.SAVING
            resumable = settled(keeper, interrupt, None)
            if not results:
                raise interrupt.error("interrupted before the first fold was complete; nothing is written")
        tested = OutOfFold(table, results, runs.test_part)
        result = runs.result(results, partial(_predictions, tested, data))
        if file is not None:
            tested.write(file)
            result.files["output"] = Path(file.name)
        if keeper is not None and resumable:
            reporter.notice(f"{going_on(keeper, cluster)} goes on with the folds that are left")
        elif keeper is not None:
            keeper.leave()
        result.seconds = time.perf_counter() - start
    reporter.finished(result)
    if interrupt.requested:
        done = f"{len(results)} of {result.count} folds"
        raise interrupt.error(f"interrupted when {done} were complete", result)
    return result


def _table(
    data: Any, config: Config, fold_config: FoldConfig, reporter: Reporter, opened: ExitStack
) -> tuple[Sequences, Config]:
    """Read the table once, and tell about it; returns the configuration too, with what the preset chose of it."""
    table, config = Source(config, reporter, opened, folds=True).table(data)
    if not isinstance(data, Sequences) and chooses(table, config):
        window = window_of_folds(table, config, fold_config)
        table, config = table.windowed(*window), config.choosing({"window": window.rows})
    if table.auto_predict:
        table = table.predicting(table.rule())
    reporter.table(table)
    for text in table.proposals:
        reporter.notice(text)
    if fold_config.folds_by == SEQUENCE:
        advise_time(table, "each fold", "--folds-by", reporter)
    if config.train.init_from is not None:
        reporter.notice("--init-from: the scores are honest only where that model has never seen this table")
    return table, config


def _predictions(tested: OutOfFold, source: Any) -> Any:
    """Return the out-of-fold predictions as a DataFrame."""
    if tested.table.room is not None:
        raise UsageError("predictions: the table was read in blocks; name a file for them with output=")
    return tested.frame(None if is_arrays(source) else source)


class _Runs:
    """The runs of all folds; what a worker of a cluster gets of them.

    In this process those of a table in memory share the threads; in blocks one runs after the other, so that one at a
    time needs its memory.
    """

    def __init__(self, table: Sequences, config: Config, fold_config: FoldConfig, equations: Cell | None) -> None:
        self.table, self.config, self.fold_config, self.equations = table, config, fold_config, equations
        share, first = config.data.split[0], config.train.seed
        self.folds: list[Folds] = [
            folds(table, fold_config.folds, fold_config.folds_by, first + repeat, share)
            for repeat in range(fold_config.repeats)
        ]
        self.count = fold_config.folds * fold_config.repeats
        self.threads = 1

    def __reduce__(self) -> tuple[Any, ...]:
        """Say how they are made again: folds follow from the table."""
        return _Runs, (self.table, self.config, self.fold_config, self.equations), {"threads": self.threads}

    def run(self, whole: Reporter, interrupt: Interrupt, cluster: Cluster | None) -> list[FoldResult]:
        """Train all folds; return those that are complete, in their order. whole: is told of all of them."""
        engine_of(self.config.train).ready()  # libraries are not loaded by the first fold

        threads = self.config.train.threads or cores()
        workers = min(threads, self.count) if self.table.room is None else 1
        self.threads = max(threads // workers, 1) if cluster is None else self.config.train.threads or 1
        reporter = one_at_a_time(Once(whole))
        ended, work = InOrder(reporter), Shared(self)
        pieces = []
        for number in range(self.count):
            repeat, fold = divmod(number, self.fold_config.folds)
            name = f"fold {fold + 1}" + (f" of repeat {repeat + 1}" if self.fold_config.repeats > 1 else "")
            of_fold = OfFold(reporter, fold + 1, first=number == 0)
            pieces.append(
                Piece(name, _complete, work, (number,), of_fold, partial(ended.end, number), f"fold {number + 1}")
            )
        return [result for result in run_on(cluster, pieces, workers, interrupt) if result is not None]

    def train(self, number: int, reporter: Reporter, interrupt: Interrupt) -> FoldResult:
        """Train and score one fold."""
        repeat, fold = divmod(number, self.fold_config.folds)
        train = replace(self.config.train, seed=self.config.train.seed + repeat, threads=self.threads)
        config = replace(self.config, train=train)
        parts = self.folds[repeat][fold]
        with naming(fold, self.fold_config.folds):
            check_fold(parts, self.table, config.data, reporter)
            outcome, fit = train_parts(Job(self.table, parts, config, self.equations), Host(reporter, interrupt))
            if "test" not in outcome.evaluations:
                raise DataError("none of the sequences that fit into --memory has a label; give more memory")
        if fit.diverged is not None:
            fit.diverged.args = (f"fold {fold + 1} of {self.fold_config.folds}: {fit.diverged.args[0]}",)
            raise fit.diverged
        for one in leaks(outcome.findings) if number == 0 else ():
            reporter.notice(str(one))
        assert parts.test is not None
        model = outcome.model
        # Parts of a fold are no parts of a split: nothing may take rows that trained for those that validate.
        assert model.provenance.split is not None
        unknown = changed(model.provenance.split, shares=(1.0,), split_by=SEQUENCE)
        model.provenance = changed(model.provenance, split=unknown)
        data = scored_rows(sample_of(model, parts.test, train.seed))
        labelled = data.labelled
        return FoldResult(
            number=fold + 1,
            repeat=repeat + 1,
            model=model,
            evaluation=replace(outcome.evaluations["test"], outcomes=None),  # of many folds they would fill the memory
            sequences=outcome.sequences,
            epochs=outcome.epochs,
            best_epoch=outcome.best_epoch,
            stopped=outcome.stopped,
            seconds=outcome.seconds["train"] + outcome.seconds["eval"],
            y=data.y[labelled],
            answers=model.predict(data)[labelled],
            weight=None if data.weight is None else data.weight[labelled],
            of_several=self.fold_config.repeats > 1,
        )

    def test_part(self, result: FoldResult) -> Sequences:
        """Make the test part of a fold again."""
        parts = self.folds[result.repeat - 1][result.number - 1]
        check_fold(parts, self.table, self.config.data, Reporter())
        assert parts.test is not None
        return parts.test

    def result(self, results: list[FoldResult], lines: Callable[[], Any]) -> CrossValidation:
        """Return the results of the folds as one."""
        parts, resolved = self.folds[0], results[0].model.config
        config = replace(
            resolved,
            data=replace(resolved.data, split_by=SEQUENCE),  # which folds_by stood in for
            train=replace(resolved.train, threads=self.config.train.threads),
        )
        return CrossValidation(
            folds=results,
            count=self.count,
            rule=parts.rule,
            schema=results[0].model.schema,
            rows=self.table.rows,
            sequences=self.table.sequences,
            untested=parts.untested,
            seconds=0.0,
            config=config,
            fold_config=self.fold_config,
            lines=lines,
        )


def _complete(runs: _Runs, number: int, reporter: Reporter, interrupt: Interrupt) -> FoldResult | None:
    """Train one fold, or nothing where Ctrl-C ends it before its end; that of a second training counts too."""
    result = None
    if interrupt.slot is not None:
        interrupt.slot = interrupt.slot.of(f"fold {number + 1}")
    try:
        interrupt.check()
        result = runs.train(number, reporter, interrupt)
    except TrainingInterrupted:
        pass
    if result is not None and interrupt.requested:
        training = result.model.provenance.training
        again = not result.model.config.train.refit or (training is not None and training.refitted)
        result = result if again and result.stopped != "interrupted" else None
    return result
