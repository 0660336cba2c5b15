"""Twenty updates of every optimizer beside torch.optim."""

import numpy as np
import pytest
import twin
from networks import assert_near, draw_sequences, draw_tensors, make_trainer
from tolerances import TRAINED_BY_TORCH

from rnnfast.kernels.rules.optimizers import CLIPPED
from rnnfast.network.architecture import Architecture

LENGTHS = tuple(1 + 5 * k % 12 for k in range(40))
BATCH = 20  # sequences: two chunks; two updates an epoch
EPOCHS = 10
NET = Architecture.named("gru", 3, (5,), 1, "tanh", "float64")
MOMENTUM = 0.8  # not the default

# name: (torch's class, its settings, learning rate)
OPTIMIZERS = {
    "sgd": ("SGD", {}, 0.1),
    "momentum": ("SGD", {"momentum": MOMENTUM}, 0.1),
    "nesterov": ("SGD", {"momentum": MOMENTUM, "nesterov": True}, 0.1),
    "adam": ("Adam", {}, 0.01),
    "adamw": ("AdamW", {}, 0.01),
    "rmsprop": ("RMSprop", {}, 0.01),
    "adagrad": ("Adagrad", {}, 0.05),
}


def sequences():
    """The first half is about ten times easier: clipping at 0.3 takes hold in every other update or so."""
    drawn = draw_sequences(NET, LENGTHS, seed=2)
    for _, y in drawn[:BATCH]:
        y *= 0.1
    return drawn


def torch_weights(name, rates, weight_decay=0.0, clip_norm=0.0, batches=None):
    """Weights after an update per rate, of the batches in turn; and the norms of the gradients."""
    torch = twin.import_torch()
    kind, settings, _ = OPTIMIZERS[name]
    module = twin.build(NET, draw_tensors(NET, 2))
    optimizer = getattr(torch.optim, kind)(module.parameters(), lr=1.0, weight_decay=weight_decay, **settings)
    drawn, norms = sequences(), []
    batches = batches or [drawn[:BATCH], drawn[BATCH:]]
    for k, rate in enumerate(rates):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        twin.batch_loss(NET, module, batches[k % len(batches)], "mse").backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(module.parameters(), clip_norm or float("inf"))))
        optimizer.step()
    return twin.tensors_of(module), norms


def trainer(name, batch=BATCH, drawn=None, **settings):
    drawn = drawn or sequences()
    return make_trainer(NET, draw_tensors(NET, 2), drawn, batch=batch, optimizer=name, momentum=MOMENTUM, **settings)


ORDER = np.arange(len(LENGTHS))[None]


@pytest.mark.parametrize("clip_norm", [0.0, 0.3], ids=["unclipped", "clipped"])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1], ids=["plain", "decay"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_twenty_updates_of_torch(name, weight_decay, clip_norm):
    rate = OPTIMIZERS[name][2]
    expected, norms = torch_weights(name, [rate] * 2 * EPOCHS, weight_decay, clip_norm)
    if clip_norm:
        assert min(norms) < clip_norm < max(norms)
    ours = trainer(name, weight_decay=weight_decay, clip_norm=clip_norm)
    assert ours.run(ORDER, EPOCHS, rate) is not None
    assert_near(ours.tensors(), expected, TRAINED_BY_TORCH)
    assert ours.state.updates[CLIPPED] == sum(norm > clip_norm > 0 for norm in norms)


@pytest.mark.parametrize("name", ["sgd", "adam"])
@pytest.mark.parametrize("per_update", [False, True], ids=["per epoch", "per update"])
def test_rates_of_epochs_and_of_updates(name, per_update):
    rates = OPTIMIZERS[name][2] * np.linspace(1.0, 0.1, 2 * EPOCHS if per_update else EPOCHS)
    expected, _ = torch_weights(name, rates if per_update else np.repeat(rates, 2))
    ours = trainer(name, per_update=per_update)
    # In two calls: state and rates go on where the first one ended.
    half = len(rates) // 2
    for part in (rates[:half], rates[half:]):
        assert ours.run(ORDER, EPOCHS // 2, part) is not None
    assert_near(ours.tensors(), expected, TRAINED_BY_TORCH)


def test_sgd_into_the_weights_is_sgd_by_way_of_a_gradient():
    """One chunk and the plain rule need no buffer for a gradient; any clip norm does."""
    direct, buffered = (trainer("sgd", batch=8, clip_norm=clip) for clip in (0.0, 1e300))
    assert (direct.plan.fused, buffered.plan.fused) == (True, False)
    for one in (direct, buffered):
        one.run(ORDER, EPOCHS, 0.1)
    assert_near(direct.tensors(), buffered.tensors(), TRAINED_BY_TORCH)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_a_batch_without_labels_is_no_update(name):
    """Neither do the moments of adam count it."""
    drawn = sequences()
    blank = [(x, np.full_like(y, np.nan)) for x, y in drawn[:BATCH]]
    rate = OPTIMIZERS[name][2]
    expected, _ = torch_weights(name, [rate] * EPOCHS, weight_decay=0.1, batches=[drawn[BATCH:]])
    ours = trainer(name, drawn=blank + drawn[BATCH:], weight_decay=0.1)
    assert ours.run(ORDER, EPOCHS, rate) is not None
    assert_near(ours.tensors(), expected, TRAINED_BY_TORCH)
