"""Every network by its equations, on the nodes of autodiff.py: one sequence at a time, one step at a time.

Parameters are a mapping of PyTorch's names to nodes. A sequence is (x, y), x (T, F), y (T, C) with NaN at unlabelled
steps; C is the number of outputs, or 1, the index of a class, for ce.
"""

import autodiff as ad
import numpy as np

LEAK = 0.01


def gelu(z):
    return z * 0.5 * (1.0 + ad.erf(z / np.sqrt(2.0)))


ACTIVATIONS = {
    "tanh": ad.tanh,
    "relu": ad.relu,
    "leaky_relu": lambda z: ad.where(z.value > 0, z, LEAK * z),
    "sigmoid": ad.sigmoid,
    "elu": lambda z: ad.where(z.value > 0, z, ad.exp(ad.where(z.value > 0, 0.0 * z, z)) - 1.0),
    "swish": lambda z: z * ad.sigmoid(z),
    "gelu": gelu,
    "identity": lambda z: z,
}


def split(z, gates):
    """The gates of a step, side by side in z."""
    units = len(z) // gates
    return [z[k * units : (k + 1) * units] for k in range(gates)]


def rnn(Wi, Wh, bi, bh, x, h, c, activation):
    """Elman 1990."""
    return activation(Wi @ x + bi + Wh @ h + bh), c


def gru(Wi, Wh, bi, bh, x, h, c, activation):
    """Cho et al. 2014, the reset gate after the product as in PyTorch."""
    (ri, zi, ni), (rh, zh, nh) = split(Wi @ x + bi, 3), split(Wh @ h + bh, 3)
    r, z = ad.sigmoid(ri + rh), ad.sigmoid(zi + zh)
    n = ad.tanh(ni + r * nh)
    return (1.0 - z) * n + z * h, c


def lstm(Wi, Wh, bi, bh, x, h, c, activation):
    """Hochreiter, Schmidhuber 1997, with the forget gate of Gers et al. 2000."""
    i, f, g, o = split(Wi @ x + bi + Wh @ h + bh, 4)
    c = ad.sigmoid(f) * c + ad.sigmoid(i) * ad.tanh(g)
    return ad.sigmoid(o) * ad.tanh(c), c


def lru(Wi, bi, nu_log, theta_log, x, h, c, activation):
    """Orvieto et al. 2023, eq. 7 and section 3.3; c is the complex state, its real part above its imaginary one."""
    re, im, d = split(Wi @ x + bi, 3)
    size, angle = ad.exp(-ad.exp(nu_log)), ad.exp(theta_log)
    cos, sin, gamma = size * ad.cos(angle), size * ad.sin(angle), (1.0 - size * size) ** 0.5
    c = ad.stack([cos * c[0] - sin * c[1] + gamma * re, sin * c[0] + cos * c[1] + gamma * im])
    return gelu(c[0] + d), c


def mingru(Wi, bi, bias_z, x, h, c, activation):
    """Feng et al. 2024, section 3.1."""
    z, n = split(Wi @ x + bi, 2)
    z = ad.sigmoid(z + bias_z)
    return (1.0 - z) * h + z * n, c


def activation_of(architecture):
    """The name of the activation of an RNN or MLP: the last function of its equations."""
    return architecture.cell.after[0].kind if architecture.cell.name in ("rnn", "mlp") else "tanh"


PRODUCTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
CELLS = {
    "rnn": (rnn, PRODUCTS),
    "gru": (gru, PRODUCTS),
    "lstm": (lstm, PRODUCTS),
    "lru": (lru, ("weight_ih", "bias_ih", "nu_log", "theta_log")),
    "mingru": (mingru, ("weight_ih", "bias_ih", "bias_z")),
}


def run(step, weights, units, x, activation, reverse, begun):
    """States (T, units) of one direction of one layer, in the order of the steps.

    begun: (units,) the first state that a step refers to, before the first step: h, or of an lru the real part.
    """
    h, c = begun, ad.Node(np.zeros(units))
    if step is lru:
        h, c = c, ad.stack([begun, c])
    states = [None] * len(x)
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        h, c = step(*weights, x[t], h, c, activation)
        states[t] = h
    return ad.stack(states)


def layer_weights(params, names, number, suffix, unequal):
    prefix, number = (f"rnn.{number}.", 0) if unequal else ("rnn.", number)
    return [params[f"{prefix}{name}_l{number}{suffix}"] for name in names]


def _mean(states, query):
    return states.sum(axis=0) / len(states)


def _maximum(states, query):
    """The first of equal values has the gradient."""
    units = np.arange(states.shape[1])
    return states[states.value.argmax(axis=0), units]


def _attention(states, query):
    """One query (Bahdanau et al. 2015), with the scale of Vaswani et al. 2017."""
    scores = states @ query / np.sqrt(states.shape[1])
    shares = ad.exp(scores - scores.value.max())
    return states.T @ (shares / shares.sum())


POOLS = {
    "last": [lambda states, query: states[-1]],
    "mean": [_mean],
    "max": [_maximum],
    "attention": [_attention],
}
POOLS["all"] = [*POOLS["last"], _mean, _maximum]


def pooled(head, states, query):
    """What the head sees at each step, (T, blocks * width), of all states (T, width) up to it."""
    rows = [[pool(states[: t + 1], query) for pool in POOLS[head]] for t in range(len(states))]
    return ad.stack([ad.concatenate(row) for row in rows])


def last_rows(rows, stride):
    """The rows where the steps of a sequence end: every `stride` one, the last one among them."""
    return np.arange((rows - 1) % stride, rows, stride)


def stacked(W, b, x, stride):
    """One layer of a front: K rows of x (T, I) at a time, zeros before the first. W (units, I, K), as Conv1d has it."""
    K, count = W.shape[2], len(last_rows(len(x), stride))
    used = (count - 1) * stride
    x = ad.concatenate([ad.Node(np.zeros((used + K - len(x), x.shape[1]))), x])
    z = b
    for k in range(K):
        z = z + x[k : k + used + 1 : stride] @ W[:, :, k].T
    return ad.relu(z)


def embedded(architecture, params, x):
    """Rows of x (T, F) with the rows of tables in the place of their last columns, which hold codes; 0: zeros."""
    count = len(architecture.embeddings)
    if not count:
        return x
    numbers = x.shape[1] - count
    parts = [x[:, :numbers]]
    for number, embedding in enumerate(architecture.embeddings):
        table = ad.concatenate([ad.Node(np.zeros((1, embedding.units))), params[f"embed.{number}.weight"]])
        parts.append(table[x.value[:, numbers + number].astype(int)])
    return ad.concatenate(parts, axis=1)


def outputs(architecture, params, x, masks=None):
    """Outputs (T, O) of one sequence x (T, F); of a front those of its steps.

    masks: per layer but the last a factor (T, directions * H) of what it hands on, dropout as it fell.
    """
    f, widths, steps = ACTIVATIONS[activation_of(architecture)], architecture.hidden, architecture.features
    steps -= architecture.static
    static, x = x[0, steps:], ad.node(x[:, :steps])
    x = embedded(architecture, params, x)
    for number, layer in enumerate(architecture.front):
        x = stacked(params[f"front.{number}.weight"], params[f"front.{number}.bias"], x, layer.stride)
    for number in range(len(widths)):
        if architecture.cell.name == "mlp":
            x = f(x @ params[f"mlp.{2 * number}.weight"].T + params[f"mlp.{2 * number}.bias"])
        else:
            suffixes = ["", "_reverse"] if architecture.bidirectional else [""]
            directions = []
            for suffix in suffixes:
                step, names = CELLS[architecture.cell.name]
                weights = layer_weights(params, names, number, suffix, len(set(widths)) > 1)
                begun = ad.Node(np.zeros(widths[number]))
                if architecture.static:
                    place = f"static.l{number}{suffix}"
                    begun = ad.tanh(params[f"{place}.weight"] @ static + params[f"{place}.bias"])
                directions.append(run(step, weights, widths[number], x, f, suffix != "", begun))
            x = ad.concatenate(directions, axis=1)
        if masks is not None and number + 1 < len(widths):
            x = x * masks[number]
    if architecture.head != "last":
        x = pooled(architecture.head, x, params.get("head.query"))
    head = "head" if architecture.remembers else f"mlp.{2 * len(widths)}"
    out = x @ params[f"{head}.weight"].T + params[f"{head}.bias"]
    return out + params["static.head.weight"] @ static if architecture.static else out


def _softplus(p):
    return ad.relu(p) + ad.log(1.0 + ad.exp(-ad.absolute(p)))


def _huber(d):
    size = ad.absolute(d)
    return ad.where(size.value < 1.0, 0.5 * d * d, size - 0.5)


def _cross_entropy(p, y):
    """(rows, 1) from logits (rows, O) and classes (rows, 1)."""
    rows = np.arange(len(y))
    peak = p.value.max(axis=1)
    norm = ad.log(ad.exp(p - peak[:, None]).sum(axis=1)) + peak
    return norm - p[rows, y[:, 0].astype(int)]


LOSSES = {
    "mse": lambda p, y: (p - y) ** 2.0,
    "mae": lambda p, y: ad.absolute(p - y),
    "huber": lambda p, y: _huber(p - y),
    "bce": lambda p, y: _softplus(p) - y * p,
    "ce": _cross_entropy,
}


def loss(architecture, params, sequences, kind, reduction="mean", masks=None):
    """The loss of a batch: a mean over outputs, and a mean or the sum over labelled steps.

    masks: per sequence, those of `outputs`. 0 where no step is labelled.
    """
    total, steps = ad.Node(0.0), 0
    for number, (x, y) in enumerate(sequences):
        p = outputs(architecture, params, x, None if masks is None else masks[number])
        y = y[last_rows(len(x), architecture.stride)]
        labelled = np.flatnonzero(~np.isnan(y).any(axis=1))
        total = total + LOSSES[kind](p[labelled], y[labelled]).sum() / y.shape[1]
        steps += len(labelled)
    return total / steps if reduction == "mean" and steps else total


def loss_and_gradients(architecture, tensors, sequences, kind, reduction="mean", masks=None):
    """The loss as a number and its gradients by name; tensors: mapping of PyTorch's names to arrays."""
    params = {name: ad.Node(tensor) for name, tensor in tensors.items()}
    result = loss(architecture, params, sequences, kind, reduction, masks)
    gradients = ad.gradients(result, list(params.values()))
    return float(result.value), dict(zip(params, gradients, strict=True))


def sgd_epoch(architecture, tensors, sequences, order, batch, lr, kind, reduction="mean"):
    """Visit the sequences in this order, an update per batch (the last one may be smaller): p -= lr * gradient.

    Writes: tensors, in place; a recurrent bias that the architecture does not train is left alone.
    Returns: the mean over all labelled steps of their loss at the time of their update, for either reduction.
    """
    total, steps = 0.0, 0
    for start in range(0, len(order), batch):
        chosen = [sequences[index] for index in order[start : start + batch]]
        value, gradients = loss_and_gradients(architecture, tensors, chosen, kind, reduction)
        for name, gradient in gradients.items():
            if architecture.recurrent_bias or "bias_hh" not in name:
                tensors[name] -= lr * gradient
        labelled = sum(int((~np.isnan(y).any(axis=1)).sum()) for _, y in chosen)
        total += value if reduction == "sum" else value * labelled
        steps += labelled
    return total / steps if steps else 0.0
