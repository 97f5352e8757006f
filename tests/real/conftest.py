"""Tests on real maps and a real walk, which stand beside the project and are never copied into it."""

import os
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of the real data; without it the test is skipped, in CI it fails."""
    if not DATA.is_dir():
        reason = "the real data (../shared/data) is not here"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return DATA
