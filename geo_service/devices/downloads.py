"""Sheets of cards as an answer: a PDF that no cache keeps, because whoever has it can come in."""

import io
import threading

from fastapi.responses import Response

from geo_service.attachments import attachment
from geo_service.devices.sheets import Sheets
from geo_service.errors import Unavailable
from maps.cards import write_cards

_ONE = threading.BoundedSemaphore(1)
"""Drawing keeps a processor busy for seconds: one file at a time."""


def pdf(sheets: Sheets) -> Response:
    """Return the sheets as a download. Raises Unavailable while others are drawn, FontMissing."""
    if not _ONE.acquire(blocking=False):
        raise Unavailable("正在生成另一份卡片，大约要几秒。请稍后再点一次。")
    try:
        file = io.BytesIO()
        write_cards(sheets.cards, file, sheets.about)
    finally:
        _ONE.release()
    headers = attachment(f"{sheets.title}.pdf", "cards.pdf")
    return Response(file.getvalue(), media_type="application/pdf", headers=headers)
