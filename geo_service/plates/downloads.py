"""Plates as an answer: a PDF."""

import io

from fastapi.responses import Response

from geo_service.attachments import attachment
from geo_service.plates.sheets import Sheets
from geo_service.turns import CODES, turn
from maps.cards import write_plates
from maps.paper import A4, A5

PAPERS = {"A4": A4, "A5": A5}


def pdf(sheets: Sheets, paper: str) -> Response:
    """Return the plates as a download. Raises Unavailable while others are drawn, FontMissing."""
    file = io.BytesIO()
    with turn(CODES, "正在生成另一份卡片或公示牌，大约要几秒。请稍后再点一次。"):
        write_plates(sheets.plates, file, sheets.about, paper=PAPERS[paper])
    headers = attachment(f"{sheets.title}.pdf", "plates.pdf")
    return Response(file.getvalue(), media_type="application/pdf", headers=headers)
