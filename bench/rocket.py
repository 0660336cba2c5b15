"""MiniROCKET in an environment with aeon: `python bench/rocket.py TASK.npz RESULT.npz`, called by peers.py.

TASK holds X (n, F, T), y (n,), Z (m, F, T) and seed; RESULT gets the answers for Z, the classes and the seconds of CPU.
"""

import sys
import time

import numpy as np
from aeon.transformations.collection.convolution_based import MiniRocket
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def main():
    """Fit and answer; a first fit on a few sequences compiles and is not counted."""
    with np.load(sys.argv[1]) as task:
        X, y, Z, seed = task["X"].astype(np.float32), task["y"], task["Z"].astype(np.float32), int(task["seed"])
    MiniRocket(n_kernels=84, random_state=0).fit(X[:4]).transform(X[:4])
    start = time.process_time()
    penalties = np.logspace(-3, 3, 10)
    classes = y.dtype.kind not in "fiu"
    ridge = RidgeClassifierCV(alphas=penalties) if classes else RidgeCV(alphas=penalties)
    model = make_pipeline(MiniRocket(random_state=seed), StandardScaler(), ridge).fit(X, y)
    values = model.decision_function(Z) if classes else model.predict(Z)
    if classes and values.ndim == 1:
        values = np.stack([-values, values], axis=1)
    names = ridge.classes_ if classes else np.array([])
    np.savez(sys.argv[2], values=values, classes=names, seconds=time.process_time() - start)


if __name__ == "__main__":
    main()
