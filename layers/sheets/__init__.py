"""Tables as offices write them, read as text: XLSX, XLS and CSV, whatever stands around their records."""

from layers.sheets.door import ENDINGS, MAX_ROWS, MAX_SHEETS, read
from layers.sheets.model import Fields, Row, Sheet, SheetRow

__all__ = ["ENDINGS", "MAX_ROWS", "MAX_SHEETS", "Fields", "Row", "Sheet", "SheetRow", "read"]
