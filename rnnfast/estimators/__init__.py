"""RNNClassifier and RNNRegressor: rnnfast.train as estimators of scikit-learn (extra: sklearn)."""

from importlib.util import find_spec

if find_spec("sklearn") is None:
    raise ImportError(
        "RNNClassifier and RNNRegressor need scikit-learn, which is not installed; "
        "install it with: python -m pip install 'rnnfast[sklearn]'"
    )

from rnnfast.estimators.classifier import RNNClassifier
from rnnfast.estimators.regressor import RNNRegressor

__all__ = ["RNNClassifier", "RNNRegressor"]
