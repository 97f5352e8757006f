"""Plates as an answer: a PDF."""

import io
import threading

from fastapi.responses import Response

from geo_service.attachments import attachment
from geo_service.errors import Unavailable
from geo_service.plates.sheets import Sheets
from maps.cards import write_plates
from maps.paper import A4, A5

PAPERS = {"A4": A4, "A5": A5}
_ONE = threading.BoundedSemaphore(1)
"""Drawing keeps a processor busy for seconds: one file at a time."""


def pdf(sheets: Sheets, paper: str) -> Response:
    """Return the plates as a download. Raises Unavailable while others are drawn, FontMissing."""
    if not _ONE.acquire(blocking=False):
        raise Unavailable("正在生成另一份公示牌，大约要几秒。请稍后再点一次。")
    try:
        file = io.BytesIO()
        write_plates(sheets.plates, file, sheets.about, paper=PAPERS[paper])
    finally:
        _ONE.release()
    headers = attachment(f"{sheets.title}.pdf", "plates.pdf")
    return Response(file.getvalue(), media_type="application/pdf", headers=headers)
