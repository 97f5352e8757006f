"""What Prometheus reads: requests by route, connections, jobs, memory; counted in this process."""

import threading
from collections import Counter, defaultdict
from pathlib import Path

BUCKETS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Counts requests; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._within: Counter[tuple[str, float]] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._count: Counter[str] = Counter()

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request; `route` is the route's pattern, never the path that was asked for."""
        with self._lock:
            self._requests[method, route, status] += 1
            self._count[route] += 1
            self._seconds[route] += seconds
            for bound in BUCKETS_S:
                if seconds <= bound:
                    self._within[route, bound] += 1

    def text(self, gauges: dict[str, float]) -> str:
        """Return everything in Prometheus' text format, with the gauges of the moment."""
        with self._lock:
            lines = ["# TYPE yinxun_requests_total counter"]
            for (method, route, status), n in sorted(self._requests.items()):
                label = f'method="{method}",route="{_label(route)}",status="{status}"'
                lines.append(f"yinxun_requests_total{{{label}}} {n}")
            lines.append("# TYPE yinxun_request_seconds histogram")
            for route, n in sorted(self._count.items()):
                label = f'route="{_label(route)}"'
                for bound in BUCKETS_S:
                    within = self._within[route, bound]
                    lines.append(f'yinxun_request_seconds_bucket{{{label},le="{bound}"}} {within}')
                lines.append(f'yinxun_request_seconds_bucket{{{label},le="+Inf"}} {n}')
                lines.append(f"yinxun_request_seconds_sum{{{label}}} {self._seconds[route]:.6f}")
                lines.append(f"yinxun_request_seconds_count{{{label}}} {n}")
        lines += [f"# TYPE yinxun_{family} gauge" for family in sorted({n.partition("{")[0] for n in gauges})]
        lines += [f"yinxun_{name} {value:g}" for name, value in sorted(gauges.items())]
        return "\n".join(lines) + "\n"


def resident_bytes() -> int:
    """Return the memory this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def _label(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
