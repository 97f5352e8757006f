"""Sheets of cards as an answer: a PDF that no cache keeps, because whoever has it can come in."""

import io

from fastapi.responses import Response

from geo_service.attachments import attachment
from geo_service.devices.sheets import Sheets
from geo_service.turns import CODES, turn
from maps.cards import write_cards


def pdf(sheets: Sheets) -> Response:
    """Return the sheets as a download. Raises Unavailable while others are drawn, FontMissing."""
    file = io.BytesIO()
    with turn(CODES, "正在生成另一份卡片或公示牌，大约要几秒。请稍后再点一次。"):
        write_cards(sheets.cards, file, sheets.about)
    headers = attachment(f"{sheets.title}.pdf", "cards.pdf")
    return Response(file.getvalue(), media_type="application/pdf", headers=headers)
