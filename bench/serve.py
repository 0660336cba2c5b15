"""How `rnnfast serve` bears clients side by side: python bench/serve.py RUN [--clients 50] [--seconds 60] [--rows 1].

Each client keeps a connection open and asks again as soon as it is answered: rows as JSON lines to /rows, each client
with ids of its own. Printed: errors, p50 and p99 of a request in ms, rows a second, what the service takes of the
processor, and of memory in MB after a tenth of the time and at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

import rnnfast


def body_of(schema, client, first, rows, rng):
    """JSON lines for a model, with the next rows of a client."""
    lines = []
    for k in range(first, first + rows):
        row = dict(zip(schema.features, rng.normal(size=len(schema.features)).round(4).tolist(), strict=True))
        row |= {schema.id: f"client {client}"} if schema.id else {}
        row |= {schema.time: k} if schema.time else {}
        lines.append(json.dumps(row))
    return "\n".join(lines).encode()


async def client(number, address, schema, options, seconds):
    """Ask until the time is over. Writes: seconds, of each request. Returns: how many failed."""
    rng, failures, sent = np.random.default_rng(number), 0, 0
    reader, writer = await asyncio.open_connection(*address)
    end = time.perf_counter() + options.seconds
    while time.perf_counter() < end:
        body = body_of(schema, number, sent, options.rows, rng)
        sent += options.rows
        head = f"POST /rows HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        begun = time.perf_counter()
        writer.write(head.encode() + body)
        status = int((await reader.readline()).split()[1])
        length = 0
        while (line := await reader.readline()).strip():
            name, _, value = line.decode().partition(":")
            length = int(value) if name.lower() == "content-length" else length
        text = await reader.readexactly(length)
        seconds.append(time.perf_counter() - begun)
        failures += status != 200 or text.count(b"\n") != options.rows
    writer.close()
    return failures


def processor(pid):
    """Seconds of the processor that a process has taken."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def memory(pid):
    """MB of memory of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


async def load(process, address, schema, options):
    """All clients at once."""
    seconds, early, before = [], None, processor(process.pid)

    async def look():
        nonlocal early
        await asyncio.sleep(options.seconds / 10)
        early = memory(process.pid)

    clients = (client(k, address, schema, options, seconds) for k in range(options.clients))
    _, *failures = await asyncio.gather(look(), *clients)
    p50, p99 = np.quantile(seconds, [0.5, 0.99]) * 1000
    print(f"{len(seconds):,} requests of {options.rows} rows by {options.clients} clients, {sum(failures)} failed")
    print(f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, {len(seconds) * options.rows / options.seconds:,.0f} rows/s")
    print(f"{(processor(process.pid) - before) / len(seconds) * 1000:.2f} ms of the processor for a request")
    print(f"memory {early:.0f} MB, in the end {memory(process.pid):.0f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rows", type=int, default=1, help="of a request")
    options = parser.parse_args()
    command = [sys.executable, "-m", "rnnfast", "serve", "--model", options.run, "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        address = urlsplit(json.loads(process.stdout.readline())["url"])
        try:
            where = (address.hostname, address.port)
            asyncio.run(load(process, where, rnnfast.load(options.run).schema, options))
        finally:
            process.send_signal(signal.SIGTERM)


if __name__ == "__main__":
    main()
