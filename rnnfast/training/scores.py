"""Scoring the parts of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rnnfast.data import SequenceData, Sequences
from rnnfast.metrics.evaluation import Evaluation
from rnnfast.model import Model
from rnnfast.reporter import Reporter
from rnnfast.training.distil import Learned


def sample_of(model: Model, part: Sequences, seed: int) -> SequenceData:
    """Give the sequences of a part that are scored, with the rows around."""
    sample: SequenceData = part.in_context(model.context_of(part.schema)).sample(seed)
    return sample


def evaluate_parts(
    model: Model, parts: Mapping[str, Sequences], seed: int, valid: SequenceData | None, reporter: Reporter
) -> tuple[dict[str, Evaluation], dict[str, tuple[int, int]]]:
    """Score the model on each part that has labels; valid: the sample of the validation part.

    Returns: the scores, and of each part of which only a sample was scored its sequences: (scored, all).
    """
    evaluations, sampled = {}, {}
    for name, part in parts.items():
        data = valid if name == "valid" and valid is not None else sample_of(model, part, seed)
        if data.labelled.any():
            evaluation = model.evaluate(data)
            # Answers stay for figures where they are those of a part in memory that did not train, or of all there is.
            lasting = isinstance(part, SequenceData) and (name != "train" or len(parts) == 1)
            evaluations[name] = evaluation if lasting else replace(evaluation, outcomes=None)
            if data.sequences < part.sequences:
                sampled[name] = (data.sequences, part.sequences)
                scope = f"{data.sequences:,} of {part.sequences:,} sequences"
                reporter.notice(f"{name}: scored on {scope}, drawn at random, to keep within --memory")
        elif part.labelled_steps:
            scope = f"none of the {data.sequences:,} sequences that fit into --memory has a label"
            reporter.notice(f"{name}: not scored, {scope}; give more memory")
    return evaluations, sampled


def ensemble_scores(ensemble: Learned, named: Mapping[str, Sequences], seed: int) -> dict[str, Evaluation]:
    """Score what one network learned from, on the parts that did not train, where there are some."""
    scores: dict[str, Evaluation] = {}
    for name in [name for name in named if name != "train"] or ["train"]:
        model = ensemble.again if name == "test" and ensemble.again is not None else ensemble.model
        scores |= evaluate_parts(model, {f"ensemble_{name}": named[name]}, seed, None, Reporter())[0]
    return scores
