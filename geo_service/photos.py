"""Photos as they are kept: small, upright JPEGs without what a camera writes into a file beside the picture.

When and where a photo was taken is read first, then the picture is drawn anew: nothing else of the file
that was sent is left. A picture that unpacks to more than a camera makes is refused before it is unpacked.
Before anybody else sees one, faces and number plates are made unrecognisable where somebody marked them.
"""

import contextlib
import datetime as dt
import io
import math
import random
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from PIL import Image, ImageFilter
from PIL.ExifTags import GPS, IFD, Base

from geo_service import heif
from geo_service.errors import Invalid, Unavailable
from layers.errors import BadFile, YinxunError

FORMATS = ("JPEG", "PNG", "WEBP")
MOST_BYTES = 16 * 2**20
MOST_PIXELS = 60_000_000
"""A camera of 50 megapixels fits; unpacked it takes 180 MB for a moment."""
LONGEST_PX = 2560
"""The longer side of what is kept."""
MEDIA_TYPE = "image/jpeg"
_QUALITY = 85
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""By EXIF orientation, how the picture is turned."""
_ONE_PHOTO = threading.Lock()
"""The largest takes half a gigabyte for some seconds: one at a time."""
_WAIT_S = 30.0
MOST_BOXES = 50
_MOST_CELLS = 4
"""Along the longer side of a blurred area."""
_NOISE = 20
"""Of 255, by which the colour of a cell is off."""
_CHANCE = random.SystemRandom()


@dataclass(frozen=True)
class Photo:
    """A photo without what its file said beside it."""

    jpeg: bytes
    taken_at: dt.datetime | None
    lonlat: tuple[float, float] | None
    """Where it was taken, WGS 84 degrees, as its camera says."""


@dataclass(frozen=True)
class Box:
    """An area of a picture, as shares of its width (from the left) and its height (from the top), 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float


def redrawn(data: bytes, *, zone: ZoneInfo) -> Photo:
    """Return a photo (JPEG, PNG, WebP, HEIC) drawn anew; a time without a zone is one of `zone`.

    Raises BadFile, Unavailable.
    """
    if len(data) > MOST_BYTES:
        raise BadFile(f"照片超过 {MOST_BYTES // 2**20} MB；请用手机里较小的尺寸再传。")
    with _turn(), _readable():
        if heif.is_heif(data):
            data = heif.as_png(data, most_pixels=MOST_PIXELS, longest_px=LONGEST_PX)
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return _redrawn(image, zone)


def blurred(jpeg: bytes, boxes: Sequence[Box]) -> bytes:
    """Return a JPEG upright and without metadata, with areas of which nothing can be recognised or restored.

    Of an area its mean colour is left: a few cells are drawn in colours about it, by chance, and blurred.
    Colours of the cells themselves would be enough to try out which of the number plates that one knows gives
    them. The rest stays as it is. Boxes may reach beyond the picture.

    Raises Invalid for boxes that are none, BadFile, Unavailable.
    """
    if len(boxes) > MOST_BOXES:
        raise Invalid(f"一张照片最多遮挡 {MOST_BOXES} 处；请把相邻的几处画成一处。")
    clipped = [_clipped(box) for box in boxes]
    with _turn(), _readable(), Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
        drawn = _upright(image, _UPRIGHT.get(image.getexif().get(Base.Orientation, 1)))
        for box in clipped:
            _blur(drawn, box)
        return _as_jpeg(drawn)


def _clipped(box: Box) -> Box:
    sides = (box.left, box.top, box.right, box.bottom)
    if not all(map(math.isfinite, sides)):
        raise Invalid("遮挡的范围不是数字；请重新画框。")
    left, top, right, bottom = (min(max(side, 0.0), 1.0) for side in sides)
    if left >= right or top >= bottom:
        raise Invalid("遮挡的范围是空的，或在照片外面；请在照片上重新画框。")
    return Box(left, top, right, bottom)


def _blur(image: Image.Image, box: Box) -> None:
    """Draw over an area what is left of it; nothing of its surroundings changes."""
    left, width = _pixels(box.left, box.right, image.width)
    top, height = _pixels(box.top, box.bottom, image.height)
    cell = max(width, height) / _MOST_CELLS
    cells = max(1, round(width / cell)), max(1, round(height / cell))
    area = image.crop((left, top, left + width, top + height))
    mean = [_off(value) for value in area.resize((1, 1), Image.Resampling.BOX).tobytes()]
    values = bytes(_off(value) for _ in range(cells[0] * cells[1]) for value in mean)
    large = Image.frombytes("RGB", cells, values).resize((width, height), Image.Resampling.NEAREST)
    image.paste(large.filter(ImageFilter.GaussianBlur(cell / 3)), (left, top))


def _off(value: int) -> int:
    return min(max(value + _CHANCE.randint(-_NOISE, _NOISE), 0), 255)


def _pixels(first: float, last: float, size: int) -> tuple[int, int]:
    """Return where a stretch begins and how many pixels it touches, one at least.

    >>> _pixels(0.25, 0.26, 100), _pixels(0.999, 1.0, 100), _pixels(0.0, 1.0, 100)
    ((25, 1), (99, 1), (0, 100))
    """
    begin = min(math.floor(first * size), size - 1)
    return begin, max(math.ceil(last * size), begin + 1) - begin


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """Say of whatever Pillow raises for a damaged file that it is one. Raises BadFile."""
    try:
        with warnings.catch_warnings():
            # Pillow warns of a picture that is large and refuses one twice as large: our own limit is below.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    except YinxunError:
        raise
    except Image.DecompressionBombError as error:
        raise BadFile("照片的像素太多，太大；请用手机里较小的尺寸再传。") from error
    except Exception as error:  # OSError, struct.error, TypeError ...
        raise BadFile("照片打不开：不是 JPEG、PNG、WebP 或 HEIC，或没有传完；请重新选择照片。") from error


@contextlib.contextmanager
def _turn() -> Iterator[None]:
    """Wait until no other picture is unpacked. Raises Unavailable where that takes too long."""
    if not _ONE_PHOTO.acquire(timeout=_WAIT_S):
        raise Unavailable("正在处理很多照片，请过一会儿再发。")
    try:
        yield
    finally:
        _ONE_PHOTO.release()


def _redrawn(image: Image.Image, zone: ZoneInfo) -> Photo:
    turn, taken_at, lonlat = _said(image, zone)
    return Photo(_as_jpeg(_upright(image, turn)), taken_at, lonlat)


def _upright(image: Image.Image, turn: Image.Transpose | None) -> Image.Image:
    """Return a picture unpacked, small and turned, on white, and nothing of its file. Raises BadFile."""
    if image.width * image.height > MOST_PIXELS:
        raise heif.too_large(f"{image.width}×{image.height}")
    image.draft("RGB", (LONGEST_PX, LONGEST_PX))  # a JPEG is then unpacked at about that size
    image.thumbnail((LONGEST_PX, LONGEST_PX))
    upright = image if turn is None else image.transpose(turn)
    drawn = Image.new("RGB", upright.size, "white")
    drawn.paste(upright.convert("RGBA"), mask=upright.convert("RGBA").getchannel("A"))
    return drawn


def _as_jpeg(drawn: Image.Image) -> bytes:
    out = io.BytesIO()
    drawn.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def _said(
    image: Image.Image, zone: ZoneInfo
) -> tuple[Image.Transpose | None, dt.datetime | None, tuple[float, float] | None]:
    """Return how a picture is to be turned, when and where it was taken; nothing where that is damaged."""
    try:
        exif = image.getexif()
        return _UPRIGHT.get(exif.get(Base.Orientation, 1)), _taken_at(exif, zone), _lonlat(exif)
    except Exception:  # struct.error, TypeError, KeyError ...: the picture is still one
        return None, None, None


def _taken_at(exif: Image.Exif, zone: ZoneInfo) -> dt.datetime | None:
    details = exif.get_ifd(IFD.Exif)
    said = details.get(Base.DateTimeOriginal) or exif.get(Base.DateTime)
    offset = details.get(Base.OffsetTimeOriginal) or ""
    try:
        moment = dt.datetime.strptime(str(said)[:19], "%Y:%m:%d %H:%M:%S")
        if offset:
            return dt.datetime.fromisoformat(f"{moment.isoformat()}{str(offset).strip()}").astimezone(zone)
        return moment.replace(tzinfo=zone)
    except (ValueError, OverflowError):
        return None


def _lonlat(exif: Image.Exif) -> tuple[float, float] | None:
    said = exif.get_ifd(IFD.GPSInfo)
    try:
        lon, lat = (
            _degrees(said[value]) * (-1 if said.get(side) in ("W", "S") else 1)
            for value, side in (
                (GPS.GPSLongitude, GPS.GPSLongitudeRef),
                (GPS.GPSLatitude, GPS.GPSLatitudeRef),
            )
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (lon, lat) if abs(lon) <= 180 and abs(lat) <= 90 and (lon or lat) else None


def _degrees(parts: tuple[float, float, float]) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    found = degrees + minutes / 60 + seconds / 3600
    if not math.isfinite(found):
        raise ValueError("not a number of degrees")
    return round(found, 6)
