"""Vanilla recurrent network in plain NumPy, float64: what every kernel is compared with.

Forward, for one sequence x_1 .. x_T with h_0 = 0 (Elman 1990; names and two biases as in PyTorch's nn.RNN):

    a_t = weight_ih x_t + bias_ih + weight_hh h_(t-1) + bias_hh         h_t = f(a_t)         f: tanh, relu or sigmoid
    z_t = head.weight h_t + head.bias                                   the output (bce: the logit)

Loss of a step, mean over the O outputs, then over or summed over the labelled steps of a batch (reduction mean, sum):

    mse: (z - y)^2                      dL/dz = 2 (z - y) / O
    bce: max(z, 0) - z y + ln(1 + e^-|z|)       dL/dz = (sigmoid(z) - y) / O

Backward (Werbos 1990), t = T .. 1, with da_(T+1) = 0:

    dh_t = head.weight^T dz_t + weight_hh^T da_(t+1)                    da_t = dh_t f'(a_t)
    d head.weight += dz_t h_t^T         d head.bias += dz_t
    d weight_ih += da_t x_t^T           d weight_hh += da_t h_(t-1)^T   d bias_ih = d bias_hh += da_t

Parameters are a dict of float64 arrays: rnn.weight_ih_l0 (H, F), rnn.weight_hh_l0 (H, H), rnn.bias_ih_l0 (H,),
rnn.bias_hh_l0 (H,), head.weight (O, H), head.bias (O,). A batch is a list of (x, y), x (T, F), y (T, O), each with its
own T; NaN in y marks unlabelled steps: a step counts if all its targets are present and, for predict "last", it is the
last of its sequence.
"""

from collections.abc import Iterable, Sequence

import numpy as np

Parameters = dict[str, np.ndarray]
Sequences = Sequence[tuple[np.ndarray, np.ndarray]]


def sigmoid(v: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-v) without overflow."""
    small = np.exp(-np.abs(v))
    return np.where(v >= 0, 1.0, small) / (1.0 + small)


ACTIVATIONS = {"tanh": np.tanh, "relu": lambda a: np.maximum(a, 0.0), "sigmoid": sigmoid}

# f'(a) by the value h = f(a); relu's at 0 is 0, as in PyTorch.
SLOPES = {"tanh": lambda h: 1.0 - h * h, "relu": lambda h: (h > 0.0).astype(float), "sigmoid": lambda h: h * (1.0 - h)}


def draw_parameters(features: int, hidden: int, outputs: int, seed: int = 0, spread: float = 0.5) -> Parameters:
    """Draw all parameters from uniform(-spread, spread), biases too, so that none is at a special value."""
    shapes = {
        "rnn.weight_ih_l0": (hidden, features),
        "rnn.weight_hh_l0": (hidden, hidden),
        "rnn.bias_ih_l0": (hidden,),
        "rnn.bias_hh_l0": (hidden,),
        "head.weight": (outputs, hidden),
        "head.bias": (outputs,),
    }
    rng = np.random.default_rng(seed)
    return {name: rng.uniform(-spread, spread, shape) for name, shape in shapes.items()}


def forward(params: Parameters, x: np.ndarray, activation: str) -> tuple[np.ndarray, np.ndarray]:
    """Run one sequence x (T, F). Returns h (T + 1, H), h[0] the initial zeros, and the outputs (T, O)."""
    f = ACTIVATIONS[activation]
    h = np.zeros((len(x) + 1, len(params["rnn.bias_ih_l0"])))
    for t in range(len(x)):
        a = params["rnn.weight_ih_l0"] @ x[t] + params["rnn.bias_ih_l0"]
        a += params["rnn.weight_hh_l0"] @ h[t] + params["rnn.bias_hh_l0"]
        h[t + 1] = f(a)
    return h, h[1:] @ params["head.weight"].T + params["head.bias"]


def labelled(y: np.ndarray, predict: str) -> np.ndarray:
    """Mask (T,) of the steps of y (T, O) that count."""
    mask = ~np.isnan(y).any(axis=1)
    if predict == "last":
        mask[:-1] = False
    return mask


def loss_of_steps(z: np.ndarray, y: np.ndarray, loss: str) -> tuple[np.ndarray, np.ndarray]:
    """Loss (n,) of labelled steps, outputs z and targets y (n, O), and its gradient (n, O) by z."""
    outputs = y.shape[1]
    if loss == "mse":
        return np.mean((z - y) ** 2, axis=1), 2.0 * (z - y) / outputs
    if loss == "bce":
        each = np.maximum(z, 0.0) - z * y + np.log1p(np.exp(-np.abs(z)))
        return np.mean(each, axis=1), (sigmoid(z) - y) / outputs
    raise ValueError(f"unknown loss {loss!r}")


def backward(params: Parameters, x: np.ndarray, h: np.ndarray, dz: np.ndarray, activation: str) -> Parameters:
    """Backpropagate dz (T, O) through one sequence, x (T, F), h (T + 1, H) of `forward`. Returns the gradients."""
    slope = SLOPES[activation]
    grads = {name: np.zeros_like(value) for name, value in params.items()}
    da = np.zeros(h.shape[1])
    for t in reversed(range(len(x))):
        # z = head.weight h_t + head.bias
        grads["head.weight"] += np.outer(dz[t], h[t + 1])
        grads["head.bias"] += dz[t]
        # h_t reaches the loss through z_t and through a_(t+1), whose gradient da still holds
        dh = params["head.weight"].T @ dz[t] + params["rnn.weight_hh_l0"].T @ da
        # h_t = f(a_t)
        da = dh * slope(h[t + 1])
        # a_t = weight_ih x_t + bias_ih + weight_hh h_(t-1) + bias_hh
        grads["rnn.weight_ih_l0"] += np.outer(da, x[t])
        grads["rnn.weight_hh_l0"] += np.outer(da, h[t])
        grads["rnn.bias_ih_l0"] += da
        grads["rnn.bias_hh_l0"] += da
    return grads


def loss_and_gradients(
    params: Parameters,
    sequences: Sequences,
    loss: str,
    activation: str,
    reduction: str = "mean",
    predict: str = "every",
) -> tuple[float, Parameters]:
    """Loss of a batch and its gradients by every parameter; 0 and zeros where no step is labelled."""
    total, steps = 0.0, 0
    grads = {name: np.zeros_like(value) for name, value in params.items()}
    for x, y in sequences:
        mask = labelled(y, predict)
        h, z = forward(params, x, activation)
        losses, slopes = loss_of_steps(z[mask], y[mask], loss)
        dz = np.zeros_like(z)
        dz[mask] = slopes
        for name, grad in backward(params, x, h, dz, activation).items():
            grads[name] += grad
        total += float(losses.sum())
        steps += int(mask.sum())
    if reduction == "sum" or steps == 0:
        return total, grads
    return total / steps, {name: grad / steps for name, grad in grads.items()}


def sgd_epoch(
    params: Parameters,
    sequences: Sequences,
    order: Iterable[int],
    batch_size: int,
    lr: float,
    loss: str,
    activation: str,
    reduction: str = "mean",
    predict: str = "every",
    recurrent_bias: bool = True,
) -> float:
    """Visit the sequences in `order`, one SGD update per batch (the last may be smaller): p -= lr * gradient.

    Writes: params, in place; without recurrent_bias bias_hh is left alone (give it zeros).
    Returns: the mean over all labelled steps of their loss at the time of their update, for either reduction;
             0 where no step is labelled.
    """
    order = list(order)
    total, steps = 0.0, 0
    for start in range(0, len(order), batch_size):
        batch = [sequences[index] for index in order[start : start + batch_size]]
        value, grads = loss_and_gradients(params, batch, loss, activation, reduction, predict)
        for name, grad in grads.items():
            if recurrent_bias or name != "rnn.bias_hh_l0":
                params[name] -= lr * grad
        count = sum(int(labelled(y, predict).sum()) for _, y in batch)
        total += value if reduction == "sum" else value * count
        steps += count
    return total / steps if steps else 0.0
