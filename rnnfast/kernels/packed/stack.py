"""The gradient of one packed chunk of sequences through all layers, and its outputs alone for prediction."""

from numba import types
from numba.extending import intrinsic

from rnnfast.kernels.lanes.compiling import part
from rnnfast.kernels.lanes.span import at
from rnnfast.kernels.packed import head
from rnnfast.kernels.packed import layer as recurrence
from rnnfast.kernels.packed.dropout import drop
from rnnfast.kernels.packed.packing import pack
from rnnfast.kernels.rules.losses import loss_and_gradient
from rnnfast.network.layout import Unit


@intrinsic
def unit_at(typingctx, table, i):
    """The Unit in row i of the table that `workspace.place` made."""
    count = len(Unit._fields)
    result = types.NamedUniTuple(types.intp, count, Unit)

    def codegen(context, builder, sig, args):
        start = builder.mul(args[1], context.get_constant(types.intp, count))
        row = builder.gep(args[0], [start])
        items = [builder.load(builder.gep(row, [context.get_constant(types.intp, k)])) for k in range(count)]
        return context.make_tuple(builder, result, items)

    return result(table, types.intp), codegen


@part
def forward(s, table, units, p, derived, x, R, T, P, work, carried, rate, key):
    """States of all layers. Writes: work.memory."""
    pack, memory = work.pack, work.memory
    for i in range(units):
        u = unit_at(table, i)
        if u.layer == 0:
            recurrence.forward(s, u, p, derived, x, pack.source, pack, R, T, P, memory, carried)
        else:
            below = unit_at(table, i - 1 - u.reverse)
            seen = at(memory, below.dropped if s.dropout else below.h + R * below.ldh)
            recurrence.forward(s, u, p, derived, seen, pack.same, pack, R, T, P, memory, carried)
        if s.dropout and i + 1 < units and unit_at(table, i + 1).layer > u.layer:
            drop(s, u, pack, P, at(memory, u.h + R * u.ldh), at(memory, u.dropped), rate, key)


@part
def backward(s, table, units, p, derived, g, x, R, T, P, work, carried, rate, key):
    """Gradients of all layers, from the top one's dh down. Reads and writes: work. Writes: g."""
    pack, memory = work.pack, work.memory
    for k in range(units):
        u = unit_at(table, units - 1 - k)
        if u.layer == 0:
            recurrence.backward(s, u, derived, g, x, pack.source, pack, R, T, P, memory, work.carry, carried)
            continue
        below = unit_at(table, units - 2 - k - u.reverse)
        seen = at(memory, below.dropped if s.dropout else below.h + R * below.ldh)
        recurrence.backward(s, u, derived, g, seen, pack.same, pack, R, T, P, memory, work.carry, carried)
        down = at(memory, below.dh)
        if k == 0 or unit_at(table, units - k).layer > u.layer:
            recurrence.clear(s, down, 0, P * below.ldh)
        recurrence.hand_down(s, u, derived, pack, P, memory, down)
        if s.dropout and unit_at(table, units - 2 - k).layer < u.layer:
            drop(s, below, pack, P, down, down, rate, key)


@part
def exchange_states(s, table, units, R, T, work, states, per_sequence, first, save):
    """Take the initial states of the chunk's sequences from `states`, or save their last ones there.

    states: (batch, per_sequence), the sequence at place n of the order in row n - first.
    """
    pack, memory = work.pack, work.memory
    for i in range(units):
        u = unit_at(table, i)
        for r in range(R):
            last = R + pack.start[pack.length[r] - 1] + r if save else r
            kept = at(states, (pack.place[r] - first) * per_sequence + u.state)
            h, c = at(memory, u.h + last * u.ldh + u.column), at(memory, u.extra + last * u.width)
            for n in range(u.width):
                if save:
                    kept[n] = h[n]
                    if s.extra == 2:
                        kept[u.width + n] = c[n]
                else:
                    h[n] = kept[n]
                    if s.extra == 2:
                        c[n] = kept[u.width + n]


@part
def packed_gradient(
    s, table, units, top, p, derived, g, data, order, first, count, begin, window, scale, work, states, tail
):
    """Add the scaled gradient of steps begin .. begin + window - 1 of `count` sequences to g.

    tail: (per_sequence, batch_first, rate, key): layout of `states` and dropout.
    Returns: sum of weight * loss over their outputs.
    """
    per_sequence, batch_first, rate, key = tail
    R, T, P = pack(data.offsets, order, first, count, begin, window, work.pack)
    if R == 0:
        return 0.0
    carried = begin > 0
    if carried:
        exchange_states(s, table, units, R, T, work, states, per_sequence, batch_first, False)
    forward(s, table, units, p, derived, data.x, R, T, P, work, carried, rate, key)
    if per_sequence > 0:
        exchange_states(s, table, units, R, T, work, states, per_sequence, batch_first, True)
    u = unit_at(table, units - 1)
    h = at(work.memory, u.h + R * u.ldh)  # after the initial states
    head.forward(s, top, p, h, P, work.out)
    O = top.outputs
    C = 1 if s.classes else O
    for row in range(P):
        for c in range(C):
            work.y[row * C + c] = data.y[work.pack.source[row] * C + c]
            work.weight[row * C + c] = data.weight[work.pack.source[row] * C + c]
    loss = loss_and_gradient(s, work.out, work.y, work.weight, P, O, scale, work.dy)
    head.backward(s, top, p, P, work.dy, at(work.memory, u.dh))
    head.add_gradient(s, top, g, h, P, work.pack.same, work.dy)
    backward(s, table, units, p, derived, g, data.x, R, T, P, work, carried, rate, key)
    return loss
