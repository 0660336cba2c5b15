"""Print results of run.py as a Markdown table: `python bench/table.py results.json`."""

import json
import sys
from pathlib import Path


def main():
    """Print one row per workload."""
    report = json.loads(Path(sys.argv[1]).read_text())
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items() if version)
    machine = report["machine"]
    print(f"{machine['processor']}, Python {machine['python']}, {versions}. Milliseconds per epoch.\n")
    peers = [name for name in ("torch", "jax") if report["versions"].get(name)]
    print(f"| workload | rnnfast | of peak | {' | '.join(peers)} |")
    print("|---|---|---|" + "---|" * len(peers))
    for result in report["results"]:
        times = result["ms_per_epoch"]
        cells = [f"{times[p]:,.4g} ({result['ratio_to_rnnfast'][p]:,.1f}x)" for p in peers]
        print(
            f"| {result['description']} | **{times['rnnfast']:,.3g}** | {result['share_of_peak']:.0%} | "
            f"{' | '.join(cells)} |"
        )


if __name__ == "__main__":
    main()
