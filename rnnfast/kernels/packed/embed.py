"""Embeddings: codes of categories become rows of tables, see network/embedding.py.

    z[m] = [numbers of x[a], E_1[c_1 - 1], E_2[c_2 - 1], ..],  a = index[m]      c the codes of row a; 0: zeros

    back    dE_k[c_k - 1] += the part of dz[m] that is its own, m = 0, 1, ..

Rows of a chunk are added in their order by the one thread that has it, so that the bits do not depend on threads.
"""

from rnnfast.kernels.lanes.arguments import row_reader
from rnnfast.kernels.lanes.compiling import part
from rnnfast.kernels.lanes.span import at
from rnnfast.kernels.packed.products import clear
from rnnfast.network.embedding import Table

table_at = row_reader(Table)


@part
def look_up(s, front, layer, p):
    """What the network sees of the rows that were copied. Writes: z of the layer, with zeros behind its units."""
    memory, rows, numbers = front.memory, front.rows[1], layer.inputs - front.columns
    clear(s, at(memory, layer.z), rows * layer.width)
    for m in range(rows):
        x = layer.x + front.index[layer.index + m] * layer.ldx
        for n in range(numbers):
            memory[layer.z + m * layer.width + n] = memory[x + n]
    for c in range(front.columns):
        table = table_at(front.tables, c)
        for m in range(rows):
            code = int(memory[layer.x + front.index[layer.index + m] * layer.ldx + table.column])
            if code > 0:
                source, target = table.E + (code - 1) * table.units, layer.z + m * layer.width + table.target
                for n in range(table.units):
                    memory[target + n] = p[source + n]


@part
def add_looked_up(s, front, layer, g):
    """Add the gradients of the tables to g. Reads: dz of the layer, 0 in rows before a sequence."""
    memory, rows = front.memory, front.rows[1]
    for c in range(front.columns):
        table = table_at(front.tables, c)
        for m in range(rows):
            code = int(memory[layer.x + front.index[layer.index + m] * layer.ldx + table.column])
            if code > 0:
                target, source = table.E + (code - 1) * table.units, layer.dz + m * layer.width + table.target
                for n in range(table.units):
                    g[target + n] += memory[source + n]
