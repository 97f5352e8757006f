"""Photos as they are kept: drawn anew, upright, of a bounded size, without what the camera wrote beside.

A camera writes where and when a photo was taken, and the phone's name; none of it is kept.
"""

import io
import warnings
from typing import BinaryIO

from PIL import Image, ImageOps, UnidentifiedImageError

from layers.errors import BadFile

MEDIA_TYPE = "image/jpeg"
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_MOST_PIXELS = 64_000_000
"""The largest cameras of phones; a picture that unpacks to more is refused before it is unpacked."""
_LONGEST_PX = 2560
_QUALITY = 85


def is_photo(start: bytes) -> bool:
    """Tell whether a file that begins like this is a picture that can be kept.

    >>> is_photo(bytes.fromhex("ffd8ffe0")), is_photo(b"%PDF-1.7")
    (True, False)
    """
    heads = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*")
    return start.startswith(heads) or (start[:4] == b"RIFF" and start[8:12] == b"WEBP")


def redrawn(source: BinaryIO) -> BinaryIO:
    """Return a photo as JPEG that holds the picture and nothing else. Raises BadFile."""
    source.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of harmless flaws in what cameras write
            with Image.open(source, formats=_FORMATS) as photo:
                if photo.width * photo.height > _MOST_PIXELS:
                    raise BadFile("照片的像素太多。请在手机上缩小后再传。")
                photo.draft("RGB", (_LONGEST_PX, _LONGEST_PX))
                upright = ImageOps.exif_transpose(photo)
                plain = _on_white(upright)
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        Image.DecompressionBombError,
    ) as error:
        if isinstance(error, BadFile):
            raise
        raise BadFile("照片读不出来，可能没有传完整。请重新拍照或另选一张（JPG、PNG）。") from error
    plain.thumbnail((_LONGEST_PX, _LONGEST_PX))
    drawn = io.BytesIO()
    plain.save(drawn, "JPEG", quality=_QUALITY)
    drawn.seek(0)
    return drawn


def _on_white(photo: Image.Image) -> Image.Image:
    """Return the pixels alone, what is transparent on white."""
    clear = photo.convert("RGBA")
    plain = Image.new("RGB", clear.size, "white")
    plain.paste(clear, mask=clear.getchannel("A"))
    return plain
