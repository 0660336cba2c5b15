"""Findings and verdict of a training run."""

from __future__ import annotations

from collections.abc import Mapping

from rnnfast.data import Parts
from rnnfast.findings.evidence import Course, Evidence, moments_of
from rnnfast.findings.judge import Judgement, of_run
from rnnfast.findings.view import PartView
from rnnfast.model import Model
from rnnfast.training.loop import Fit


def judge(
    model: Model, fit: Fit, parts: Parts, views: Mapping[str, PartView], dead: tuple[int, int] | None
) -> Judgement:
    """Judge a run; the test part has no say but in the verdict, and by its features in what drifted."""
    if not views:
        return Judgement()
    config = model.config
    judged = views.get("valid") or views.get("train") or next(iter(views.values()))
    moments = moments_of(views["train"]) if "train" in views else {}
    course = Course(
        config=config.train,
        history=fit.history,
        epochs=fit.epochs,
        stopped=fit.stopped,
        several=bool(fit.members),
        refitted=bool(fit.refitted),
        dead=dead,
        clipped=fit.clipped,
    )
    evidence = Evidence(
        views=views,
        judged=judged,
        moments=moments,
        split_by=parts.by,
        class_weights=model.class_weights,
        course=course,
    )
    return of_run(evidence, list(views.values())[-1], config.data.ignore)
