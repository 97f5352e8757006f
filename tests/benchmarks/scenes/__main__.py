"""Scores of `layers.cover` on hard scenes with known truth.

    python -m tests.benchmarks.scenes [--half tune|judge] [--count 100] [--worst 10] [--kind KIND] [--blame]
    python -m tests.benchmarks.scenes --only NUMBER --picture FILE.png [--box W,S,E,N]

Prints mean precision, recall and F1 by kind, the worst scenes, how many are below 0.80, and with --blame why
metres are wrong. The default half is for tuning; what is tuned on it is judged on the other, which has other
land, other towns, other seeds.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from tests.benchmarks.scenes.blame import INVENTED, MISSED, Blame, blamed
from tests.benchmarks.scenes.making import Scene, recipe_of
from tests.benchmarks.scenes.making import scene as scene_of
from tests.benchmarks.scenes.pictures import picture
from tests.benchmarks.scenes.scoring import Score, compared, found

LOW_F1 = 0.80


def main() -> None:
    """Make the scenes, score them, print."""
    asked = _asked()
    rows: list[tuple[Scene, Score]] = []
    blames: list[tuple[str, Blame]] = []
    made_s = matched_s = 0.0
    began = time.perf_counter()
    for number in range(asked.count) if asked.only is None else (asked.only,):
        if asked.kind not in ("", recipe_of(number).kind):
            continue
        scene = scene_of(asked.half, number)
        made_s += time.perf_counter() - began
        began = time.perf_counter()
        spans = found(scene)
        matched_s += time.perf_counter() - began
        rows.append((scene, compared(scene, spans)))
        if asked.blame:
            blames.append((scene.kind, blamed(scene, spans)))
        if asked.picture and asked.only is not None:
            box = tuple(float(number) for number in asked.box.split(",")) if asked.box else ()
            picture(scene, spans, asked.picture, title=_told(*rows[-1]), box=box)
        began = time.perf_counter()
    _print(rows, asked.worst)
    if blames:
        _print_blames(blames)
    print(
        f"{len(rows)} scenes of the half {asked.half}: made in {made_s:.0f} s, matched in {matched_s:.1f} s"
    )


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scenes")
    parser.add_argument("--half", choices=("tune", "judge"), default="tune")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--worst", type=int, default=10)
    parser.add_argument("--kind", default="")
    parser.add_argument("--blame", action="store_true")
    parser.add_argument("--only", type=int)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--box", default="")
    return parser.parse_args()


def _print(rows: list[tuple[Scene, Score]], worst: int) -> None:
    print(
        f"{'kind':18}{'n':>4}{'P':>8}{'R':>8}{'F1':>8}{'least':>8}{'below .80':>11}{'missed in gaps, m':>19}"
    )
    kinds = list(dict.fromkeys(scene.kind for scene, _ in rows))
    for kind in [*kinds, "all"]:
        of_kind = [s for scene, s in rows if kind in (scene.kind, "all")]
        f1 = np.array([s.f1 for s in of_kind])
        precision, recall = (np.mean([getattr(s, name) for s in of_kind]) for name in ("precision", "recall"))
        dark_m = sum(s.dark_m for s in of_kind)
        print(
            f"{kind:18}{f1.size:4d}{precision:8.3f}{recall:8.3f}{f1.mean():8.3f}{f1.min():8.3f}"
            f"{(f1 < LOW_F1).sum():11d}{dark_m:19.0f}"
        )
    print("\nworst:")
    for scene, s in sorted(rows, key=lambda row: row[1].f1)[:worst]:
        print("  " + _told(scene, s))


def _print_blames(blames: list[tuple[str, Blame]]) -> None:
    heads = [f"-{cause}" for cause in MISSED] + [f"+{cause}" for cause in INVENTED]
    print("\nmetres missed (-) and invented (+), by cause:\n" + " " * 16 + "".join(f"{h:>10}" for h in heads))
    for kind in [*dict.fromkeys(kind for kind, _ in blames), "all"]:
        of_kind = [blame for k, blame in blames if kind in (k, "all")]
        sums = [sum(b.missed[cause] for b in of_kind) for cause in MISSED]
        sums += [sum(b.invented[cause] for b in of_kind) for cause in INVENTED]
        print(f"{kind:16}" + "".join(f"{metres:10.0f}" for metres in sums))


def _told(scene: Scene, s: Score) -> str:
    return (
        f"{scene.name}: F1 {s.f1:.3f}, P {s.precision:.3f}, R {s.recall:.3f}, true {s.true_m:.0f} m, "
        f"false {s.found_m - s.both_m:.0f} m, missed {s.true_m - s.both_m:.0f} m ({s.dark_m:.0f} in gaps), "
        f"{len(scene.fixes)} fixes, {len(scene.lines)} lines"
    )


if __name__ == "__main__":
    sys.exit(main())
