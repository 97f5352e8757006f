"""Headers of an answer that a browser keeps as a file, under its Chinese name."""

from urllib.parse import quote


def attachment(name: str, plain: str) -> dict[str, str]:
    """Return the headers of a file to keep; `plain` is its name in ASCII, for who reads no other.

    >>> print(attachment("册.csv", "people.csv")["Content-Disposition"])
    attachment; filename="people.csv"; filename*=UTF-8''%E5%86%8C.csv
    """
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return {"Content-Disposition": disposition, "Cache-Control": "no-store"}
