"""Pictures as they come from phones, and as somebody makes them who means harm."""

import io
import random
from zoneinfo import ZoneInfo

import pytest
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from geo_service import photos
from geo_service.errors import Unavailable
from layers.errors import BadFile

ZONE = ZoneInfo("Asia/Shanghai")


def picture(form: str = "JPEG", orientation: int = 1, mode: str = "RGB") -> bytes:
    """A picture that is red at the left and blue at the right, taken at noon."""
    image = Image.new("RGB", (64, 48), "red")
    image.paste("blue", (32, 0, 64, 48))
    exif = Image.Exif()
    exif[Base.DateTime], exif[Base.Orientation] = "2026:05:01 12:00:00", orientation
    place = exif.get_ifd(IFD.GPSInfo)
    place[GPS.GPSLatitudeRef], place[GPS.GPSLatitude] = "N", (33.0, 0.0, 0.0)
    place[GPS.GPSLongitudeRef], place[GPS.GPSLongitude] = "E", (120.0, 0.0, 0.0)
    out = io.BytesIO()
    image.convert(mode).save(out, form, exif=exif)
    return out.getvalue()


def redrawn(data: bytes) -> photos.Photo:
    return photos.redrawn(data, zone=ZONE)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stands_upright_whichever_way_the_phone_was_held(orientation: int) -> None:
    with Image.open(io.BytesIO(redrawn(picture(orientation=orientation)).jpeg)) as image:
        assert image.size == ((64, 48) if orientation < 5 else (48, 64))
        left_or_top = image.getpixel((5, 5))
        assert (left_or_top[0] > 128) == (orientation in (1, 4, 5, 6)), left_or_top
        assert not image.getexif()


def test_whatever_is_damaged_is_a_bad_file_or_a_picture_without_a_time() -> None:
    chance = random.Random(7)
    seeds = [picture("JPEG"), picture("PNG"), picture("WEBP"), picture("PNG", mode="P")]
    for _ in range(3000):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(min(len(data), 400))] = chance.choice([0, 1, 127, 128, 255])
        try:
            redrawn(bytes(data))
        except BadFile:
            continue


def test_pictures_are_unpacked_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "_WAIT_S", 0.05)
    with photos._turn(), pytest.raises(Unavailable, match="过一会儿"):
        redrawn(picture())
    assert redrawn(picture()).lonlat == (120.0, 33.0)
