"""GPX 1.0 and 1.1 and KML tracks, read as a stream: no tree is kept, no entity, no DTD, no network."""

from collections.abc import Iterable, Iterator
from typing import Any

from lxml import etree

from geo_service.patrols.fixes import Chunk
from layers.errors import BadFile

_SAFE: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}
_ACCURACY = ("accuracy", "accuracy_horizontal", "horizontal_accuracy", "horaccur", "hacc")
"""Extensions in metres. `hdop` is none of them: some apps write a dilution there, others metres."""

Events = Iterable[tuple[str, Any]]
"""("start" or "end", element) in the order of the document."""


def chunks(blocks: Iterable[bytes]) -> Iterator[Chunk]:
    """Yield the fixes of a GPX or KML document that comes in blocks of bytes.

    BadFile if it is no XML, breaks off, holds a DOCTYPE, or is neither GPX nor KML.
    """
    blocks = iter(blocks)
    first = next(blocks, b"")
    root = _root_of(first)
    kind = etree.QName(root).localname
    if kind == "gpx":
        namespace = root.removesuffix("gpx")
        point, time = f"{namespace}trkpt", f"{namespace}time"
        tags = (root, point, time, *(f"{{*}}{name}" for name in _ACCURACY))
        return _gpx(_elements(first, blocks, tags, whole=point), point, time)
    if kind == "kml":
        names = ("Track", "Placemark", "when", "coord", "coordinates")
        return _kml(_elements(first, blocks, (root, *(f"{{*}}{name}" for name in names))))
    raise BadFile(f"这个 XML 文件是「{kind[:40]}」，不是 GPX 或 KML 轨迹；请在手机应用里导出 GPX 后再传。")


def _root_of(head: bytes) -> str:
    """Return the tag of the root element, from the document's first block."""
    parser = etree.XMLPullParser(events=("start",), **_SAFE)
    try:
        parser.feed(head)
    except etree.XMLSyntaxError as error:
        raise _broken(error) from error
    for _, element in parser.read_events():
        # A DTD is how entities multiply or reach for files; no recording needs one.
        if element.getroottree().docinfo.doctype:
            raise BadFile("文件里有 DOCTYPE 声明，为安全起见不读取；请从手机应用重新导出轨迹。")
        return str(element.tag)
    raise BadFile("文件开头没有 GPX 或 KML 的内容，可能没有传完；请重新导出后再传。")


def _elements(
    first: bytes, blocks: Iterator[bytes], tags: tuple[str, ...], *, whole: str | None = None
) -> Iterator[Events]:
    """Yield for each block what began and ended in it among the elements of `tags`, the root first.

    What was read leaves the tree after each block, except inside an open `whole` element.
    """
    parser = etree.XMLPullParser(events=("start", "end"), tag=tags, **_SAFE)
    root: Any = None
    block: bytes | None = first
    try:
        while block is not None:
            parser.feed(block)
            events = parser.read_events()
            if root is None:
                root = next(events)[1]
            # Iterated while it is read, not listed: 14,000 live elements cost as much as parsing them.
            yield events
            _prune(root, whole)
            block = next(blocks, None)
        parser.close()
    except etree.XMLSyntaxError as error:
        raise _broken(error) from error


def _prune(node: Any, whole: str | None) -> None:
    while len(node) and node.tag != whole:
        del node[:-1]
        node = node[-1]


def _broken(error: etree.XMLSyntaxError) -> BadFile:
    return BadFile(
        f"文件在第 {error.lineno or 1} 行断开或损坏，可能没有传完；没有读入任何内容。请重新导出后再传。",
        title=f"The XML is not well-formed: {error.msg}",
    )


def _gpx(read: Iterable[Events], point: str, time_tag: str) -> Iterator[Chunk]:
    time = accuracy = None
    for events in read:
        lon: list[str | None] = []
        lat: list[str | None] = []
        times: list[str | None] = []
        accuracies: list[str | None] = []
        for event, element in events:
            tag = element.tag
            if tag == point:
                if event == "end":
                    lon.append(element.get("lon"))
                    lat.append(element.get("lat"))
                    times.append(time)
                    accuracies.append(accuracy)
                # Times also stand in metadata and waypoints: they are no fix's.
                time = accuracy = None
            elif event == "start":
                pass
            elif tag == time_tag:
                time = element.text
            else:
                accuracy = element.text
        if lon:
            yield Chunk(lon, lat, times, accuracies if any(accuracies) else ())


def _kml(read: Iterable[Events]) -> Iterator[Chunk]:
    """Pair the times and places of each gx:Track by their order, and take placemarks that have a time."""
    track = _Pairs()
    mark: dict[str, str | None] = {}
    in_track = False
    for events in read:
        found = _Pairs()
        for event, element in events:
            name = etree.QName(element).localname
            if event == "start":
                in_track = in_track or name == "Track"
                mark = {} if name == "Placemark" else mark
            elif name == "Track":
                track.check_whole()
                in_track = False
            elif name == "Placemark":
                found.add_mark(mark)
            elif in_track and name == "when":
                track.times.append(element.text)
            elif in_track and name == "coord":
                track.places.append((element.text or "").split())
            else:
                mark[name] = element.text
        found.take(track)
        if found.times:
            yield found.chunk()


class _Pairs:
    """Times and places of a KML, which may write all times before the first place."""

    def __init__(self) -> None:
        self.times: list[str | None] = []
        self.places: list[list[str]] = []

    def add_mark(self, mark: dict[str, str | None]) -> None:
        """Add a placemark that is one place with a time; routes and shapes are no fixes."""
        places = (mark.get("coordinates") or "").split()
        if len(places) == 1 and mark.get("when"):
            self.times.append(mark["when"])
            self.places.append(places[0].split(","))

    def take(self, other: "_Pairs") -> None:
        """Move over what has both a time and a place."""
        n = min(len(other.times), len(other.places))
        self.times += other.times[:n]
        self.places += other.places[:n]
        del other.times[:n], other.places[:n]

    def check_whole(self) -> None:
        """Raise BadFile if a track's times and places differ in number."""
        if len(self.times) != len(self.places):
            raise BadFile("KML 轨迹里时间和坐标的个数不同，文件可能被改动过；请重新导出后再传。")

    def chunk(self) -> Chunk:
        """Return them as fixes."""
        return Chunk(
            [place[0] if place else None for place in self.places],
            [place[1] if len(place) > 1 else None for place in self.places],
            self.times,
        )
