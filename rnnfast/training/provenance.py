"""What the file of a trained model tells about its origin."""

from __future__ import annotations

from rnnfast.data.description import part_sizes
from rnnfast.metrics.evaluation import Evaluation
from rnnfast.model.provenance import Provenance, Split, Training
from rnnfast.records import UNSET, plain
from rnnfast.training.job import Job
from rnnfast.training.loop import Fit


def provenance_of(job: Job, evaluations: dict[str, Evaluation], fit: Fit) -> Provenance:
    """What the model file tells about its origin."""
    table, parts, config = job.table, job.parts, job.config
    meaningless = dict.fromkeys(name for scores in evaluations.values() for name in scores.meaningless)
    return Provenance(
        data_digest=table.digest,
        split=Split(
            shares=(1.0,) if job.own_valid else config.data.split,
            seed=config.train.seed,
            split_by=parts.by,
            auto_predict=table.auto_predict,
            points=tuple(plain(parts.points)),
            rule=parts.rule,
            parts=part_sizes(parts),
        ),
        metrics={name: plain(scores.metrics) | meaningless for name, scores in evaluations.items()},
        training=Training(
            epochs=fit.epochs,
            best_epoch=fit.best_epoch,
            stopped=fit.stopped,
            source=tuple(table.source),
            refitted=fit.refitted,
            members=fit.members or UNSET,
            seconds=fit.train_seconds,
        ),
    )
