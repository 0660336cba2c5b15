"""What one writes in PyTorch in an afternoon: a GRU of 64 units, z-scores, Adam, early stopping on a fifth."""

import copy
import time

import numpy as np
import pandas as pd
import torch
from peer_columns import features
from scoring import words

HIDDEN, RATE, PATIENCE, EPOCHS = 64, 0.003, 20, 200
MOST_SECONDS = 20  # of CPU that a training may take
WINDOW = 128  # rows of a training sequence, where the table is one series
HELD_OUT = 0.2


class Net(torch.nn.Module):
    """A GRU with a linear output at every step."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.rnn = torch.nn.GRU(inputs, HIDDEN, batch_first=True)
        self.head = torch.nn.Linear(HIDDEN, outputs)

    def forward(self, x):
        """Outputs (B, T, O) of inputs (B, T, F)."""
        return self.head(self.rnn(x)[0])


def torch_gru(one, train, test, seed):
    """Train and answer."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    names = [*features(one, train), *([one.target] if one.horizon else [])]
    low, spread = train[names].mean(), train[names].std().replace(0, 1)
    labels = one.labels(train)
    classes = np.unique(words(labels)) if one.classes else None
    centre, width = (0.0, 1.0) if one.classes else (labels.mean(), labels.std())
    codes = np.searchsorted(classes, words(labels)) if one.classes else (labels - centre) / width
    target = pd.Series(np.asarray(codes, float), index=labels.index).reindex(train.index).to_numpy(np.float32)

    def inputs(frame):
        return ((frame[names].ffill().fillna(low) - low) / spread).to_numpy(np.float32)

    net = Net(len(names), len(classes) if one.classes else 1)
    x, parts = inputs(train), _parts(one, train)
    order = np.arange(len(parts)) if one.id is None else np.random.default_rng(seed).permutation(len(parts))
    sequences = [(x[parts[n]], target[parts[n]]) for n in order]
    count = max(1, round(HELD_OUT * len(parts)))
    _fit(net, _loss(one.classes), sequences[:-count], sequences[-count:], np.random.default_rng(seed))
    rows = list(test.groupby(one.id, sort=False).indices.values()) if one.id else [np.arange(len(test))]
    z = torch.from_numpy(inputs(test))
    with torch.no_grad():
        out = torch.cat([net(z[part][None])[0] for part in rows])
    index = test.index[np.concatenate(rows)]
    if one.classes:
        return pd.DataFrame(out.softmax(1).numpy(), index=index, columns=classes)
    return pd.Series(out[:, 0].numpy() * width + centre, index=index)


def _parts(one, frame):
    """Numbers of the rows of each training sequence; of one series, windows that overlap by half."""
    if one.id:
        return list(frame.groupby(one.id, sort=False).indices.values())
    width = min(WINDOW, len(frame) // 4)
    return [np.arange(first, first + width) for first in range(0, len(frame) - width + 1, width // 2)]


def _loss(classes):
    """Mean over labelled steps of a padded batch."""

    def loss(out, y):
        known = ~torch.isnan(y)
        if classes:
            return torch.nn.functional.cross_entropy(out[known], y[known].long())
        return torch.nn.functional.mse_loss(out[known][:, 0], y[known])

    return loss


def _batch(parts):
    """Padded inputs and labels; NaN is no label."""
    x = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(x) for x, _ in parts], batch_first=True)
    y = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(y) for _, y in parts], True, float("nan"))
    return x, y


def _fit(net, loss, training, validation, random):
    """Minibatches until the loss on what is held out has not fallen for a while; the best weights are restored."""
    size = max(1, min(64, len(training) // 20))
    optimizer = torch.optim.Adam(net.parameters(), RATE)
    batches = [_batch(validation[first : first + 256]) for first in range(0, len(validation), 256)]
    best, weights, since, start = float("inf"), copy.deepcopy(net.state_dict()), 0, time.process_time()
    for _ in range(EPOCHS):
        order = random.permutation(len(training))
        for first in range(0, len(order), size):
            x, y = _batch([training[n] for n in order[first : first + size]])
            optimizer.zero_grad()
            loss(net(x), y).backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
        with torch.no_grad():
            now = float(np.mean([loss(net(x), y).item() for x, y in batches]))
        since = 0 if now < best else since + 1
        if now < best:
            best, weights = now, copy.deepcopy(net.state_dict())
        if since >= PATIENCE or time.process_time() - start > MOST_SECONDS:
            break
    net.load_state_dict(weights)
