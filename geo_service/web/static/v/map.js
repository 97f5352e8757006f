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
