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

/**
 * Return a map around a spot with arrows that move it; `moved` hears where it is then. Lines are those of his places.
 *
 * Only who takes hold of the spot, or taps, moves it: a finger that scrolls the page past the map must not.
 */
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
  const grip = svg("circle", { r: "36", class: "grip" });
  /** Where it is, in metres east and north of where it was at first; it stays on the map. */
  let here = [0, 0];
  const put = (e, n) => {
    here = [e, n].map((metre) => Math.max(-AROUND_M, Math.min(AROUND_M, metre)));
    for (const circle of [grip, spot]) {
      circle.setAttribute("cx", (WIDE / 2 + here[0] * scale).toFixed(1));
      circle.setAttribute("cy", (WIDE / 2 - here[1] * scale).toFixed(1));
    }
  };
  const move = (e, n) => { put(e, n); moved({ lon: at.lon + here[0] / east, lat: at.lat + here[1] / NORTH_M }); };
  const picture = svg("svg", { viewBox: `0 0 ${WIDE} ${WIDE}`, class: "map pin", role: "img",
    "aria-label": "问题的位置：红点，周围是您的河和路" }, ...drawn, grip, spot);
  const follow = (event) => {
    const box = picture.getBoundingClientRect();
    const [px, py] = [((event.clientX - box.left) / box.width) * WIDE, ((event.clientY - box.top) / box.height) * WIDE];
    move((px - WIDE / 2) / scale, (WIDE / 2 - py) / scale);
  };
  let isHeld = false;
  grip.addEventListener("pointerdown", (event) => { isHeld = true; grip.setPointerCapture(event.pointerId); });
  grip.addEventListener("pointermove", (event) => { if (isHeld) follow(event); });
  for (const name of ["pointerup", "pointercancel"]) grip.addEventListener(name, () => { isHeld = false; });
  picture.addEventListener("click", (event) => { if (event.target !== grip) follow(event); });
  put(0, 0);
  const arrow = (word, sign, dx, dy) => h("button", { class: "small", type: "button", "aria-label": `往${word}挪 ${STEP_M} 米`,
    onclick: () => move(here[0] + dx * STEP_M, here[1] + dy * STEP_M) }, `${sign}${word}`);
  return h("div", null, picture, h("div", { class: "arrows" },
    arrow("西", "←", -1, 0), arrow("东", "→", 1, 0), arrow("北", "↑", 0, 1), arrow("南", "↓", 0, -1)));
}
