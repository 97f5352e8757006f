/* The map without WebGL: Leaflet draws the same tiles, sent as GeoJSON, on a plain canvas. */

import { isWanted } from "./classes.js";
import { WALKER, sign, tile as hatched } from "./patterns.js";

const VENDOR = "/static/leaflet";
const SIDE = 256;
const BANDS = { river: { color: "#b5e0f5", weight: 9 }, road: { color: "#c9b27c", weight: 8 } };

function load(tag, attributes) {
  return new Promise((done, failed) => {
    const made = Object.assign(document.createElement(tag), attributes, { onload: done, onerror: failed });
    document.head.append(made);
  });
}

export async function draw(element, seen) {
  await Promise.all([
    load("link", { rel: "stylesheet", href: `${VENDOR}/leaflet.css` }),
    load("script", { src: `${VENDOR}/leaflet.js` }),
  ]);
  const { L } = window;
  const map = L.map(element, { preferCanvas: true, attributionControl: false, maxZoom: 19, minZoom: 3, tap: false });
  map.zoomControl.setPosition("topright");
  L.control.scale({ imperial: false }).addTo(map);
  const flat = new Flat(L, map, seen);
  const told = () => {
    const { lat, lng } = map.getCenter();
    // MapLibre's zoom is that of tiles twice as wide.
    seen.onMove(`${(map.getZoom() - 1).toFixed(2)}/${lat.toFixed(5)}/${lng.toFixed(5)}`, map.getZoom() - 1);
  };
  map.on("moveend", () => {
    told();
    flat.fill();
  });
  start(L, map, seen);
  return {
    isFlat: true,
    paint: (mode, classes, towns) => flat.paint(mode, classes, towns),
    choose: (id) => flat.choose(id),
    showCases: (found, looks) => flat.showCases(found, looks),
    showWalks: (found) => flat.showWalks(found),
    goTo: ([west, south, east, north]) =>
      map.fitBounds([[south, west], [north, east]], { padding: [40, 40], maxZoom: 16, animate: false }),
  };
}

function start(L, map, { at, facts }) {
  const [zoom, lat, lng] = (at ?? "").split("/").map(Number);
  if (at && [zoom, lat, lng].every(Number.isFinite)) return map.setView([lat, lng], Math.round(zoom + 1));
  if (!facts.bounds) return map.setView([35, 105], 5);
  const [west, south, east, north] = facts.bounds;
  return map.fitBounds([[south, west], [north, east]], { padding: [24, 24], maxZoom: 16 });
}

/* Leaflet fills areas plainly; gaps are hatched on every map. */
function hatching(L) {
  return L.Canvas.extend({
    _fillStroke(context, path) {
      const { hatch, fill, fillColor } = path.options;
      L.Canvas.prototype._fillStroke.call(this, context, path);
      if (!fill || !hatch) return;
      context.globalAlpha = 0.45;
      context.fillStyle = context.createPattern(hatched(hatch, fillColor), "repeat");
      context.fill("evenodd");
    },
  });
}

class Flat {
  constructor(L, map, seen) {
    Object.assign(this, { L, map, seen, tiles: new Map(), mode: null, classes: new Map(), towns: new Map(), chosen: null });
    this.waiting = 0;
    this.canvas = new (hatching(L))({ padding: 0.2, tolerance: 6 });
  }

  /* The tile's zoom that the WebGL map would show here. */
  get zoom() {
    return Math.min(16, Math.max(0, Math.round(this.map.getZoom()) - 1));
  }

  paint(mode, classes, towns) {
    Object.assign(this, { mode, classes, towns });
    for (const tile of this.tiles.values()) this.restyle(tile);
    this.fill();
  }

  choose(id) {
    this.chosen = id;
    for (const tile of this.tiles.values()) this.restyle(tile);
  }

  showCases(found, looks) {
    this.cases?.remove();
    const icon = (one) => this.L.icon({ iconUrl: sign(looks[one.state], one.is_late).toDataURL(), iconSize: [26, 26] });
    const made = found.map((one) =>
      this.L.marker([one.lat, one.lon], { icon: icon(one), alt: one.what }).on("click", () => this.seen.onCase(one.id)));
    this.cases = this.L.layerGroup(made).addTo(this.map);
  }

  showWalks(found) {
    this.walks?.remove();
    const icon = this.L.icon({ iconUrl: sign(WALKER).toDataURL(), iconSize: [26, 26] });
    const made = found.map(({ name, position: [lon, lat] }) => this.L.marker([lat, lon], { icon, alt: name, title: name }));
    this.walks = this.L.layerGroup(made).addTo(this.map);
  }

  wait(more) {
    this.waiting += more;
    this.map.getContainer().dataset.idle = String(this.waiting === 0);
  }

  restyle(tile) {
    for (const layer of tile.layers) layer.setStyle((feature) => this.style(feature, layer.role));
  }

  fill() {
    if (!this.mode) return;
    const z = this.zoom;
    const wanted = new Map();
    const box = this.map.getBounds().pad(0.1);
    const at = (lat, lng) => this.map.project([lat, lng], z).divideBy(SIDE).floor();
    const [low, high] = [at(box.getNorth(), box.getWest()), at(box.getSouth(), box.getEast())];
    const side = 1 << z;
    const isNear = z >= this.seen.facts.from.stretches;
    for (let x = Math.max(0, low.x); x <= Math.min(side - 1, high.x); x++) {
      for (let y = Math.max(0, low.y); y <= Math.min(side - 1, high.y); y++) {
        for (const show of isNear ? ["places", "stretches"] : ["places"]) wanted.set(`${z}/${x}/${y} ${show}`, [z, x, y, show]);
      }
    }
    for (const [key, tile] of this.tiles) {
      if (wanted.has(key)) continue;
      for (const layer of tile.layers) layer.remove();
      this.tiles.delete(key);
    }
    for (const [key, [zz, x, y, show]] of wanted) if (!this.tiles.has(key)) this.read(key, zz, x, y, show);
  }

  async read(key, z, x, y, show) {
    const tile = { layers: [] };
    this.tiles.set(key, tile);
    const more = this.seen.query ? `&${this.seen.query.slice(1)}` : "";
    this.wait(1);
    const answer = await fetch(`/api/tiles/${z}/${x}/${y}.geojson?show=${show}${more}`).catch(() => null);
    this.wait(-1);
    if (!answer?.ok) {
      this.tiles.delete(key);
      return this.seen.onTrouble();
    }
    const told = await answer.json();
    if (this.tiles.get(key) !== tile) return undefined;
    for (const role of show === "stretches" ? ["stretch"] : ["band", "place"]) {
      const layer = this.L.geoJSON(told, {
        renderer: this.canvas, style: (feature) => this.style(feature, role),
        onEachFeature: (feature, own) => this.ready(feature, own, role),
      });
      layer.role = role;
      tile.layers.push(layer.addTo(this.map));
    }
    // Beneath lie bands and areas, above them stretches, wherever their tiles came first.
    for (const one of this.tiles.values()) for (const layer of one.layers) if (layer.role === "stretch") layer.bringToFront();
    return undefined;
  }

  ready({ properties }, own, role) {
    if (role === "band") return;
    own.on("click", () => properties.layer && this.seen.onChoose(properties.id));
    // Text, never HTML: a name is what somebody typed.
    if (properties.name) own.bindTooltip(() => document.createTextNode(properties.name).data.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`));
  }

  style({ properties }, role) {
    const { layer, scheme, id } = properties;
    if (!layer) return { color: "#6b6b6b", weight: 1, fillColor: this.towns.get(id)?.colour ?? "#c9c9c4", fillOpacity: 0.5 };
    const isLine = layer === "river" || layer === "road";
    if (role === "band") {
      if (!isLine || !scheme) return { stroke: false, fill: false };
      return id === this.chosen ? { color: "#ffd400", weight: 15, opacity: 0.8 } : BANDS[layer];
    }
    if (role === "stretch") return this.stretch(properties);
    const look = this.mode?.classes[this.classes.get(id)];
    if (isLine && !scheme) return { color: "#8fa9b8", weight: 1 };
    if (!look) return { color: "#9aa0a6", weight: 1.5, fillOpacity: 0.03 };
    if (isLine) {
      const isTold = this.zoom >= this.seen.facts.from.stretches && this.mode.stretches.length;
      return isTold ? { color: "#6f777d", weight: 1.5, dashArray: null } : this.pen(look);
    }
    const isChosen = id === this.chosen;
    const outline = isChosen ? "#ffd400" : layer === "grid" ? "#7d8a5c" : "#6a2c5b";
    return { color: outline, weight: isChosen ? 5 : layer === "grid" ? 1 : 2.5, fillColor: look.colour, fillOpacity: look.fill, hatch: look.hatch };
  }

  stretch(properties) {
    const look = this.mode?.stretches.find((one) => one.class === properties.class);
    if (!look || !isWanted(this.seen, look)) return { stroke: false };
    return { stroke: true, ...this.pen(look) };
  }

  pen({ colour, width, dash }) {
    return { color: colour, weight: width, opacity: 1, dashArray: dash.length ? dash.join(" ") : null, lineCap: "butt" };
  }
}
