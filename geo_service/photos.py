"""Photos as they are kept: small, upright JPEGs without what a camera writes into a file beside the picture.

When and where a photo was taken is read first, then the picture is drawn anew: nothing else of the file
that was sent is left. A picture that unpacks to more than a camera makes is refused before it is unpacked.
"""

import contextlib
import datetime as dt
import io
import math
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from geo_service.errors import Unavailable
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


@dataclass(frozen=True)
class Photo:
    """A photo without what its file said beside it."""

    jpeg: bytes
    taken_at: dt.datetime | None
    lonlat: tuple[float, float] | None
    """Where it was taken, WGS 84 degrees, as its camera says."""


def redrawn(data: bytes, *, zone: ZoneInfo) -> Photo:
    """Return a photo (JPEG, PNG, WebP) drawn anew; a time without a zone is one of `zone`.

    Raises BadFile, Unavailable.
    """
    if len(data) > MOST_BYTES:
        raise BadFile(f"照片超过 {MOST_BYTES // 2**20} MB；请用手机里较小的尺寸再传。")
    try:
        with warnings.catch_warnings():
            # Pillow warns of a picture that is large and refuses one twice as large: our own limit is below.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with _turn(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
                return _redrawn(image, zone)
    except YinxunError:
        raise
    except Exception as error:  # what Pillow raises for a damaged file: OSError, struct.error, TypeError ...
        raise BadFile("照片打不开：不是 JPEG、PNG 或 WebP，或没有传完；请重新选择照片。") from error


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
    if image.width * image.height > MOST_PIXELS:
        raise BadFile(f"照片有 {image.width}×{image.height} 像素，太大；请用手机里较小的尺寸再传。")
    turn, taken_at, lonlat = _said(image, zone)
    image.draft("RGB", (LONGEST_PX, LONGEST_PX))  # a JPEG is then unpacked at about that size
    image.thumbnail((LONGEST_PX, LONGEST_PX))
    upright = image if turn is None else image.transpose(turn)
    drawn = Image.new("RGB", upright.size, "white")
    drawn.paste(upright.convert("RGBA"), mask=upright.convert("RGBA").getchannel("A"))
    out = io.BytesIO()
    drawn.save(out, "JPEG", quality=_QUALITY)
    return Photo(out.getvalue(), taken_at, lonlat)


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
