"""Memory of the idle service with its private database: the sum of PSS of all its processes.

    python -m tests.benchmarks.bench_idle PID        # of a running `geo-service serve`

Prints megabytes by process and in sum (target: below 400).
"""

import sys
from pathlib import Path


def family(pid: int) -> list[int]:
    """Return a process and all below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


def pss_mb(pid: int) -> float:
    """Return the proportional share of memory of a process."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def main() -> None:
    """Measure and print."""
    total = 0.0
    for pid in family(int(sys.argv[1])):
        mb = pss_mb(pid)
        total += mb
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        print(f"{mb:8.1f} MB  {words[:80]}")
    print(f"{total:8.1f} MB in sum")


if __name__ == "__main__":
    main()
