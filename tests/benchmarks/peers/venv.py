"""The peers' own Python: installed once, outside the project, and talked to through pipes."""

import hashlib
import os
import pickle
import subprocess
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

ROOT = Path(__file__).parents[3]
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def default_folder() -> Path:
    """Return where the peers are kept between runs."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "yinxun-benchmarks"


def installed(folder: Path) -> Path:
    """Install the peers into a folder unless they are there; return its Python."""
    python, done = folder / "bin/python", folder / "installed"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not (done.is_file() and done.read_text() == wanted):
        venv.create(folder, with_pip=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", REQUIREMENTS], check=True)
        done.write_text(wanted)
    return python


class Peer:
    """A peer's process: takes a request and gives its answer, one at a time."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._stdin, self._stdout = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)

    def close(self) -> None:
        """Let the process end, and wait for it."""
        self._stdin.close()
        self._process.wait(timeout=30)
        self._stdout.close()

    def ask(self, **request: Any) -> dict[str, Any]:
        """Return the answer to a request, with `spent_s`: the seconds it took inside the peer's process."""
        pickle.dump(request, self._stdin)
        self._stdin.flush()
        try:
            answer: dict[str, Any] = pickle.load(self._stdout)
        except EOFError:
            raise RuntimeError(f"{self._process.args} ended; see what it said above") from None
        return answer


@contextmanager
def running(python: Path, module: str, *arguments: str | Path, folder: Path = ROOT) -> Iterator[Peer]:
    """Run a module, found from a folder on, in the peers' Python until the block ends."""
    # The tile builder is found on the path; one thread, as ours has.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment |= {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [str(python), "-m", module, *map(str, arguments)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder, env=environment
    )
    peer = Peer(process)
    try:
        yield peer
    finally:
        peer.close()
