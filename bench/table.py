"""Print results of run.py as a Markdown table: `python bench/table.py results.json`."""

import json
import sys
from pathlib import Path


def main():
    """Print a table for each number of cores."""
    report = json.loads(Path(sys.argv[1]).read_text())
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items() if version)
    machine = report["machine"]
    print(f"{machine['processor']}, Python {machine['python']}, {versions}. Milliseconds per epoch.\n")
    peers = [name for name in ("torch", "jax") if report["versions"].get(name)]
    for threads in sorted({result["threads"] for result in report["results"]}):
        print(f"\n{threads} core{'s' if threads > 1 else ''}\n")
        print(f"| workload | rnnfast | of peak | {' | '.join(peers)} |{' speed-up |' if threads > 1 else ''}")
        print("|---|---|---|" + "---|" * (len(peers) + (threads > 1)))
        for result in report["results"]:
            if result["threads"] == threads:
                print(row(result, peers) + (f" {result['speedup']:.2f} |" if threads > 1 else ""))


def row(result, peers):
    """One workload."""
    times = result["ms_per_epoch"]
    cells = [f"{times[p]:,.4g} ({result['ratio_to_rnnfast'][p]:,.1f}x)" for p in peers]
    own = f"**{times['rnnfast']:,.3g}** | {result['share_of_peak']:.0%}"
    return f"| {result['description']} | {own} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
