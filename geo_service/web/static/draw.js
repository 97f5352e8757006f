/* Draw a place on a Leaflet map: a tap adds a point, a white dot can be dragged, undo takes the last step back. */

const facts = JSON.parse(document.getElementById("draw").dataset.facts);
const form = document.getElementById("drawing");
const told = document.getElementById("told");
const buttons = Object.fromEntries(["undo", "part", "clear", "try"].map((id) => [id, document.getElementById(id)]));
const LOOKS = {
  border: { color: "#6b6b6b", weight: 1.5, dashArray: "1 5", fill: false },
  river: { color: "#5f9dc0", weight: 3, fill: false },
  road: { color: "#b39a5b", weight: 3, fill: false },
  grid: { color: "#7d8a5c", weight: 1, fillOpacity: 0.03 },
  compound: { color: "#6a2c5b", weight: 2, fillOpacity: 0.05 },
};
const LAYERS_FROM_ZOOM = 12;
const MANY_POINTS = 300; /* of these not every one gets a dot of its own */

const map = L.map("draw", { preferCanvas: true, zoomControl: false, doubleClickZoom: false, minZoom: 4, maxZoom: 19 });
L.control.zoom({ position: "topleft", zoomInTitle: "放大", zoomOutTitle: "缩小" }).addTo(map);
const Scale = L.Control.Scale.extend({
  _updateScale(bar, text, ratio) {
    const words = text.replace(" km", " 公里").replace(" m", " 米");
    L.Control.Scale.prototype._updateScale.call(this, bar, words, ratio);
  },
});
new Scale({ imperial: false }).addTo(map);
map.attributionControl.setPrefix(false);
for (const { url, note } of facts.tiles) {
  L.tileLayer(url, { attribution: note, subdomains: "01234567", maxZoom: 18, opacity: 0.6 }).addTo(map);
}

/* --- what lies around */

const ground = L.geoJSON(null, {
  interactive: false,
  style: ({ properties }) => ({ ...LOOKS[properties.kind], opacity: properties.scheme ? 0.9 : 0.45 }),
  onEachFeature: ({ properties }, layer) => {
    if (properties.kind !== "border" || !properties.name) return;
    layer.bindTooltip(label(properties.name), { permanent: true, direction: "center", className: "name" });
  },
}).addTo(map);

function label(words) {
  const made = document.createElement("span");
  made.textContent = words;
  return made;
}

let asked = 0;
async function look() {
  const box = map.getBounds();
  const query = new URLSearchParams({
    west: box.getWest(), south: box.getSouth(), east: box.getEast(), north: box.getNorth(),
  });
  const mine = ++asked;
  try {
    const separator = facts.ground.includes("?") ? "&" : "?";
    const answer = await fetch(facts.ground + separator + query);
    if (!answer.ok || mine !== asked) return;
    const found = await answer.json();
    if (mine !== asked) return;
    const near = map.getZoom() >= LAYERS_FROM_ZOOM;
    ground.clearLayers();
    ground.addData(found.features.filter((f) => near || f.properties.kind === "border" || f.properties.scheme));
  } catch {
    /* without a connection one draws over what is there */
  }
}
let waiting = 0;
map.on("moveend", () => {
  clearTimeout(waiting);
  waiting = setTimeout(look, 250);
});

/* --- the drawing: parts, each a list of [lat, lng] */

let parts = taken(facts.geometry);
const steps = [];
const shapes = L.layerGroup().addTo(map);
const dots = L.layerGroup().addTo(map);

function taken(geometry) {
  if (!geometry) return [[]];
  const turn = (ring) => ring.map(([lng, lat]) => [lat, lng]);
  const open = (ring) => turn(ring).slice(0, -1);
  const found = {
    LineString: (c) => [turn(c)],
    MultiLineString: (c) => c.map(turn),
    Polygon: (c) => [open(c[0])],
    MultiPolygon: (c) => c.map((polygon) => open(polygon[0])),
  }[geometry.type]?.(geometry.coordinates);
  return found?.length ? found : [[]];
}

function step(change) {
  steps.push(JSON.stringify(parts));
  change();
  show();
}

function show() {
  shapes.clearLayers();
  dots.clearLayers();
  for (const part of parts) {
    const style = { color: "#8c1c13", weight: 5, interactive: false, fillOpacity: 0.15 };
    shapes.addLayer(facts.line ? L.polyline(part, style) : L.polygon(part, style));
  }
  const count = parts.reduce((sum, part) => sum + part.length, 0);
  const every = Math.ceil(count / MANY_POINTS);
  for (const part of parts) part.forEach((_, k) => (k % every && k + 1 < part.length ? null : dots.addLayer(dot(part, k))));
  tell(count);
  form.elements.geometry.value = JSON.stringify(geojson());
  buttons.undo.disabled = steps.length === 0;
  buttons.clear.disabled = count === 0;
  buttons.part.disabled = parts.at(-1).length < least();
  buttons.try.disabled = !parts.some((part) => part.length >= least());
}

const least = () => (facts.line ? 2 : 3);

function dot(part, k) {
  const icon = L.divIcon({ className: k ? "vertex" : "vertex first", iconSize: [44, 44] });
  const made = L.marker(part[k], { icon, draggable: true, autoPan: true, keyboard: false });
  made.on("dragend", () => step(() => {
    const { lat, lng } = made.getLatLng();
    part[k] = [lat, lng];
  }));
  made.on("click", L.DomEvent.stop);
  return made;
}

function tell(count) {
  if (!count) {
    told.textContent = "还没有点。请在图上点一下，放第一个点。";
    return;
  }
  let metres = 0;
  for (const part of parts) {
    const ring = facts.line ? part : [...part, part[0]];
    for (let k = 1; k < ring.length; k += 1) if (ring[k]) metres += map.distance(ring[k - 1], ring[k]);
  }
  const size = metres < 1000 ? `${metres.toFixed(0)} 米` : `${(metres / 1000).toFixed(2)} 公里`;
  told.textContent = `${count} 个点，${facts.line ? "长" : "边界长"}约 ${size}。`;
}

function geojson() {
  const round = (number) => Math.round(number * 1e7) / 1e7;
  const turn = (part) => part.map(([lat, lng]) => [round(lng), round(lat)]);
  const whole = parts.filter((part) => part.length >= least()).map(turn);
  if (facts.line) return { type: "MultiLineString", coordinates: whole };
  return { type: "MultiPolygon", coordinates: whole.map((ring) => [[...ring, ring[0]]]) };
}

map.on("click", ({ latlng }) => step(() => parts.at(-1).push([latlng.lat, latlng.lng])));
buttons.undo.addEventListener("click", () => {
  if (steps.length) parts = JSON.parse(steps.pop());
  show();
});
buttons.part.addEventListener("click", () => step(() => parts.push([])));
buttons.clear.addEventListener("click", () => step(() => (parts = [[]])));

const own = L.latLngBounds(parts.flat());
if (own.isValid()) map.fitBounds(own.pad(0.2), { maxZoom: 17 });
else if (facts.bounds) map.fitBounds([[facts.bounds[1], facts.bounds[0]], [facts.bounds[3], facts.bounds[2]]]);
else map.setView([33, 119], 5);
show();
look();
