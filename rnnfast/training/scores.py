"""Scoring the parts of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from rnnfast.data import SequenceData, Sequences
from rnnfast.findings.view import PartView
from rnnfast.metrics.evaluation import Evaluation
from rnnfast.model import Model
from rnnfast.reporter import Reporter
from rnnfast.training.distil import Learned
from rnnfast.training.replies import Replies, sample_of
from rnnfast.training.totals import of_all


@dataclass(eq=False, repr=False)
class ScoredParts:
    """Scores of parts, and what rules of findings see of them.

    sampled: of each part of which only a sample was scored, its sequences: (scored, all).
    """

    evaluations: dict[str, Evaluation] = field(default_factory=dict)
    sampled: dict[str, tuple[int, int]] = field(default_factory=dict)
    views: dict[str, PartView] = field(default_factory=dict)

    def __or__(self, other: ScoredParts) -> ScoredParts:
        """Put those of other parts behind."""
        return ScoredParts(self.evaluations | other.evaluations, self.sampled | other.sampled, self.views | other.views)


def evaluate_parts(
    model: Model, parts: Mapping[str, Sequences], seed: int, valid: Replies | None, reporter: Reporter
) -> ScoredParts:
    """Score the model on each part that has labels; valid: its answers to the validation part, where they are there."""
    scored = ScoredParts()
    judged = valid is not None and valid.data.labelled.any()  # then nobody asks what the training part gains
    for name, part in parts.items():
        replies = valid if valid is not None and name.endswith("valid") else None
        replies = replies or Replies(model, sample_of(model, part, seed))
        data = replies.sample
        if data.labelled.any():
            outcomes = replies.outcomes()
            evaluation = model.scorer.evaluate(outcomes)
            scored.views[name] = PartView.of(
                name,
                outcomes,
                evaluation,
                model.encoder.categories,
                ahead=model.config.model.bidirectional,
                compared=not judged or name != "train",
            )
            # Answers stay for figures where they are those of a part in memory that did not train, or of all there is.
            lasting = isinstance(part, SequenceData) and (name != "train" or len(parts) == 1)
            scored.evaluations[name] = replace(evaluation, outcomes=outcomes) if lasting else evaluation
            if data.sequences < part.sequences:
                scored.sampled[name] = (data.sequences, part.sequences)
                scope = f"{data.sequences:,} of {part.sequences:,} sequences"
                reporter.notice(f"{name}: scored on {scope}, drawn at random, to keep within --memory")
                if part.shards > 1:
                    metrics, which = of_all(model, part, evaluation.metrics)
                    scored.evaluations[name] = replace(scored.evaluations[name], metrics=metrics)
                    reporter.notice(f"{name}: {which}")
        elif part.labelled_steps:
            scope = f"none of the {data.sequences:,} sequences that fit into --memory has a label"
            reporter.notice(f"{name}: not scored, {scope}; give more memory")
    return scored


def ensemble_scores(ensemble: Learned, named: Mapping[str, Sequences], seed: int) -> dict[str, Evaluation]:
    """Score what one network learned from, on the parts that did not train, where there are some."""
    scores: dict[str, Evaluation] = {}
    for name in [name for name in named if name != "train"] or ["train"]:
        model = ensemble.again if name == "test" and ensemble.again is not None else ensemble.model
        part = {f"ensemble_{name}": named[name]}
        scores |= evaluate_parts(model, part, seed, ensemble.valid, Reporter()).evaluations
    return scores
