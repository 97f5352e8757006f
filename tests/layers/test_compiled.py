"""The compiled loops: kept where that can be done, and the same without."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from layers.compiled.means import running_mean


@pytest.mark.parametrize("n", [1, 2, 40])
def test_compiled_and_plain_are_the_same(n: int) -> None:
    random = np.random.default_rng(n)
    xy, time_s = random.normal(0, 5, (n, 2)), np.cumsum(random.uniform(0.5, 9, n))
    piece = np.sort(random.integers(0, 3, n))
    plain = running_mean.py_func  # type: ignore[attr-defined]
    assert running_mean(xy, time_s, piece, 20.0, 25.0) == pytest.approx(plain(xy, time_s, piece, 20.0, 25.0))


def test_without_a_folder_to_keep_it_in_it_is_compiled_all_the_same(tmp_path: Path) -> None:
    """Where nothing can be written: no folder of the package, no home."""
    said = (
        "import numba.core.caching as c\n"
        "c.CacheImpl._locator_classes = []\n"
        "import numpy as np\n"
        "from layers.compiled.ground import foot\n"
        "assert foot.py_func and foot(0.0, 1.0, -1.0, 0.0, 1.0, 0.0)[1] == 1.0\n"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", said],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
