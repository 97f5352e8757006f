"""Photos lose everything but the picture; proofs are photos and PDF files, and nothing else."""

import io

import pytest
from PIL import Image

from geo_service import photos, proofs
from layers.errors import BadFile


def taken(size=(600, 400), *, orientation: int = 1, mode: str = "RGB", form: str = "JPEG") -> io.BytesIO:
    """A photo as a phone takes it: with its place, its time and the phone's name."""
    photo = Image.new(mode, size, "red" if mode == "RGB" else (255, 0, 0, 0))
    exif = Image.Exif()
    exif[0x0112], exif[0x0110], exif[0x0132] = orientation, "Secret Phone 9", "2026:05:01 08:00:00"
    exif.get_ifd(0x8825).update({1: "N", 2: (32.0, 56.0, 12.3), 3: "E", 4: (119.0, 50.0, 4.5)})
    file = io.BytesIO()
    photo.save(file, form, exif=exif)
    return file


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_nothing_the_camera_wrote_is_kept(form):
    assert b"Secret Phone" in taken(form=form).getvalue()
    kept = photos.redrawn(taken(form=form)).read()
    assert b"Secret Phone" not in kept
    assert b"Exif" not in kept
    with Image.open(io.BytesIO(kept)) as photo:
        assert photo.format == "JPEG"
        assert dict(photo.getexif()) == {}


def test_a_photo_taken_upright_stays_upright():
    with Image.open(photos.redrawn(taken(orientation=6))) as photo:
        assert photo.size == (400, 600)


def test_a_large_photo_is_made_smaller_and_a_transparent_one_lies_on_white():
    with Image.open(photos.redrawn(taken((6000, 3000)))) as photo:
        assert photo.size == (2560, 1280)
    with Image.open(photos.redrawn(taken(mode="RGBA", form="PNG"))) as photo:
        assert photo.getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xd8\xff\xe0 cut off", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM1"]
)
def test_a_broken_photo_is_told(content):
    with pytest.raises(BadFile, match="读不出来"):
        photos.redrawn(io.BytesIO(content))


def test_a_photo_that_unpacks_too_large_is_refused_before_it_is(monkeypatch):
    monkeypatch.setattr(photos, "_MOST_PIXELS", 1000)
    with pytest.raises(BadFile, match="像素"):
        photos.redrawn(taken())


def test_a_program_is_no_proof(db, tmp_path, small_county):
    for content in (b"MZ\x90", b"<svg onload='alert(1)'>", b"<html>", b""):
        with pytest.raises(BadFile, match="只收照片"):
            proofs.keep(
                db,
                tmp_path,
                io.BytesIO(content),
                county_id=small_county.id,
                subject="service/1",
                name="x.jpg",
            )
    assert not any(path.is_file() for path in tmp_path.rglob("*"))
