"""One score for the answers of any method: accuracy, AUROC, AUPRC or RMSE on the rows that a set scores."""

import numpy as np
from sets import HIGHER_IS_BETTER
from sklearn.metrics import average_precision_score, roc_auc_score


def score(one, frame, answers):
    """Score answers to a table.

    answers: indexed as the table's rows; a Series of values for rmse, else a DataFrame of probabilities whose columns
    are the classes. Rows without an answer are an error: every method answers for all that is scored.
    """
    truth = one.truth(frame)
    answers = answers.loc[truth.index]
    if one.metric == "rmse":
        return float(np.sqrt(np.mean((answers - truth) ** 2)))
    if one.metric == "accuracy":
        return float(np.mean(answers.columns.to_numpy().astype(str)[answers.to_numpy().argmax(1)] == words(truth)))
    positive = answers.columns[-1]
    measure = roc_auc_score if one.metric == "auroc" else average_precision_score
    return float(measure(words(truth) == str(positive), answers[positive]))


def error(one, value, scored):
    """What is compared as a ratio: the score itself for rmse, else what it lacks to 1, half a case at least."""
    return max(1 - value, 0.5 / scored) if HIGHER_IS_BETTER[one.metric] else value


def words(labels):
    """Labels as text: 1, 1.0 and "1" are one class."""
    whole = labels.dtype.kind == "f" and bool((labels == labels.round()).all())
    return np.asarray((labels.astype(int) if whole else labels).astype(str), dtype=str)
