"""Training as Python sees it: an object that owns all memory of a run and runs epochs in it."""

import time
from dataclasses import dataclass

import numpy as np

from rnnfast.catalogue import LOSSES, OPTIMIZERS
from rnnfast.kernels.lanes.arguments import Arguments
from rnnfast.kernels.lanes.linking import launch
from rnnfast.kernels.lanes.specialisation import Specialisation
from rnnfast.kernels.packed.front import front_links
from rnnfast.kernels.packed.stack import Network
from rnnfast.kernels.rules.losses import SOFT
from rnnfast.kernels.rules.optimizers import COUNTERS, Settings, State, update_link
from rnnfast.kernels.run import epoch
from rnnfast.kernels.run.ahead import kernels_of
from rnnfast.kernels.run.batch import NORM_BLOCK
from rnnfast.kernels.run.engines import Engine, Links, calls_of, engine_links
from rnnfast.kernels.run.epoch import Course, Outcome
from rnnfast.kernels.run.helpers import Helpers
from rnnfast.kernels.run.memory import (
    Data,
    most_rows,
    packed_work,
    place,
    place_front,
    small_work,
    training_data,
)
from rnnfast.kernels.run.plan import (
    ACCUMULATORS,
    chunk_of,
    elementwise,
    engine_of,
    specialisation_of,
    tile_of,
    worth_sharing,
)
from rnnfast.kernels.run.predictor import Predictor
from rnnfast.kernels.run.update import AHEAD, Plan, Run, Shared, Task, Worker
from rnnfast.network.alignment import aligned
from rnnfast.network.architecture import Architecture
from rnnfast.network.front import steps_of
from rnnfast.network.layout import Layout


@dataclass(frozen=True)
class Policy:
    """How a network is trained.

    loss: mse, mae, huber, bce or ce; reduction: "mean" over the labelled steps of a batch, or "sum"; batch: sequences
    of an update; window: steps of truncated BPTT, 0 for whole sequences; per_update: a learning rate for each update,
    else for each epoch; threads: how many may share the work; seed: of dropout; soft: targets of ce are shares of the
    classes.
    """

    loss: str
    optimizer: str = "sgd"
    reduction: str = "mean"
    batch: int = 1
    momentum: float = 0.9
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    window: int = 0
    per_update: bool = False
    threads: int = 1
    seed: int = 0
    soft: bool = False

    @property
    def kernel(self):
        """What the loss is called where it is compiled."""
        return SOFT if self.soft else self.loss


class Trainer:
    """Trains one network on one set of sequences.

    parameters: the flat span in the kernels' layout, updated in place. threads: how many share the work.
    lengths: (sequences,) rows of all training sequences where the set comes in blocks, by `load`, and data is None.
    """

    def __init__(self, architecture, tensors, data, policy, lengths=None):
        self.architecture, self.layout, self.policy, self.data = architecture, Layout(architecture), policy, data
        lengths = steps_of(np.diff(data.offsets) if lengths is None else lengths, architecture.front)
        self.parameters = self.layout.flatten(tensors, architecture.dtype)
        self.plan, self.engine, self.specialisation, self.threads = self._planned(lengths)
        self.workers, self.network = self._workspaces(lengths)
        self._allocate()

    def _planned(self, lengths):
        """How epochs are cut into updates, what is compiled for them, and the number of threads."""
        architecture, layout, policy = self.architecture, self.layout, self.policy
        sequences, longest = len(lengths), int(lengths.max())
        batch = min(policy.batch, sequences)
        window = policy.window if 0 < policy.window < longest else 0
        steps = float(lengths.mean()) if not window else float(window)
        engine = engine_of(architecture, window, policy.loss)
        chunk = chunk_of(layout, steps, batch)
        plain = policy.optimizer == "sgd" and not policy.weight_decay and not policy.clip_norm
        fused = plain and batch == chunk and (engine == "packed" or batch == 1)
        accumulators = min(ACCUMULATORS, -(-batch // chunk))
        # The register engine computes the loss in the middle of its pass; the packed one calls it.
        specialisation = specialisation_of(layout, engine, **({"loss": policy.loss} if engine == "small" else {}))
        plan = Plan(
            sequences=sequences,
            batch=batch,
            chunk=chunk,
            accumulators=accumulators,
            window=window,
            mean=policy.reduction == "mean",
            per_update=policy.per_update,
            carried=0,
            dropout=float(architecture.dropout),
            seed=policy.seed,
            fused=fused,
        )
        threads = min(policy.threads, accumulators) if worth_sharing(layout, batch * steps) else 1
        return plan, engine, specialisation, threads

    def _workspaces(self, lengths):
        """A worker for each thread, and the network as the kernels see it."""
        layout, plan, dtype = self.layout, self.plan, self.architecture.dtype
        longest = int(min(plan.window or lengths.max(), lengths.max()))
        rows = most_rows(lengths, plan.chunk, plan.window)
        if self.engine == "small":
            table, head, calls = np.array(layout.directions, np.int64), layout.head, ()
            works = [small_work(self.specialisation, longest, dtype) for _ in range(self.threads)]
        else:
            table, head, size, carried = place(layout, plan.chunk, rows)
            calls = calls_of(layout, self.policy.kernel, plan.dropout)
            works = [packed_work(layout, size, plan.chunk, longest, rows) for _ in range(self.threads)]
            self.plan = plan._replace(carried=carried if plan.window else 0)
        head = head._replace(targets=1 if LOSSES[self.policy.loss].per_step and not self.policy.soft else head.outputs)
        workers = [Worker(number, self.threads, work) for number, work in enumerate(works)]
        front, _, _ = place_front(layout, plan.chunk, rows)
        return workers, Network(front, table, len(layout.directions), head, layout.size, calls)

    def _allocate(self):
        """Gradients, moments, and what the threads share."""
        size, plan, policy, dtype = self.layout.size, self.plan, self.policy, self.architecture.dtype
        self.gradient = aligned(1 if plan.fused else size * plan.accumulators, dtype)
        rule = OPTIMIZERS[policy.optimizer]
        m, v = (aligned(size if present else 1, dtype) for present in (rule.m, rule.v))
        settings = Settings(float(policy.momentum), float(policy.weight_decay), float(policy.clip_norm))
        self.state = State(m, v, np.zeros(COUNTERS, np.int64), settings)
        self.shared = Shared(
            derived=aligned(self.layout.derived_size, dtype),
            states=aligned(max(1, plan.batch * plan.carried), dtype),
            partial=np.zeros(plan.accumulators),
            norms=np.zeros(-(-size // NORM_BLOCK)),
            task=Task(aligned(8, np.int64), aligned(8, np.float64)),
            team=None,
        )
        self.helpers = Helpers(self.threads)
        self.where = np.zeros(2, np.int64)
        self._links = None
        self._bound = None  # what `run` hands on again and again for the same data

    def load(self, data, sequences):
        """Train on another block of the set from now on: data holds `sequences` or more, of which orders name as many.

        Optimizer, batches and workspaces stay; the last batch of a block may be smaller.
        """
        self.data, self.plan = data, self.plan._replace(sequences=sequences)
        self._bound = None

    @property
    def sequences(self):
        """Sequences of the training set."""
        return self.plan.sequences

    @property
    def mean(self):
        """Whether the loss is a mean over labelled steps."""
        return self.plan.mean

    @property
    def kernel(self):
        """Name of the engine, for those who want to know."""
        return f"{self.engine}, {tile_of(self.layout).W if self.engine == 'packed' else self.specialisation.W} lanes"

    def updates_per_epoch(self):
        """Batches of an epoch."""
        return -(-self.plan.sequences // self.plan.batch)

    def run(self, orders, epochs, rates):
        """Train `epochs` epochs.

        orders: (n, sequences) int64; epoch e visits the sequences in the order e % n. rates: learning rates, one for
        all, or one per epoch, or per update where the policy says so.
        Returns: (epochs,) sums of the loss over all labelled outputs; None if training diverged, `where` then holds
        the epoch of this call and the update in it, both from 0.
        """
        flat = np.asarray(orders, np.int64).ravel()
        count = epochs * (self.updates_per_epoch() if self.plan.per_update else 1)
        # A copy, as a read-only array would have a kernel of its own compiled.
        rates = np.array(np.broadcast_to(np.asarray(rates, np.float64), count))
        padded = np.concatenate((flat, np.zeros(AHEAD, np.int64)))
        course = Course(padded, len(flat) // self.plan.sequences, epochs, rates)
        outcome = Outcome(np.zeros(epochs), self.where)
        if self._bound is None:
            self._bound = self._compiled(self.data)
        specialisation, run, workers = self._bound

        def call(team, number):
            shared = run.shared._replace(team=team)
            arguments = Arguments(run._replace(shared=shared), course, outcome, workers[number])
            return launch(epoch.train, specialisation, arguments)

        # To compile, none is needed.
        status = self.helpers.run(call) if epochs else call(self.helpers.new_team(), 0)
        return outcome.losses if status == epoch.OK else None

    def kernels(self):
        """The kernels that `run` needs."""
        numbers = np.zeros(1, self.architecture.dtype)
        data = Data(numbers, numbers, numbers, np.zeros(1, np.int64), np.zeros(1))
        specialisation, run, workers = self._compiled(data)
        run = run._replace(shared=run.shared._replace(team=self.helpers.new_team()))
        course, outcome = Course(np.zeros(1, np.int64), 1, 0, np.zeros(1)), Outcome(np.zeros(1), self.where)
        return kernels_of(epoch.train, specialisation, Arguments(run, course, outcome, workers[0]))

    def _compiled(self, data):
        """What the training kernel is compiled for; what stays the same in it; workers with what they work with."""
        dtype, rule, lanes = self.architecture.dtype, self.policy.optimizer, elementwise(self.architecture.dtype).W
        network = self.network._replace(calls=())  # an update knows nothing of cells
        run = Run((), network, self.plan, self.parameters, self.gradient, data, self.state, self.shared)
        if self.plan.fused and self.engine == "small":
            return Specialisation(**dict(self.specialisation.items), whole=1), run, self.workers
        engine = Engine(self.network, data, self.parameters, self.shared.derived, None)
        workers = [worker._replace(work=Arguments(*engine._replace(work=worker.work))) for worker in self.workers]
        if self._links is None:
            step = Specialisation(W=lanes, optimizer=rule, decoupled=int(rule == "adamw"))
            front = front_links(lanes, self.layout)
            gradient, derive = engine_links(self.specialisation, workers[0].work, dtype)
            self._links = Links(gradient, derive, front.derive, update_link(step, dtype))
        return Specialisation(W=lanes, whole=0), run._replace(links=self._links), workers

    def tensors(self):
        """Copies of the parameters by PyTorch's names."""
        return self.layout.tensors(self.parameters)


def warm_up():
    """Compile, or load, and run a small kernel; returns the seconds it took."""
    start = time.perf_counter()
    architecture = Architecture.named("rnn", 2, 3, 1)
    tensors = {name: np.full(shape, 0.1) for name, shape in Layout(architecture).shapes().items()}
    x, offsets = np.ones((4, 2)), np.array([0, 2, 4])
    data = training_data(x, np.ones((4, 1)), np.ones(4, bool), offsets, "float32")
    trainer = Trainer(architecture, tensors, data, Policy(loss="mse"))
    trainer.run(np.array([[0, 1]]), 1, 0.1)
    Predictor(architecture, trainer.parameters).outputs(x, offsets)
    return time.perf_counter() - start
