"""Log lines as JSON, one an event, with the request's id and without anyone's name, place or secret.

The text of an exception is never written: the database's errors quote the values of rows. Its class and
the lines of code it came through are.
"""

import contextvars
import datetime as dt
import json
import logging
import sys
import traceback
from pathlib import Path
from types import TracebackType

request_id: contextvars.ContextVar[str | None] = contextvars.ContextVar("request_id", default=None)

_QUIET = {"uvicorn.access": logging.ERROR, "alembic": logging.WARNING}


class JsonLines(logging.Formatter):
    """Writes a record as one JSON object; `extra={"fields": {...}}` adds fields of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without its end."""
        line: dict[str, object] = {
            "at": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (current := request_id.get()) is not None:
            line["request_id"] = current
        line.update(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__qualname__
            line["through"] = passed_through(record.exc_info[2])
        return json.dumps(line, ensure_ascii=False, default=str)


def passed_through(trace: TracebackType | None) -> list[str]:
    """Return where an exception came through, outermost first: file, line and function, no values."""
    return [
        f"{'/'.join(Path(frame.filename).parts[-3:])}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(trace)
    ][-20:]


def set_up(level: int | None = None) -> None:
    """Send the log of the whole process to standard error.

    Where that is a terminal only warnings are written: a person reads there.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(
        handlers=[handler],
        level=level or (logging.WARNING if sys.stderr.isatty() else logging.INFO),
        force=True,
    )
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)
