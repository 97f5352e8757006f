/** The simple map: his places as lines, solid where somebody walked, dashed where not yet. The list says the same. */

import { h, metres, svg } from "./dom.js";

const WIDE = 360;
const MARGIN = 14;

function* points(geometry) {
  const flat = geometry.coordinates.flat(Infinity);
  for (let k = 0; k + 1 < flat.length; k += 2) yield [flat[k], flat[k + 1]];
}

function lines(geometry) {
  const { type, coordinates } = geometry;
  if (type === "LineString") return [coordinates];
  if (type === "Polygon" || type === "MultiLineString") return coordinates;
  return type === "MultiPolygon" ? coordinates.flat() : [];
}

/** Return the map of GeoJSON features with kinds covered, left and area; null if there is nothing to draw. */
export function draw(collection) {
  const features = collection.features.filter((feature) => feature.geometry.coordinates.length);
  const all = features.flatMap((feature) => Array.from(points(feature.geometry)));
  if (!all.length) return null;
  const [west, east] = [Math.min(...all.map((p) => p[0])), Math.max(...all.map((p) => p[0]))];
  const [south, north] = [Math.min(...all.map((p) => p[1])), Math.max(...all.map((p) => p[1]))];
  const shrink = Math.cos((((south + north) / 2) * Math.PI) / 180);
  const scale = (WIDE - 2 * MARGIN) / Math.max((east - west) * shrink, north - south, 1e-5);
  const high = Math.max(60, (north - south) * scale + 2 * MARGIN);
  const at = ([lon, lat]) =>
    `${(MARGIN + (lon - west) * shrink * scale).toFixed(1)} ${(high - MARGIN - (lat - south) * scale).toFixed(1)}`;
  const order = { area: 0, left: 1, covered: 2 };
  const drawn = features
    .sort((a, b) => order[a.properties.kind] - order[b.properties.kind])
    .map(({ geometry, properties: { kind } }) => {
      const close = kind === "area" ? "Z" : "";
      const d = lines(geometry).map((line) => `M${line.map(at).join("L")}${close}`).join("");
      return svg("path", { d, class: kind });
    });
  const title = "巡查对象的示意图：实线是最近走过的，虚线是还没走的";
  const picture = svg("svg", { viewBox: `0 0 ${WIDE} ${high.toFixed(0)}`, class: "map", role: "img", "aria-label": title },
    ...drawn);
  return h("div", null, picture, h("p", null, "实线：最近 30 天走过。虚线：还没走。"));
}

/** Return the list of places, with what was covered in words. */
export function list(places) {
  return h("ul", { class: "list" }, places.map((place) => {
    const known = place.length_m > 0 && place.covered_m !== null;
    const words = known
      ? `最近 30 天走过 ${metres(place.covered_m)}，全长 ${metres(place.length_m)}`
      : place.last_day ? `最近一次：${place.last_day}` : "最近 30 天还没有记录";
    return h("li", { class: "card" }, h("strong", null, `${place.layer_name} ${place.name}`), h("p", null, words));
  }));
}

const AROUND_M = 120;
const STEP_M = 10;
const NORTH_M = 111195;

/** Return a map around a spot with arrows that move it; `moved` hears where it is then. Lines are those of his places. */
export function pinned(collection, at, moved) {
  const east = NORTH_M * Math.cos((at.lat * Math.PI) / 180);
  const scale = WIDE / (2 * AROUND_M);
  const x = (lon) => WIDE / 2 + (lon - at.lon) * east * scale;
  const y = (lat) => WIDE / 2 - (lat - at.lat) * NORTH_M * scale;
  const drawn = ((collection && collection.features) || []).map(({ geometry, properties: { kind } }) => svg("path", {
    d: lines(geometry).map((line) => `M${line.map(([lon, lat]) => `${x(lon).toFixed(1)} ${y(lat).toFixed(1)}`).join("L")}`).join(""),
    class: kind,
  }));
  const spot = svg("circle", { r: "11", class: "spot" });
  let here = { lon: at.lon, lat: at.lat };
  const put = (lon, lat) => {
    here = { lon, lat };
    spot.setAttribute("cx", x(lon).toFixed(1));
    spot.setAttribute("cy", y(lat).toFixed(1));
    moved(here);
  };
  const picture = svg("svg", { viewBox: `0 0 ${WIDE} ${WIDE}`, class: "map pin", role: "img",
    "aria-label": "问题的位置：红点，周围是您的河和路" }, ...drawn, spot);
  const drag = (event) => {
    if (event.type === "pointermove" && !event.buttons) return;
    const box = picture.getBoundingClientRect();
    const [px, py] = [((event.clientX - box.left) / box.width) * WIDE, ((event.clientY - box.top) / box.height) * WIDE];
    put(at.lon + (px - WIDE / 2) / (east * scale), at.lat - (py - WIDE / 2) / (NORTH_M * scale));
  };
  picture.addEventListener("pointerdown", drag);
  picture.addEventListener("pointermove", drag);
  put(at.lon, at.lat);
  const arrow = (word, sign, dx, dy) => h("button", { class: "small", type: "button", "aria-label": `往${word}挪 ${STEP_M} 米`,
    onclick: () => put(here.lon + (dx * STEP_M) / east, here.lat + (dy * STEP_M) / NORTH_M) }, `${sign}${word}`);
  return h("div", null, picture, h("div", { class: "arrows" },
    arrow("西", "←", -1, 0), arrow("东", "→", 1, 0), arrow("北", "↑", 0, 1), arrow("南", "↓", 0, -1)));
}
