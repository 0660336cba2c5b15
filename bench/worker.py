"""One system on one workload: `python bench/worker.py SYSTEM WORKLOAD THREADS`, driven by run.py over its standard
streams.

It prepares, warms up, prints `ready`, and for every line it reads times some epochs and prints the milliseconds per
epoch.
"""

import os
import sys
import time

PEER_SECONDS = 1.0  # PyTorch at one update per sequence takes seconds per epoch: then a part is timed and scaled up


def rnnfast_timer(job, threads):
    """Time epochs of rnnfast."""
    from rnnfast.diagnose.benchmark import Timer

    return Timer(job, threads).epoch


def torch_timer(job, threads):
    """Time epochs of PyTorch: torch.nn.RNN (an explicit loop for sigmoid, which it lacks), sequences in file order."""
    import torch

    torch.set_num_threads(threads)
    x, y = (torch.from_numpy(array) for array in job.data())
    dtype = x.dtype

    class Loop(torch.nn.Module):
        """h = sigmoid(Wx x + Wh h + b), step by step."""

        def __init__(self):
            super().__init__()
            self.inputs = torch.nn.Linear(job.features, job.hidden, dtype=dtype)
            self.recurrent = torch.nn.Linear(job.hidden, job.hidden, bias=False, dtype=dtype)

        def forward(self, x):
            pre, h, states = self.inputs(x), torch.zeros(x.shape[0], job.hidden, dtype=dtype), []
            for t in range(x.shape[1]):
                h = torch.sigmoid(pre[:, t] + self.recurrent(h))
                states.append(h)
            return torch.stack(states, 1), h

    if job.activation == "sigmoid":
        net = Loop()
    elif job.cell == "rnn":
        net = torch.nn.RNN(job.features, job.hidden, nonlinearity=job.activation, batch_first=True, dtype=dtype)
        net.bias_hh_l0.requires_grad_(False)  # one bias, as in the other systems
    else:
        net = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[job.cell](job.features, job.hidden, batch_first=True)
    head = torch.nn.Linear(job.hidden, job.outputs, dtype=dtype)
    trained = [p for p in [*net.parameters(), *head.parameters()] if p.requires_grad]
    rule = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[job.optimizer]
    optimizer = rule(trained, lr=1e-4)
    batches = [(x[i : i + job.batch], y[i : i + job.batch]) for i in range(0, job.sequences, job.batch)]

    def updates(some):
        for inputs, targets in some:
            optimizer.zero_grad(set_to_none=True)
            states, _ = net(inputs)
            loss = ((head(states) - targets) ** 2).sum() / inputs.shape[0]
            loss.backward()
            optimizer.step()

    start = time.perf_counter()
    updates(batches[:50])
    per_batch = (time.perf_counter() - start) / min(50, len(batches))
    count = max(1, min(len(batches), int(PEER_SECONDS / per_batch)))

    def epoch():
        start = time.perf_counter()
        updates(batches[:count])
        return (time.perf_counter() - start) * len(batches) / count

    return epoch


def jax_timer(job, threads):
    """Time epochs of JAX: one jitted scan over batches, and steps; at batch 1 with a hand-written BPTT, its fastest
    form.
    """
    if threads == 1:
        flags = " --xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + flags
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["JAX_ENABLE_X64"] = "1" if job.dtype == "float64" else "0"
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax import lax

    forward = {"tanh": jnp.tanh, "relu": lambda z: jnp.maximum(z, 0), "sigmoid": jax.nn.sigmoid}[job.activation]
    slope = {
        "tanh": lambda h: 1 - h * h,
        "relu": lambda h: (h > 0).astype(h.dtype),
        "sigmoid": lambda h: h * (1 - h),
    }[job.activation]
    generator, limit = np.random.default_rng(0), job.hidden**-0.5
    F, H, O = job.features, job.hidden, job.outputs
    G = {"rnn": 1, "gru": 3, "lstm": 4}[job.cell]
    shapes = ((G * H, F), (G * H, H), (O, H), (G * H,), (O,), (H,))  # the last one is b_hn of the gru
    parameters = [jnp.asarray(generator.uniform(-limit, limit, shape).astype(job.dtype)) for shape in shapes]
    whole = job.sequences // job.batch
    x, y = (array[: whole * job.batch] for array in job.data())
    if job.batch > 1:
        x, y = (a.reshape(whole, job.batch, job.steps, -1).transpose(0, 2, 1, 3).copy() for a in (x, y))

    def cell(p, carry, pre):
        if job.cell == "rnn":
            h = forward(pre + carry @ p[1].T)
            return h, h
        if job.cell == "lstm":
            h, c = carry
            i, f, g, o = jnp.split(pre + h @ p[1].T, 4, -1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h
        (xr, xz, xn), (hr, hz, hn) = jnp.split(pre, 3, -1), jnp.split(carry @ p[1].T, 3, -1)
        r, z = jax.nn.sigmoid(xr + hr), jax.nn.sigmoid(xz + hz)
        n = jnp.tanh(xn + r * (hn + p[5]))
        h = (1 - z) * n + z * carry
        return h, h

    unroll = job.steps if job.cell == "rnn" else 1  # the faster of both for each

    def loss(p, x, y):
        pre = x @ p[0].T + p[3]
        zero = jnp.zeros((*x.shape[1:-1], H), x.dtype)
        start = (zero, zero) if job.cell == "lstm" else zero
        _, states = lax.scan(lambda carry, z: cell(p, carry, z), start, pre, unroll=unroll)
        return ((states @ p[2].T + p[4] - y) ** 2).sum() / job.batch

    def by_hand(p, x, y):
        Wx, Wh, Wy, b, by, _ = p
        _, h = lax.scan(
            lambda h, z: (lambda v: (v, v))(forward(z + Wh @ h)), jnp.zeros((H,), x.dtype), x @ Wx.T + b, unroll=1
        )
        error = h @ Wy.T + by - y
        dy = 2 * error

        def back(following, q):
            d = (q[0] + following) * q[1]
            return d @ Wh, d

        _, d = lax.scan(back, jnp.zeros((H,), x.dtype), (dy @ Wy, slope(h)), reverse=True, unroll=1)
        before = jnp.concatenate([jnp.zeros((1, H), x.dtype), h[:-1]])
        return (error * error).sum(), [d.T @ x, d.T @ before, dy.T @ h, d.sum(0), dy.sum(0), p[5] * 0]

    gradient = by_hand if job.batch == 1 else jax.value_and_grad(loss)

    def sgd(p, batch):
        value, g = gradient(p, *batch)
        return [w - np.dtype(job.dtype).type(1e-4) * d for w, d in zip(p, g, strict=True)], value

    def adam(state, batch):
        p, m, v, k = state
        value, g = gradient(p, *batch)
        k = k + 1
        m = [0.9 * a + 0.1 * d for a, d in zip(m, g, strict=True)]
        v = [0.999 * a + 0.001 * d * d for a, d in zip(v, g, strict=True)]
        rate = 1e-4 * jnp.sqrt(1 - 0.999**k) / (1 - 0.9**k)
        p = [w - (rate * a / (jnp.sqrt(b) + 1e-8)).astype(w.dtype) for w, a, b in zip(p, m, v, strict=True)]
        return (p, m, v, k), value

    update = sgd
    if job.optimizer == "adam":
        zeros = [p * 0 for p in parameters]
        update, parameters = adam, (parameters, zeros, zeros, jnp.zeros((), job.dtype))

    repeats = 200 if job.sequences < 100 else 1

    @jax.jit
    def run(p, x, y):
        def one(i, p):
            return lax.scan(update, p, (x, y))[0]

        return lax.fori_loop(0, repeats, one, p)

    x, y = jnp.asarray(x), jnp.asarray(y)
    state = jax.block_until_ready(run(parameters, x, y))

    def epoch():
        nonlocal state
        start = time.perf_counter()
        state = jax.block_until_ready(run(state, x, y))
        return (time.perf_counter() - start) / repeats * job.sequences / (whole * job.batch)

    return epoch


TIMERS = {"rnnfast": rnnfast_timer, "torch": torch_timer, "jax": jax_timer}


def main():
    """Serve one system."""
    system, name, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    from rnnfast.diagnose.benchmark import JOBS

    epoch = TIMERS[system](JOBS[name], threads)
    epoch()
    print("ready", flush=True)
    for _ in sys.stdin:
        print(epoch() * 1e3, flush=True)


if __name__ == "__main__":
    main()
