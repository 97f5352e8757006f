/* The map by WebGL: MapLibre over our own tiles, with a worker from our own host. */
import { isWanted } from "./classes.js";
import { WALKER, hatch, signed, written } from "./patterns.js";

const VENDOR = "/static/vendor/maplibre";
const PLACES = { source: "places", sourceLayer: "places" };
const IS_LINE = ["in", ["get", "layer"], ["literal", ["river", "road"]]];
const IS_AREA = ["!", IS_LINE];
const IS_RIBBON_PX = 7;

function load(tag, attributes) {
  return new Promise((done, failed) => {
    const made = Object.assign(document.createElement(tag), attributes, { onload: done, onerror: failed });
    document.head.append(made);
  });
}

function hasWebGL() {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("webgl2") ?? canvas.getContext("webgl");
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return Boolean(context);
}

/* Rejects where there is no WebGL. */
export async function draw(element, seen) {
  if (!hasWebGL()) throw new Error("no WebGL");
  await Promise.all([
    load("link", { rel: "stylesheet", href: `${VENDOR}/maplibre-gl.css` }),
    load("script", { src: `${VENDOR}/maplibre-gl-csp.js` }),
  ]);
  const { maplibregl } = window;
  maplibregl.setWorkerUrl(`${VENDOR}/maplibre-gl-csp-worker.js`);
  const map = new maplibregl.Map({
    container: element, style: seen.facts.style, ...start(seen), maxZoom: 19, minZoom: 3,
    attributionControl: false, dragRotate: false, pitchWithRotate: false, touchPitch: false, fadeDuration: 0,
    locale: { "NavigationControl.ZoomIn": "放大", "NavigationControl.ZoomOut": "缩小" },
  });
  map.touchZoomRotate.disableRotation();
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new maplibregl.ScaleControl({ maxWidth: 120 }), "bottom-left");
  /* The worker's pictures: a name is written when a tile asks for it. */
  map.on("styleimagemissing", ({ id }) => {
    if (id.startsWith("name/") && !map.hasImage(id)) map.addImage(id, written(id.slice(5)), { pixelRatio: 2 });
  });
  map.on("error", ({ error }) => {
    if (error?.status) seen.onTrouble();
  });
  await new Promise((done) => map.once("style.load", done));
  map.addLayer({ id: "chosen", type: "line", ...layered(PLACES), filter: ["==", ["id"], -1],
    layout: { "line-cap": "round", "line-join": "round" },
    paint: { "line-color": "#ffd400", "line-width": 16, "line-opacity": 0.75 } }, "bands");
  const told = () => {
    const { lng, lat } = map.getCenter();
    seen.onMove(`${map.getZoom().toFixed(2)}/${lat.toFixed(5)}/${lng.toFixed(5)}`, map.getZoom());
  };
  map.on("moveend", told);
  told();
  map.on("click", ({ point }) => {
    if (atCase(map, seen, point)) return;
    const id = under(map, point);
    if (id !== null) seen.onChoose(id);
  });
  map.on("mousemove", ({ point }) => {
    map.getCanvas().style.cursor = under(map, point, 3) === null ? "" : "pointer";
  });
  /* Whether all that is in sight is drawn: for who prints the page, and for tests. */
  map.on("idle", () => { element.dataset.idle = "true"; });
  for (const event of ["movestart", "dataloading"]) map.on(event, () => { element.dataset.idle = "false"; });
  return {
    isFlat: false,
    paint: (mode, classes, towns) => paint(map, seen, mode, classes, towns),
    showCases: (found, looks) => cases(map, found, looks),
    showWalks: (found) => walks(map, found),
    choose: (id) => map.setFilter("chosen", ["==", ["id"], id ?? -1]),
    goTo: ([west, south, east, north]) =>
      map.fitBounds([[west, south], [east, north]], { padding: 60, maxZoom: 15, duration: 0 }),
  };
}

const layered = ({ source, sourceLayer }) => ({ source, "source-layer": sourceLayer });

function start({ at, facts }) {
  const [zoom, lat, lng] = (at ?? "").split("/").map(Number);
  if ([zoom, lat, lng].every(Number.isFinite) && Math.abs(lat) <= 85 && at) return { zoom, center: [lng, lat] };
  if (!facts.bounds) return { zoom: 4, center: [105, 35] };
  const [west, south, east, north] = facts.bounds;
  return { bounds: [[west, south], [east, north]], fitBoundsOptions: { padding: 24, maxZoom: 15 } };
}

/* Lines before areas: a river in a grid is what was meant. */
function under(map, { x, y }, reach = 7) {
  const found = map.queryRenderedFeatures([[x - reach, y - reach], [x + reach, y + reach]]);
  const own = found.filter(({ sourceLayer }) => sourceLayer === "places" || sourceLayer === "stretches");
  const line = own.find(({ properties, sourceLayer }) => sourceLayer === "stretches" || /r/.test(properties.layer[0]));
  const one = line ?? map.queryRenderedFeatures([x, y]).find(({ sourceLayer }) => sourceLayer === "places");
  return one ? one.id : null;
}

const isIn = (ids) => (ids.length ? ["match", ["id"], ids, true, false] : ["boolean", false]);
const dashes = ({ dash, width }) => (dash.length ? { "line-dasharray": dash.map((px) => px / width) } : {});
const growing = (far, near) => ["interpolate", ["linear"], ["zoom"], 10, far, 13, near];
const far = (width) => Math.max(1, width * 0.5);
const thin = (width) => growing(far(width), width);

let laid = [];

function lay(map, layer, before) {
  map.addLayer(layer, before);
  laid.push(layer.id);
}

function paint(map, seen, mode, classes, towns) {
  for (const id of laid) map.removeLayer(id);
  laid = [];
  for (const [id, n] of classes) map.setFeatureState({ ...PLACES, id }, { class: n });
  for (const [id, look] of towns) {
    map.setFeatureState({ source: "places", sourceLayer: "areas", id }, { colour: look?.colour ?? null });
  }
  map.setPaintProperty("towns", "fill-color", ["coalesce", ["feature-state", "colour"], "#c9c9c4"]);
  areas(map, mode, classes);
  lines(map, seen, mode, classes);
  const shown = mode.stretches.filter((look) => isWanted(seen, look));
  const plain = shown.filter((look) => !look.ribbon && !look.dash.length);
  for (const look of shown) if (!plain.includes(look)) stretch(map, look);
  if (plain.length) solid(map, plain);
}

const state = ["coalesce", ["feature-state", "class"], -1];
const byClass = (mode, of, rest) => ["match", state, ...mode.classes.flatMap((look, n) => [n, of(look)]), rest];

function areas(map, mode, classes) {
  map.setPaintProperty("areas", "fill-color", byClass(mode, (look) => look.colour, "#9aa0a6"));
  map.setPaintProperty("areas", "fill-opacity", byClass(mode, (look) => look.fill * 0.7, 0.03));
  mode.classes.forEach((look, n) => {
    if (!look.hatch) return;
    const name = `hatch/${look.key}`;
    if (!map.hasImage(name)) map.addImage(name, hatch(look.hatch, look.colour), { pixelRatio: 1 });
    const ids = [...classes].filter(([, own]) => own === n).map(([id]) => id);
    lay(map, { id: `hatched-${look.key}`, type: "fill", ...layered(PLACES), filter: ["all", IS_AREA, isIn(ids)],
      paint: { "fill-pattern": name, "fill-opacity": 0.45 } }, "outlines");
  });
}

/* A place is one colour; where stretches are told nearer by, only until there. */
function lines(map, seen, mode, classes) {
  const until = mode.stretches.length ? { maxzoom: seen.facts.from.stretches } : {};
  const isDashed = (look) => look.dash.length > 0;
  map.setPaintProperty("lines", "line-color", byClass(mode, (look) => look.colour, "#9aa0a6"));
  map.setPaintProperty("lines", "line-width", byClass(mode, (look) => look.width * 0.7, 1.5));
  map.setPaintProperty("lines", "line-opacity", byClass(mode, (look) => (isDashed(look) ? 0 : 1), 1));
  map.setLayerZoomRange("lines", seen.facts.from.lines - 2, until.maxzoom ?? 24);
  const scheme = ["==", ["get", "scheme"], true];
  mode.classes.forEach((look, n) => {
    if (!isDashed(look)) return;
    const ids = [...classes].filter(([, own]) => own === n).map(([id]) => id);
    lay(map, { id: `dashed-${look.key}`, type: "line", ...layered(PLACES), ...until,
      filter: ["all", IS_LINE, scheme, isIn(ids)],
      paint: { "line-color": look.colour, "line-width": thin(look.width), ...dashes(look) } }, "area-names");
  });
  if (mode.stretches.length) {
    lay(map, { id: "wholes", type: "line", ...layered(PLACES), minzoom: seen.facts.from.stretches,
      filter: ["all", IS_LINE, scheme], paint: { "line-color": "#6f777d", "line-width": 1.5 } }, "area-names");
  }
}

/* Far off, cases that lie together are one circle with their number. */
function cases(map, found, looks) {
  for (const [state, look] of Object.entries(looks)) {
    for (const isLate of [false, true]) {
      const name = `case/${state}/${isLate}`;
      if (!map.hasImage(name)) map.addImage(name, signed(look, isLate), { pixelRatio: 2 });
    }
  }
  const features = found.map(({ id, state, is_late, lon, lat }) => ({
    type: "Feature", geometry: { type: "Point", coordinates: [lon, lat] },
    properties: { id, sign: `case/${state}/${is_late}` },
  }));
  const data = { type: "FeatureCollection", features };
  if (map.getSource("cases")) return map.getSource("cases").setData(data);
  map.addSource("cases", { type: "geojson", data, cluster: true, clusterMaxZoom: 13, clusterRadius: 40 });
  const isMany = ["has", "point_count"];
  map.addLayer({ id: "case-groups", type: "circle", source: "cases", filter: isMany,
    paint: { "circle-color": "#fff", "circle-radius": ["step", ["get", "point_count"], 14, 20, 18, 100, 23],
             "circle-stroke-color": "#8c1c13", "circle-stroke-width": 3 } });
  map.addLayer({ id: "case-counts", type: "symbol", source: "cases", filter: isMany,
    layout: { "icon-image": ["concat", "name/", ["to-string", ["get", "point_count"]]], "icon-allow-overlap": true } });
  map.addLayer({ id: "case-signs", type: "symbol", source: "cases", filter: ["!", isMany],
    layout: { "icon-image": ["get", "sign"], "icon-allow-overlap": true } });
  return undefined;
}

/* Each where he was last, with his name beneath. */
function walks(map, found) {
  const features = found.map(({ name, position }) => ({
    type: "Feature", geometry: { type: "Point", coordinates: position }, properties: { name },
  }));
  const data = { type: "FeatureCollection", features };
  if (map.getSource("walks")) return map.getSource("walks").setData(data);
  map.addImage("walker", signed(WALKER), { pixelRatio: 2 });
  map.addSource("walks", { type: "geojson", data });
  map.addLayer({ id: "walkers", type: "symbol", source: "walks",
    layout: { "icon-image": "walker", "icon-allow-overlap": true } });
  map.addLayer({ id: "walker-names", type: "symbol", source: "walks",
    layout: { "icon-image": ["concat", "name/", ["get", "name"]], "icon-offset": [0, 22], "icon-allow-overlap": true } });
  return undefined;
}

/* Opens a case, or comes nearer to where several lie; tells whether there was one. */
function atCase(map, seen, point) {
  if (!map.getSource("cases")) return false;
  const [found] = map.queryRenderedFeatures(point, { layers: ["case-signs", "case-groups"] });
  if (!found) return false;
  if (found.properties.point_count) map.easeTo({ center: found.geometry.coordinates, zoom: map.getZoom() + 2, duration: 0 });
  else seen.onCase(found.properties.id);
  return true;
}

const OF_STRETCHES = { source: "stretches", "source-layer": "stretches" };

/* What has neither dash nor hatch is one layer, the last on top: each layer costs every frame. */
function solid(map, looks) {
  const pairs = (of) => looks.flatMap((look, n) => [look.class, of(look, n)]);
  const by = (of) => ["match", ["get", "class"], ...pairs(of), of(looks[0], 0)];
  lay(map, { id: "stretch-solid", type: "line", ...OF_STRETCHES,
    filter: ["in", ["get", "class"], ["literal", looks.map((look) => look.class)]],
    layout: { "line-sort-key": by((_, n) => n) },
    paint: { "line-color": by((look) => look.colour),
             "line-width": growing(by((look) => far(look.width)), by((look) => look.width)) } }, "area-names");
}

function stretch(map, look) {
  const of = { ...OF_STRETCHES, filter: ["==", ["get", "class"], look.class] };
  const id = `stretch-${look.class}`;
  if (!look.ribbon) {
    lay(map, { id, type: "line", ...of,
      paint: { "line-color": look.colour, "line-width": thin(look.width), ...dashes(look) } }, "area-names");
    return;
  }
  const name = `ribbon/${look.key}`;
  if (!map.hasImage(name)) map.addImage(name, hatch(look.hatch, look.colour, 8, "#fff"));
  lay(map, { id, type: "line", ...of,
    paint: { "line-pattern": name, "line-width": IS_RIBBON_PX } }, "area-names");
}
