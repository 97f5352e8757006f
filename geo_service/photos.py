"""Photos as they are kept: small, upright JPEGs without what a camera writes into a file beside the picture.

When and where a photo was taken is read first, then the picture is drawn anew: nothing else of the file
that was sent is left. A picture that unpacks to more than a camera makes is refused before it is unpacked.
"""

import datetime as dt
import io
import math
import warnings
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ExifTags import GPS, IFD, Base

from layers.errors import BadFile

FORMATS = ("JPEG", "PNG", "WEBP")
MOST_BYTES = 16 * 2**20
MOST_PIXELS = 60_000_000
"""A camera of 50 megapixels fits; unpacked it takes 180 MB for a moment."""
LONGEST_PX = 2560
"""The longer side of what is kept."""
MEDIA_TYPE = "image/jpeg"
_QUALITY = 85


@dataclass(frozen=True)
class Photo:
    """A photo without what its file said beside it."""

    jpeg: bytes
    taken_at: dt.datetime | None
    lonlat: tuple[float, float] | None
    """Where it was taken, WGS 84 degrees, as its camera says."""


def redrawn(data: bytes, *, zone: ZoneInfo) -> Photo:
    """Return a photo (JPEG, PNG, WebP) drawn anew; a time without a zone is one of `zone`. Raises BadFile."""
    if len(data) > MOST_BYTES:
        raise BadFile(f"照片超过 {MOST_BYTES // 2**20} MB；请用手机里较小的尺寸再传。")
    try:
        with warnings.catch_warnings():
            # Pillow warns of a picture that is large and refuses one twice as large: our own limit is below.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                return _redrawn(image, zone)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        if isinstance(error, BadFile):
            raise
        raise BadFile("照片打不开：不是 JPEG、PNG 或 WebP，或没有传完；请重新选择照片。") from error


def _redrawn(image: Image.Image, zone: ZoneInfo) -> Photo:
    if image.width * image.height > MOST_PIXELS:
        raise BadFile(f"照片有 {image.width}×{image.height} 像素，太大；请用手机里较小的尺寸再传。")
    exif = image.getexif()
    taken_at, lonlat = _taken_at(exif, zone), _lonlat(exif)
    image.draft("RGB", (LONGEST_PX, LONGEST_PX))  # a JPEG is then unpacked at about that size
    upright = ImageOps.exif_transpose(image)
    upright.thumbnail((LONGEST_PX, LONGEST_PX))
    drawn = Image.new("RGB", upright.size, "white")
    drawn.paste(upright.convert("RGBA"), mask=upright.convert("RGBA").getchannel("A"))
    out = io.BytesIO()
    drawn.save(out, "JPEG", quality=_QUALITY)
    return Photo(out.getvalue(), taken_at, lonlat)


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
