"""What can be wrong with what was handed in, in words that say where and what to do."""

from collections.abc import Sequence


class YinxunError(ValueError):
    """Base of every error a user may see.

    `code` is stable for programs, `title` is English for developers, `detail` is plain Chinese
    that says where it is wrong and what to do next.
    """

    code = "error"
    title = "The request could not be carried out."

    def __init__(self, detail: str, *, title: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if title is not None:
            self.title = title


class BadFile(YinxunError):
    """A file is not what its name says, is damaged, empty, or too large."""

    code = "bad_file"
    title = "The file cannot be read."


class BadRow(YinxunError):
    """One row or feature of a file cannot be taken; `row` counts from 1."""

    code = "bad_row"
    title = "A row of the file cannot be taken."

    def __init__(self, detail: str, *, row: int, title: str | None = None) -> None:
        super().__init__(detail, title=title)
        self.row = row


class UnknownCrs(YinxunError):
    """The coordinate system of a file is not stated or cannot be true."""

    code = "unknown_crs"
    title = "The coordinate system is not known; state --crs or --datum."


class OutsideCounty(YinxunError):
    """Coordinates land outside the county."""

    code = "outside_county"
    title = "The coordinates lie outside the county; check --crs and --datum."


class BadTrack(YinxunError):
    """A recording holds no usable fixes."""

    code = "bad_track"
    title = "The recording cannot be used."


class UnknownTimeZone(YinxunError):
    """Times come without a zone, and none was stated."""

    code = "unknown_time_zone"
    title = "The times carry no zone; state --tz."


class BadRules(YinxunError):
    """Rules of handling cases contradict themselves or say what cannot be."""

    code = "bad_rules"
    title = "The rules of cases cannot be taken."


class IllegalMove(YinxunError):
    """A case does not allow this step now, or not by this person; `legal` names those that it does."""

    code = "illegal_move"
    title = "This step is not possible now."

    def __init__(self, detail: str, legal: Sequence[str] = ()) -> None:
        super().__init__(detail)
        self.legal = list(legal)


class BadNorm(YinxunError):
    """The rule of a norm contradicts itself or says what cannot be."""

    code = "bad_norm"
    title = "The rule of the norm cannot be taken."
