"""What is made ready in the background when the service has started."""

import gc
import logging

import pytest

from geo_service import warming
from layers import ready


@pytest.fixture(autouse=True)
def thawed():
    yield
    gc.unfreeze()


def test_what_is_there_for_good_is_left_out_of_the_collection_of_garbage():
    before = len(gc.get_objects())
    thread = warming.start()
    thread.join()
    assert gc.get_freeze_count() > before / 2
    assert len(gc.get_objects()) < before / 10


def test_a_fault_is_logged_and_the_service_goes_on(monkeypatch, caplog):
    def fail() -> None:
        raise OSError("no room for compiled code")

    monkeypatch.setattr(ready, "get_ready", fail)
    with caplog.at_level(logging.INFO):
        warming.warm()
    assert "cannot be made ready" in caplog.text
    assert "no room for compiled code" in caplog.text
