"""The map as a document: what stands in it, and what never does."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import shapely

import maps
from maps.compact import MapTooLarge
from maps.data import MapData, MapFeature, MapLayer
from maps.tiles import Tianditu
from maps.web import MAX_BYTES, draw
from tests.maps import county

ASSETS = Path(maps.__file__).parent / "assets"
EVIL = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "${alert(1)} `x`",
    "{{ 7*7 }} {{ cycler.__init__.__globals__ }} {# note #}",
    "{% raw %}",
    "\"'><svg onload=alert(1)>",
    "换行\u2028与\u2029分段 & 汉字「河」\\ \\u003c",
    "<!-- <script>",
    "]]> </title></style>",
]


class Parts(HTMLParser):
    """Elements of a document with their attributes, and the text of each until the next tag."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.texts.append((tag, ""))
        self.open = True

    def handle_data(self, data: str) -> None:
        if self.open and self.texts:
            tag, text = self.texts[-1]
            self.texts[-1] = (tag, text + data)

    def handle_endtag(self, tag: str) -> None:
        self.open = False


def rows_of(html: str, key: str) -> list[Any]:
    match = re.search(rf'<script type="application/json" id="data-{key}">(.*?)</script>', html, re.DOTALL)
    assert match
    return json.loads(match[1])


def one(feature: MapFeature, **changes: Any) -> MapData:
    data = MapData("标题", "副题", [MapLayer("river", "河道", [feature])], county.DATE)
    return replace(data, **changes)


LINE = shapely.LineString([(119.8, 32.9), (119.9, 32.95)])


def test_vendored_files_are_as_recorded() -> None:
    recorded = dict(reversed(line.split()) for line in (ASSETS / "CHECKSUMS").read_text().splitlines())
    present = {str(p.relative_to(ASSETS)) for p in (ASSETS / "leaflet").iterdir()}
    assert set(recorded) == present
    assert "leaflet/LICENSE" in present
    for name, digest in recorded.items():
        assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() == digest, name


@pytest.mark.parametrize("data", [county.coverage(), county.gaps()], ids=["coverage", "gaps"])
def test_the_document_holds_everything_and_points_nowhere(data: MapData) -> None:
    drawn = draw(data)
    parts = Parts(drawn.html)
    for tag, attributes in parts.elements:
        assert not attributes.keys() & {"src", "href", "srcset", "action"}, tag
    styles = "".join(text for tag, text in parts.texts if tag == "style")
    assert "url(" not in styles
    assert "@import" not in styles
    assert "sourceMappingURL" not in drawn.html
    for name in ("jquery", "bootstrap", "awesome", "jsdelivr", "cdnjs", "tianditu"):
        assert name not in drawn.html.lower()
    for layer in data.layers:
        assert len(rows_of(drawn.html, layer.key)) == len(layer.features)


def test_the_policy_names_every_script_and_style_and_nothing_else() -> None:
    drawn = draw(county.coverage())
    parts = Parts(drawn.html)
    runs = [
        text
        for (tag, text), (_, attributes) in zip(parts.texts, parts.elements, strict=True)
        if tag == "style" or (tag == "script" and "type" not in attributes)
    ]
    digests = [hashlib.sha256(text.encode()).digest() for text in runs]
    hashes = {f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests}
    assert hashes == set(re.findall(r"'sha256-[^']+'", drawn.policy))
    assert "unsafe" not in drawn.policy
    assert drawn.policy.startswith("default-src 'none'")
    (meta,) = [attributes for _, attributes in parts.elements if "http-equiv" in attributes]
    assert meta == {"http-equiv": "Content-Security-Policy", "content": drawn.policy}
    names = {name for _, attributes in parts.elements for name in attributes}
    assert not [name for name in names if name.startswith("on") or name == "style"]


@pytest.mark.parametrize("evil", EVIL)
def test_words_of_users_come_back_as_words(evil: str) -> None:
    layer = MapLayer("river", evil, [MapFeature(LINE, "fresh_7", evil, [(evil, evil)], evil)])
    harmless = draw(replace(one(MapFeature(LINE, "fresh_7", "x")), layers=[replace(layer, label="y")]))
    drawn = draw(MapData(evil, evil, [layer], county.DATE))
    parts, expected = Parts(drawn.html), Parts(harmless.html)
    assert [tag for tag, _ in parts.elements] == [tag for tag, _ in expected.elements]
    (row,) = rows_of(drawn.html, "river")
    assert row[:4] == ["fresh_7", evil, [[evil, evil]], evil]
    texts = [text for tag, text in parts.texts if tag in ("title", "h1")]
    assert texts[0] == evil
    assert texts[1].strip() == evil.strip()
    spec = re.search(r"yinxun\.layer\((.*)\);", drawn.html)
    assert spec
    assert json.loads(spec[1])["label"] == evil
    assert "\u2028" not in "".join(text for tag, text in parts.texts if tag == "script")


def test_a_file_is_the_same_when_drawn_again() -> None:
    assert draw(county.coverage()).html == draw(county.coverage()).html


def test_a_whole_register_fits_the_limit_and_says_by_how_much_it_is_simplified() -> None:
    data = county.coverage(registered_rivers=13_000, points=50, rivers=247)
    drawn = draw(data)
    assert len(drawn.html.encode()) <= MAX_BYTES
    assert drawn.tolerance_m > 0
    assert f"误差不超过约 {drawn.tolerance_m:g} 米" in drawn.html
    assert '"shown":false' in drawn.html
    assert len(rows_of(drawn.html, "registered")) == 13_000


def test_what_cannot_fit_is_refused() -> None:
    with pytest.raises(MapTooLarge):
        draw(county.coverage(), max_bytes=150_000)


def test_a_small_map_is_not_simplified() -> None:
    drawn = draw(county.coverage())
    assert drawn.tolerance_m == 0
    assert "已简化" not in drawn.html


def test_places_without_geometry_are_counted() -> None:
    features = [MapFeature(None, "fresh_7", "甲河"), MapFeature(LINE, "fresh_7", "乙河")]
    layer = MapLayer("river", "河道", features)
    drawn = draw(replace(county.gaps(), layers=[layer]))
    assert "另有 1 个对象未上图" in drawn.html
    assert [row[1] for row in rows_of(drawn.html, "river")] == ["乙河"]


def test_an_empty_map_is_a_map() -> None:
    html = draw(MapData("空", "", [], county.DATE)).html
    assert '"bounds":null' in html


def test_made_up_data_says_so() -> None:
    feature = MapFeature(LINE, "fresh_7", "甲河")
    assert "演示数据" in draw(one(feature, made_up=True)).html
    assert "演示数据" not in draw(one(feature)).html


def test_a_key_of_a_layer_is_plain() -> None:
    with pytest.raises(ValueError, match="not plain"):
        draw(MapData("t", "", [MapLayer('x"><script>', "l", [])], county.DATE))


def test_tiles_only_where_a_key_is_given() -> None:
    drawn = draw(county.coverage(), tiles=Tianditu("k3y&x", "GS(2000)1号"))
    assert "tk=k3y%26x" in drawn.html
    assert "LAYER=vec" in drawn.html.replace("\\u0026", "&")
    note = re.search(r'"attribution": (".*?"),', drawn.html)
    assert note
    assert "审图号：GS(2000)1号" in json.loads(note[1])
    assert "img-src data: https://*.tianditu.gov.cn;" in drawn.policy
