"""Proofs are photos, which lose everything but the picture, and PDF files, and nothing else."""

import io

import pytest
from PIL import Image

from geo_service import files, proofs
from geo_service.errors import Invalid
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


def kept(db, folder, small_county, content: bytes, name: str = "x.jpg") -> bytes:
    file, subject = io.BytesIO(content), "service/1"
    row = proofs.keep(db, folder, file, county_id=small_county.id, subject=subject, name=name)
    return files.path_of(folder, row.sha256).read_bytes()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_nothing_the_camera_wrote_is_kept(db, tmp_path, small_county, form):
    assert b"Secret Phone" in taken(form=form).getvalue()
    photo = kept(db, tmp_path, small_county, taken(form=form, orientation=6).getvalue())
    assert b"Secret Phone" not in photo
    assert b"Exif" not in photo
    with Image.open(io.BytesIO(photo)) as drawn:
        assert (drawn.format, drawn.size, dict(drawn.getexif())) == ("JPEG", (400, 600), {})


def test_a_pdf_is_kept_as_it_came(db, tmp_path, small_county):
    assert kept(db, tmp_path, small_county, b"%PDF-1.7 signed", "签字.pdf") == b"%PDF-1.7 signed"
    row = files.of_subject(db, small_county.id, "service/1")[0]
    assert (row.media_type, row.kind, row.name) == ("application/pdf", "proof", "签字.pdf")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff\xd8\xff\xe0 cut", "照片打不开"),
        (b"\x89PNG\r\n\x1a\n", "照片打不开"),
        (b"MZ\x90", "只收照片"),
        (b"<svg onload='alert(1)'>", "只收照片"),
        (b"", "只收照片"),
    ],
)
def test_what_is_no_proof_is_told_and_nothing_is_kept(db, tmp_path, small_county, content, told):
    with pytest.raises(BadFile, match=told):
        kept(db, tmp_path, small_county, content)
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_proofs_have_their_bounds(db, tmp_path, small_county, monkeypatch):
    monkeypatch.setattr(proofs, "MOST_FILES", 2)
    for k in range(2):
        kept(db, tmp_path, small_county, f"%PDF-{k}".encode())
    with pytest.raises(Invalid, match="已有 2 份"):
        kept(db, tmp_path, small_county, b"%PDF-3")
    monkeypatch.setattr(proofs, "MOST_BYTES", 10)
    monkeypatch.setattr(proofs, "MOST_FILES", 9)
    with pytest.raises(BadFile, match="超过"):
        kept(db, tmp_path, small_county, b"%PDF-1.7 too long")
