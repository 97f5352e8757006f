"""Answers that a browser keeps as a file, under its Chinese name."""

from pathlib import Path
from urllib.parse import quote

from fastapi.responses import FileResponse

from geo_service import files
from geo_service.errors import NotFound
from geo_service.tables import StoredFile


def attachment(name: str, plain: str) -> dict[str, str]:
    """Return the headers of a file to keep; `plain` is its name in ASCII, for who reads no other.

    >>> print(attachment("册.csv", "people.csv")["Content-Disposition"])
    attachment; filename="people.csv"; filename*=UTF-8''%E5%86%8C.csv
    """
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return {"Content-Disposition": disposition, "Cache-Control": "no-store"}


def kept_file(folder: Path, file: StoredFile | None, *, fallback: str = "proof") -> FileResponse:
    """Answer a request with a kept file as a download. Raises NotFound."""
    path = files.path_of(folder, file.sha256) if file else None
    if file is None or path is None or not path.exists():
        raise NotFound("没有这份文件，或不在您的权限内。")
    headers = attachment(file.name or fallback, fallback) | {"X-Content-Type-Options": "nosniff"}
    return FileResponse(path, media_type=file.media_type, headers=headers)
