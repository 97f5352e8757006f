"""What is made ready in the background once the service runs, so that no first volunteer waits for it."""

import gc
import logging
import threading
import time

log = logging.getLogger(__name__)


def start() -> threading.Thread:
    """Begin; requests are served meanwhile, and the first track waits for what is left of it."""
    thread = threading.Thread(target=warm, name="warming", daemon=True)
    thread.start()
    return thread


def warm() -> None:
    """Load the matching of tracks, and leave what is there for good out of the collection of garbage."""
    began_s = time.monotonic()
    try:
        # Half a second where it was compiled at install, else half a minute.
        from layers import ready  # noqa: PLC0415

        ready.get_ready()
    except Exception:  # it is tried again with the first track, which says what is wrong
        log.exception("the matching of tracks cannot be made ready")
    # Some 400,000 objects of modules: each full collection would go through all of them, and nobody is served
    # for a quarter of a second.
    gc.collect()
    gc.freeze()
    log.info("ready for tracks after %.1f s", time.monotonic() - began_s)
