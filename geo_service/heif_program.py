"""The program that unpacks one HEIF picture: standard input to a PNG on standard output, or an exit code.

`heif` starts it by its path, alone: nothing of the service is imported here, and nothing of it is at hand to
bytes that break the library. What a picture may take of memory and time is said here, before they are read.
Usage: heif_program.py MOST_PIXELS LONGEST_PX
"""

import io
import resource
import sys

TOO_LARGE, UNREADABLE = 3, 4
"""Exit codes; any other but 0 is a fault of ours."""
MOST_MEMORY = 2**30
"""Of addresses: 60 million pixels in one piece take about half of it."""
MOST_CPU_S = 25
"""A photo of 50 million pixels takes about 2 s."""
MOST_PICTURES = 32
"""In one file; phones store one, or the few of a burst."""


def main(most_pixels: int, longest_px: int) -> int:
    """Unpack a picture, turned as its file says; its EXIF goes along, marked as upright."""
    _limit(resource.RLIMIT_AS, MOST_MEMORY)
    _limit(resource.RLIMIT_CPU, MOST_CPU_S)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    import pillow_heif  # noqa: PLC0415  (under the limits, and never in the service itself)
    from PIL import Image  # noqa: PLC0415

    Image.MAX_IMAGE_PIXELS = None  # our own limit is below
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
    try:
        with Image.open(io.BytesIO(sys.stdin.buffer.read()), formats=("HEIF",)) as image:
            if image.width * image.height > most_pixels:
                sys.stdout.write(f"{image.width}×{image.height}")
                return TOO_LARGE
            if getattr(image, "n_frames", 1) > MOST_PICTURES:
                return UNREADABLE
            exif = image.info.get("exif") or b""
            image.thumbnail((longest_px, longest_px))
            drawn = image if image.mode in ("L", "LA", "RGB", "RGBA") else image.convert("RGBA")
            out = io.BytesIO()
            drawn.save(out, "PNG", compress_level=1, exif=exif)
    except Exception:  # whatever damaged bytes raise: SyntaxError, OSError, MemoryError, struct.error ...
        return UNREADABLE
    sys.stdout.buffer.write(out.getvalue())
    return 0


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, hard))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
