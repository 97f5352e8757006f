"""Pictures as they come from phones, and as somebody makes them who means harm."""

import io
import random
import subprocess
import sys
import time
import zipfile
import zlib
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFile, ImageFont
from PIL.ExifTags import GPS, IFD, Base

from geo_service import heif, heif_program, photos
from geo_service.errors import Invalid, Unavailable
from geo_service.photos import Box
from layers.errors import BadFile

pillow_heif.register_heif_opener()
ZONE = ZoneInfo("Asia/Shanghai")


def picture(form: str = "JPEG", orientation: int = 1, mode: str = "RGB") -> bytes:
    """A picture that is red at the left and blue at the right, taken at noon."""
    image = Image.new("RGB", (64, 48), "red")
    image.paste("blue", (32, 0, 64, 48))
    return saved(image, form, orientation, mode)


def saved(image: Image.Image, form: str, orientation: int = 1, mode: str = "RGB", **options: Any) -> bytes:
    exif = Image.Exif()
    exif[Base.DateTime], exif[Base.Orientation] = "2026:05:01 12:00:00", orientation
    place = exif.get_ifd(IFD.GPSInfo)
    place[GPS.GPSLatitudeRef], place[GPS.GPSLatitude] = "N", (33.0, 0.0, 0.0)
    place[GPS.GPSLongitudeRef], place[GPS.GPSLongitude] = "E", (120.0, 0.0, 0.0)
    out = io.BytesIO()
    image.convert(mode).save(out, form, exif=exif.tobytes(), **options)
    return out.getvalue()


def heic(orientation: int = 1, mode: str = "RGB", **options: Any) -> bytes:
    """The same picture as an iPhone stores it: its turn stands in the file and in its EXIF."""
    image = Image.new("RGB", (64, 48), "red")
    image.paste("blue", (32, 0, 64, 48))
    return saved(image, "HEIF", orientation, mode, **options)


def plate(word: str, form: str = "JPEG") -> bytes:
    """A street with a number plate in its middle, which reaches from 0.3, 0.4 to 0.7, 0.6."""
    image = Image.linear_gradient("L").resize((800, 600)).convert("RGB")
    draw = ImageDraw.Draw(image)
    draw.rectangle((240, 240, 560, 360), "white")
    draw.text((250, 255), word, "black", font=ImageFont.load_default(80))
    return saved(image, form)


def as_array(jpeg: bytes) -> NDArray[Any]:
    with Image.open(io.BytesIO(jpeg)) as image:
        return np.asarray(image.convert("RGB"), np.int16)


def redrawn(data: bytes) -> photos.Photo:
    return photos.redrawn(data, zone=ZONE)


@pytest.mark.parametrize("form", ["JPEG", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stands_upright_whichever_way_the_phone_was_held(orientation: int, form: str) -> None:
    with Image.open(io.BytesIO(redrawn(picture(form, orientation)).jpeg)) as image:
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


def test_what_the_camera_wrote_is_read_and_gone() -> None:
    for form in ("JPEG", "PNG", "WEBP", "HEIF"):
        photo = redrawn(picture(form))
        assert photo.lonlat == (120.0, 33.0), form
        assert str(photo.taken_at) == "2026-05-01 12:00:00+08:00", form
        with Image.open(io.BytesIO(photo.jpeg)) as image:
            assert not image.getexif()
            assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert b"2026:05:01" not in photo.jpeg


def png(width: int, height: int) -> bytes:
    """A PNG of so many black pixels, a bit each: a few kilobytes."""

    def chunk(name: bytes, content: bytes) -> bytes:
        body = name + content
        return len(content).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    packer = zlib.compressobj()
    row = bytes(1 + (width + 7) // 8)
    packed = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([1, 0, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


class TestBombs:
    @pytest.mark.parametrize("size", [(20_000, 20_000), (10_000, 6_001), (10_000, 9_000)])
    def test_what_unpacks_to_more_than_a_camera_makes_is_refused_before_it_is_unpacked(
        self, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data = png(*size)
        assert len(data) < 100_000
        unpacked = []
        monkeypatch.setattr(ImageFile.ImageFile, "load", unpacked.append)
        with pytest.raises(BadFile, match="太大；请用手机里较小的尺寸再传"):
            redrawn(data)
        assert unpacked == []

    def test_the_largest_of_a_camera_is_taken(self) -> None:
        with Image.open(io.BytesIO(redrawn(png(10_000, 6_000)).jpeg)) as image:
            assert image.size == (2560, 1536)

    def test_a_photo_of_many_bytes_is_refused(self) -> None:
        with pytest.raises(BadFile, match="超过 16 MB"):
            redrawn(picture() + bytes(photos.MOST_BYTES))


class TestHeif:
    def test_modes_with_and_without_transparency(self) -> None:
        for mode in ("RGB", "RGBA", "L", "LA"):
            assert as_array(redrawn(heic(mode=mode)).jpeg).shape == (48, 64, 3)

    def test_exif_alone_does_not_turn_it(self) -> None:
        """As the standard has it: a HEIF file says itself how it is turned, and its EXIF repeats that."""
        turned = heic(orientation=6)
        irot = turned.index(b"irot")
        plain = turned[: irot + 4] + bytes([0]) + turned[irot + 5 :]
        with Image.open(io.BytesIO(redrawn(plain).jpeg)) as image:
            assert image.size == (64, 48)
            assert image.getpixel((5, 40))[0] > 128

    def test_a_grid_of_tiles_as_iphones_make_it(self) -> None:
        image = Image.linear_gradient("L").resize((1200, 900)).convert("RGB")
        drawn = as_array(redrawn(saved(image, "HEIF", tile_size=512)).jpeg)
        assert np.abs(drawn - np.asarray(image, np.int16)).mean() < 3

    def test_a_large_one_is_made_small(self) -> None:
        with Image.open(io.BytesIO(redrawn(saved(Image.new("RGB", (4000, 1000)), "HEIF")).jpeg)) as image:
            assert image.size == (2560, 640)

    @pytest.mark.parametrize("size", [(20_000, 20_000), (10_000, 6_001)])
    def test_a_size_beyond_the_limit_is_refused(self, size: tuple[int, int]) -> None:
        data = saved(Image.new("RGB", (256, 256)), "HEIF")
        said = (256).to_bytes(4, "big") * 2
        assert data.count(said) == 1
        grown = data.replace(said, size[0].to_bytes(4, "big") + size[1].to_bytes(4, "big"))
        with pytest.raises(BadFile, match=f"{size[0]}×{size[1]} 像素，太大"):
            redrawn(grown)

    def test_a_size_beyond_the_limit_of_which_a_corner_is_shown_is_refused(self) -> None:
        data = heic()  # coded as 64 by 64, of which 64 by 48 are the picture
        said = (64).to_bytes(4, "big") * 2
        assert data.count(said) == 1
        with pytest.raises(BadFile):
            redrawn(data.replace(said, (20_000).to_bytes(4, "big") * 2))

    def test_a_picture_larger_than_its_file_says_is_refused(self) -> None:
        data = saved(Image.new("RGB", (4096, 4096)), "HEIF")
        shrunk = data.replace((4096).to_bytes(4, "big") * 2, (64).to_bytes(4, "big") * 2)
        assert shrunk != data
        with pytest.raises(BadFile, match="打不开"):
            redrawn(shrunk)

    def test_an_absurd_grid_is_refused(self) -> None:
        data = saved(Image.new("RGB", (256, 256)), "HEIF", tile_size=64)
        grid = bytes([0, 0, 3, 3, 1, 0, 1, 0])
        assert data.count(grid) == 1
        for rows, columns, more in ((255, 255, b"\1\0\1\0"), (0, 0, b"\1\0\1\0"), (3, 3, b"\x1f\0\x1d\0")):
            with pytest.raises(BadFile):
                redrawn(data.replace(grid, bytes([0, 0, rows, columns]) + more))

    def test_many_pictures_in_one_file(self) -> None:
        """A burst shows its first; a file of hundreds is nobody's photo."""
        more = [Image.new("RGB", (64, 48), "green")] * heif_program.MOST_PICTURES
        few = heic(save_all=True, append_images=more[:3])
        assert as_array(redrawn(few).jpeg)[5, 5, 0] > 200
        with pytest.raises(BadFile, match="打不开"):
            redrawn(heic(save_all=True, append_images=more))

    def test_whatever_is_damaged_is_a_bad_file_or_a_picture(self) -> None:
        chance = random.Random(11)
        seeds = [heic(), saved(Image.new("RGB", (256, 256)), "HEIF", tile_size=64)]
        for _ in range(40):
            data = bytearray(chance.choice(seeds))
            for _ in range(chance.randint(1, 6)):
                data[12 + chance.randrange(min(len(data) - 12, 900))] = chance.choice([0, 1, 127, 128, 255])
            try:
                redrawn(bytes(data))
            except BadFile:
                continue
        for size in (12, 100, 500, len(seeds[0]) - 10):
            with pytest.raises(BadFile):
                redrawn(seeds[0][:size])

    def test_the_service_never_loads_the_library(self) -> None:
        code = (
            "import io, sys, zoneinfo; from geo_service import photos\n"
            "assert photos.redrawn(sys.stdin.buffer.read(), zone=zoneinfo.ZoneInfo('UTC')).jpeg\n"
            "assert 'PIL' in sys.modules and not [name for name in sys.modules if 'heif' in name "
            "and not name.startswith('geo_service')]"
        )
        root = Path(photos.__file__).parents[1]
        done = subprocess.run(
            [sys.executable, "-c", code], input=heic(), capture_output=True, cwd=root, check=False
        )
        assert done.returncode == 0, done.stderr

    def test_the_program_has_limits_and_knows_no_password(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What it may take is set before it reads; how it ends decides whether the photo is to blame."""
        program = Path(heif_program.__file__).read_text()
        before, reads, after = program.partition("sys.stdin.buffer.read()")
        assert reads

        def ends(code: str) -> bytes:
            """Run the program with this in the place of what it reads."""
            (tmp_path / "program.py").write_text(f"{before}({code}){after}")
            return heif.as_png(b"", most_pixels=1000, longest_px=10)

        monkeypatch.setattr(heif, "_PROGRAM", tmp_path / "program.py")
        monkeypatch.setenv("GEO_DATABASE_URL", "postgresql://secret")
        with pytest.raises(BadFile, match="打不开"):
            ends("bytearray(2**30)")
        with pytest.raises(BadFile, match="打不开"):
            ends("__import__('os').kill(__import__('os').getpid(), 11)")
        with pytest.raises(Unavailable, match="告诉管理员"):
            ends("__import__('os').kill(__import__('os').getpid(), 9)")
        with pytest.raises(Unavailable, match="告诉管理员"):
            ends("sys.exit('GEO_DATABASE_URL' not in __import__('os').environ or 0)")
        program = program.replace("MOST_CPU_S = 25", "MOST_CPU_S = 1")
        before, reads, after = program.partition("sys.stdin.buffer.read()")
        began = time.monotonic()
        with pytest.raises(BadFile, match="打不开"):
            ends("[0 for _ in iter(int, 1)]")
        assert time.monotonic() - began < 20
        monkeypatch.setattr(heif, "_WAIT_S", 0.5)
        with pytest.raises(Unavailable):
            ends("__import__('time').sleep(30)")
        monkeypatch.setattr(heif.sys, "executable", "/nowhere/python")
        with pytest.raises(Unavailable):
            ends("b''")


class TestPolyglots:
    """Files that are a picture to one reader and something else to another."""

    HTML = b"<html><script>alert('from a photo')</script></html>"

    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "HEIF"])
    def test_of_a_picture_with_something_behind_it_only_the_picture_is_kept(self, form: str) -> None:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as files:
            files.writestr("evil.js", "alert('from a photo')")
        for behind in (self.HTML, archive.getvalue(), b"*/=alert('from a photo');/*"):
            jpeg = redrawn(picture(form) + behind).jpeg
            assert jpeg == redrawn(picture(form)).jpeg
            assert b"from a photo" not in jpeg
            assert not zipfile.is_zipfile(io.BytesIO(jpeg))

    def test_what_stands_in_a_comment_is_gone(self) -> None:
        image = Image.new("RGB", (64, 48), "red")
        jpeg = redrawn(saved(image, "JPEG", comment=self.HTML)).jpeg
        assert b"from a photo" not in jpeg

    @pytest.mark.parametrize(
        "data",
        [
            b"", b"\xff", HTML, b"%PDF-1.7\n1 0 obj", b"\xff\xd8\xff\xe0" + HTML, b"GIF89a" + HTML,
            b"PK\3\4", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"....ftypheic" + HTML,
            b"....ftypisom" + HTML,
        ],
    )  # fmt: skip
    def test_what_is_no_picture_comes_to_nothing(self, data: bytes) -> None:
        with pytest.raises(BadFile, match="打不开"):
            redrawn(data)

    @pytest.mark.parametrize("form", ["GIF", "BMP", "TIFF"])
    def test_a_picture_of_another_kind_comes_to_nothing(self, form: str) -> None:
        out = io.BytesIO()
        Image.new("RGB", (64, 48), "red").save(out, form)
        with pytest.raises(BadFile, match="不是 JPEG、PNG、WebP 或 HEIC"):
            redrawn(out.getvalue())


BOX = Box(0.3, 0.4, 0.7, 0.6)
IN_BOX = slice(240, 360), slice(240, 560)


def sharpness(region: NDArray[Any]) -> float:
    """How much neighbouring pixels differ: what edges of letters are made of."""
    return float(np.abs(np.diff(region, axis=1)).mean() + np.abs(np.diff(region, axis=0)).mean())


class TestBlur:
    def test_the_area_is_gone_and_the_rest_as_it_was(self) -> None:
        own = redrawn(plate("M12345")).jpeg
        before, after = as_array(own), as_array(photos.blurred(own, [BOX]))
        assert after.shape == before.shape
        difference = np.abs(after - before)
        assert difference[IN_BOX].mean() > 20
        assert sharpness(after[IN_BOX]) < sharpness(before[IN_BOX]) / 10
        outside = np.ones(before.shape[:2], bool)
        outside[232:368, 232:568] = False  # blocks of 8 pixels at the edge are of both
        assert difference[outside].mean() < 1
        assert difference[outside].max() < 25

    def test_it_cannot_be_tried_out_which_word_stood_there(self) -> None:
        """Somebody who knows street, font and method blurs every word and takes the likest: it tells nothing.

        Words of the same letters have the same mean colour, and no more is left of them.
        """
        words = ["M12345", "M54321", "M13245", "M51423"]
        owns = {word: redrawn(plate(word)).jpeg for word in words}
        hits, tries = 0, 16
        for n in range(tries):
            truth = words[n % len(words)]
            seen = as_array(photos.blurred(owns[truth], [BOX]))[IN_BOX]
            away = {w: np.abs(as_array(photos.blurred(owns[w], [BOX]))[IN_BOX] - seen).mean() for w in words}
            hits += min(away, key=lambda word: away[word]) == truth
        assert hits < tries * 3 / 4, "chance alone finds a quarter"

    def test_nothing_is_left_of_where_in_the_area_something_was(self) -> None:
        """Left and right half of an area, black and white, are alike afterwards, up to what is by chance."""
        out = io.BytesIO()
        image = Image.new("RGB", (400, 400), "white")
        image.paste("black", (0, 0, 200, 400))
        image.save(out, "JPEG")
        after = as_array(photos.blurred(out.getvalue(), [Box(0.25, 0.25, 0.75, 0.75)]))
        halves = after[110:290, 110:200].mean(), after[110:290, 200:290].mean()
        assert abs(halves[0] - halves[1]) < 2 * photos._NOISE
        assert 60 < sum(halves) / 2 < 195

    def test_a_face_becomes_a_few_colours(self) -> None:
        chance = np.random.default_rng(3)
        out = io.BytesIO()
        Image.fromarray(chance.integers(0, 255, (400, 400, 3), dtype=np.uint8)).save(out, "JPEG", quality=95)
        before = as_array(out.getvalue())[120:280, 120:280]
        after = as_array(photos.blurred(out.getvalue(), [Box(0.25, 0.25, 0.75, 0.75)]))[120:280, 120:280]
        assert sharpness(after) < 5 < sharpness(before) / 10
        mean = before.mean(axis=(0, 1))
        assert np.abs(after - mean).max() < 2 * photos._NOISE + 15, "nothing stands out"

    def test_it_is_upright_and_tells_nothing(self) -> None:
        jpeg = photos.blurred(picture(orientation=6), [Box(0, 0, 0.1, 0.1)])
        with Image.open(io.BytesIO(jpeg)) as image:
            assert image.size == (48, 64)
            assert not image.getexif()
        assert b"2026:05:01" not in jpeg

    @pytest.mark.parametrize(
        "box", [Box(0, 0, 1, 1), Box(-5, -5, 5, 5), Box(0.999, 0.999, 1.0, 1.0), Box(0, 0, 1e-9, 1),
                Box(1 - 1e-16, 0, 1, 1)]
    )  # fmt: skip
    def test_boxes_of_any_size_within_and_beyond_the_picture(self, box: Box) -> None:
        before, after = as_array(picture()), as_array(photos.blurred(picture(), [box]))
        assert after.shape == before.shape
        if box.right > 0.9 and box.left <= 0:
            assert np.abs(after - before).mean() > 10

    @pytest.mark.parametrize(
        "box",
        [
            Box(0, 0, float("nan"), 1), Box(0, float("inf"), 1, 1), Box(0, 0, 0, 1), Box(0.6, 0, 0.4, 1),
            Box(1.5, 0, 2, 1), Box(0, -2, 1, -1),
        ],
    )  # fmt: skip
    def test_nonsense_is_refused(self, box: Box) -> None:
        with pytest.raises(Invalid, match="画框"):
            photos.blurred(picture(), [BOX, box])

    def test_so_many_boxes_and_no_more(self) -> None:
        photos.blurred(picture(), [BOX] * photos.MOST_BOXES)
        with pytest.raises(Invalid, match="最多遮挡 50 处"):
            photos.blurred(picture(), [BOX] * (photos.MOST_BOXES + 1))

    def test_what_is_no_jpeg_is_refused(self) -> None:
        for data in (b"", picture("PNG"), heic()):
            with pytest.raises(BadFile):
                photos.blurred(data, [BOX])
