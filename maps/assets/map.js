/* The map's own script: layers from JSON, switches, legend, search. Words of users are only ever text nodes. */
"use strict";

const yinxun = (() => {
  const SWATCH = "http://www.w3.org/2000/svg";
  const FOUND_AT_MOST = 20;
  const POPUP = { maxWidth: 320, minWidth: 200 };
  const narrow = () => window.innerWidth <= 700;
  const layers = [];
  let facts = null;
  let map = null;
  let switches = null;

  function element(tag, text = "", attributes = {}) {
    const made = document.createElement(tag);
    made.textContent = text;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  }

  /* Areas and ribbons are hatched, which Leaflet does not know; the pattern moves with the map.
     Lines get thinner as more of the county is in sight. */
  const Canvas = L.Canvas.extend({
    _fillStroke(context, path) {
      const { hatch, fill, fillColor } = path.options;
      if (fill && hatch) {
        context.globalAlpha = 0.85;
        context.fillStyle = pattern(context, hatch, fillColor);
        context.fill("evenodd");
      }
      const { weight, ribbon } = path.options;
      path.options.weight = weight * thinning(map.getZoom());
      if (ribbon) ribboned(context, path.options);
      else L.Canvas.prototype._fillStroke.call(this, context, path);
      path.options.weight = weight;
    },
  });

  /* A hatched ribbon between two thin edges: strokes of one path, each narrower than the last. */
  function ribboned(context, { weight, color, hatch }) {
    const width = Math.max(weight, 5);
    context.setLineDash([]);
    Object.assign(context, { globalAlpha: 1, lineCap: "butt", lineJoin: "round" });
    for (const [style, lineWidth] of [[color, width], ["#fff", width - 1.6], [pattern(context, hatch, color, 6), width]]) {
      Object.assign(context, { strokeStyle: style, lineWidth });
      context.stroke();
    }
  }

  const thinning = (zoom) => Math.min(1, Math.max(0.35, 1 - (14 - zoom) * 0.18));

  const patterns = new Map();
  function pattern(context, hatch, colour, size = 10) {
    const key = hatch + colour + size;
    if (!patterns.has(key)) {
      const tile = Object.assign(document.createElement("canvas"), { width: size, height: size });
      const pen = tile.getContext("2d");
      pen.strokeStyle = colour;
      pen.lineWidth = 1.6;
      for (const [x1, y1, x2, y2] of strokes(hatch, size)) {
        pen.moveTo(x1, y1);
        pen.lineTo(x2, y2);
      }
      pen.stroke();
      patterns.set(key, context.createPattern(tile, "repeat"));
    }
    return patterns.get(key);
  }

  /* Strokes of one tile; those beyond its corners close the seam between tiles. */
  function strokes(hatch, size) {
    const rising = [-size, 0, size].map((shift) => [shift, size, shift + size, 0]);
    const falling = [-size, 0, size].map((shift) => [shift, 0, shift + size, size]);
    return { "/": rising, "\\": falling, x: [...rising, ...falling] }[hatch] ?? [];
  }

  const Scale = L.Control.Scale.extend({
    _updateScale(bar, text, ratio) {
      const words = text.replace(" km", " 公里").replace(" m", " 米");
      L.Control.Scale.prototype._updateScale.call(this, bar, words, ratio);
    },
  });

  function makeMap(id) {
    facts = JSON.parse(document.getElementById("facts").textContent);
    map = L.map(id, {
      renderer: new Canvas({ padding: 0.3, tolerance: 8 }),
      preferCanvas: true,
      zoomControl: false,
      minZoom: 3,
      maxZoom: 19,
      zoomSnap: 0.25,
    });
    map.attributionControl.setPrefix(false);
    facts.notes.forEach((note) => map.attributionControl.addAttribution(note));
    L.control.zoom({ zoomInTitle: "放大", zoomOutTitle: "缩小" }).addTo(map);
    new Scale({ imperial: false, maxWidth: 160 }).addTo(map);
    map.on("popupopen", ({ popup }) => {
      popup.getElement().querySelector(".leaflet-popup-close-button")?.setAttribute("aria-label", "关闭");
    });
    addPanel();
    map.invalidateSize({ animate: false });
    if (facts.bounds) map.fitBounds(facts.bounds, { padding: [10, 10] });
    else showNothing();
    return map;
  }

  function showNothing() {
    map.setView([0, 0], 3);
    document.body.append(element("p", "没有可以画的内容：此范围内还没有上图的对象。", { class: "notice", role: "status" }));
  }

  /* One layer of the map: nothing is parsed or drawn before it is first shown or searched. */
  function addLayer(spec) {
    const layer = { ...spec, rows: null, group: L.featureGroup(), paths: new Map(), filled: false };
    layers.push(layer);
    addSwitch(layer);
    if (layer.shown) show(layer);
  }

  function rowsOf(layer) {
    layer.rows ??= JSON.parse(document.getElementById(`data-${layer.key}`).textContent).map(
      ([look, title, told, place, geometry]) => ({
        type: "Feature",
        geometry,
        properties: { look, title, rows: told, place },
      }),
    );
    return layer.rows;
  }

  const isLine = (feature) => /Line/.test(feature.geometry.type);

  function fill(layer) {
    if (layer.clustered) return gather(layer);
    const features = rowsOf(layer);
    const band = facts.bands[layer.band];
    if (band) {
      const under = { color: band.colour, weight: band.width_px, lineCap: "butt" };
      L.geoJSON(features.filter(isLine), { interactive: false, style: under }).addTo(layer.group);
    }
    const top = L.geoJSON(features, {
      interactive: !layer.named,
      style: (feature) => styleOf(feature, band, layer.named),
      pointToLayer: (feature, at) => L.circleMarker(at, { radius: 7 }),
      onEachFeature: (feature, path) => layer.paths.set(feature, path),
    }).addTo(layer.group);
    if (layer.named || layer.titled) top.eachLayer((path) => writeName(path, layer.titled ? "top" : "center"));
    if (!layer.named) top.bindPopup((path) => card(path.feature.properties), POPUP);
    layer.filled = true;
  }

  function styleOf(feature, band, named) {
    const look = facts.looks[feature.properties.look];
    const line = isLine(feature);
    const ground = !line && !named && band;
    return {
      color: ground ? band.colour : look.colour,
      weight: ground ? band.width_px : look.width_px,
      opacity: look.stroke,
      dashArray: look.dash_px.join(" "),
      lineCap: look.dash_px.length ? "butt" : "round",
      fill: !line && !named,
      fillColor: look.colour,
      fillOpacity: look.fill,
      hatch: look.hatch,
      ribbon: line && look.ribbon,
    };
  }

  /* Shapes of points in a box of 20 by 20, so that a state is told without its colour. */
  const SIGNS = {
    triangle: "10,1 19,18 1,18",
    diamond: "10,0 20,10 10,20 0,10",
    square: "2,2 18,2 18,18 2,18",
    hexagon: "5,1 15,1 20,10 15,19 5,19 0,10",
    star: "10,0 12.9,6.6 20,7.4 14.7,12.2 16.2,19.3 10,15.7 3.8,19.3 5.3,12.2 0,7.4 7.1,6.6",
  };

  function signParts({ sign, colour }) {
    const edge = { fill: colour, stroke: "#fff", "stroke-width": 1.2 };
    if (sign === "ring") return [["circle", { cx: 10, cy: 10, r: 7.5, fill: "#fff", stroke: colour, "stroke-width": 3.5 }]];
    if (sign === "bars") return [3, 12].map((x) => ["rect", { x, y: 2, width: 5, height: 16, ...edge }]);
    if (sign === "circle") return [["circle", { cx: 10, cy: 10, r: 8.5, ...edge }]];
    return [["polygon", { points: SIGNS[sign], ...edge }]];
  }

  /* Points of a clustered layer: those that stand close are one circle with their number, a click parts them. */
  const CELL_PX = 56;

  function gather(layer) {
    layer.filled = true;
    layer.group.on("add", () => arrange(layer));
    map.on("zoomend moveend", () => map.hasLayer(layer.group) && arrange(layer));
  }

  function arrange(layer) {
    const sight = map.getBounds().pad(0.2);
    const cells = new Map();
    for (const feature of rowsOf(layer)) {
      const [lon, lat] = feature.geometry.coordinates;
      if (!sight.contains([lat, lon])) continue;
      const { x, y } = map.project([lat, lon], map.getZoom());
      const key = `${Math.floor(x / CELL_PX)} ${Math.floor(y / CELL_PX)}`;
      if (!cells.has(key)) cells.set(key, []);
      cells.get(key).push(feature);
    }
    layer.group.clearLayers();
    layer.paths.clear();
    for (const features of cells.values()) layer.group.addLayer(features.length > 1 ? cluster(layer, features) : single(layer, features[0]));
  }

  const spotOf = ({ geometry: { coordinates: [lon, lat] } }) => [lat, lon];

  function single(layer, feature) {
    const { title, look } = feature.properties;
    const html = drawing(20, ...signParts(facts.looks[look]));
    const icon = L.divIcon({ html, className: "sign", iconSize: [26, 26] });
    const marker = L.marker(spotOf(feature), { icon, title, alt: title });
    layer.paths.set(feature, marker);
    return marker.bindPopup(() => card(feature.properties), POPUP);
  }

  function cluster(layer, features) {
    const bounds = L.latLngBounds(features.map(spotOf));
    const size = features.length < 10 ? 36 : features.length < 100 ? 44 : 54;
    const html = element("span", String(features.length));
    const title = `${features.length} 个，点开看`;
    const marker = L.marker(bounds.getCenter(), { icon: L.divIcon({ html, className: "cluster", iconSize: [size, size] }), title, alt: title });
    marker.on("click", () => {
      const isClose = map.getZoom() >= map.getMaxZoom() - 1 || bounds.getNorthEast().distanceTo(bounds.getSouthWest()) < 2;
      if (isClose) L.popup(POPUP).setLatLng(bounds.getCenter()).setContent(several(features)).openOn(map);
      else map.fitBounds(bounds, { padding: [40, 40], maxZoom: map.getMaxZoom() });
    });
    return marker;
  }

  function several(features) {
    const made = element("section", "", { class: "several" });
    made.append(...features.slice(0, FOUND_AT_MOST).map(({ properties }) => card(properties)));
    if (features.length > FOUND_AT_MOST) made.append(element("p", `还有 ${features.length - FOUND_AT_MOST} 个`));
    return made;
  }

  function writeName(path, direction) {
    const { title } = path.feature.properties;
    if (!title) return;
    path.bindTooltip(element("span", title), { permanent: true, direction, className: "name" });
  }

  function card({ title, rows }) {
    const made = element("section");
    made.append(element("h2", title));
    const list = element("dl");
    for (const [label, value] of rows) list.append(element("dt", label), element("dd", value));
    made.append(list);
    return made;
  }

  function show(layer) {
    if (!layer.filled) fill(layer);
    layer.group.addTo(map);
    // Canvas paths lie in the order they were added: lay again what belongs above.
    layers
      .slice(layers.indexOf(layer) + 1)
      .filter((above) => map.hasLayer(above.group))
      .forEach((above) => above.group.bringToFront());
    layer.box.checked = true;
  }

  function addSwitch(layer) {
    layer.box = element("input", "", { type: "checkbox" });
    layer.box.addEventListener("change", () => (layer.box.checked ? show(layer) : layer.group.remove()));
    const label = element("label");
    label.append(layer.box, element("span", layer.label));
    if (facts.bands[layer.band]) label.append(bandSwatch(layer.band));
    // The list reads from the top of the map to its bottom.
    switches.prepend(label);
  }

  function addPanel() {
    const panel = element("details", "", { class: "panel" });
    panel.open = !narrow();
    panel.addEventListener("toggle", () => map.invalidateSize());
    panel.append(element("summary", "图例、图层与查找"));
    switches = element("div");
    panel.append(legend(), fieldset("图层", switches), finder());
    document.body.append(panel);
  }

  function fieldset(title, ...content) {
    const made = element("fieldset");
    made.append(element("legend", title), ...content);
    return made;
  }

  function legend() {
    const list = element("ul", "", { class: "legend" });
    for (const look of Object.values(facts.looks)) {
      const item = element("li");
      item.append(...look.kinds.map((kind) => swatch(look, kind)), element("span", look.label));
      list.append(item);
    }
    return fieldset("图例", list);
  }

  function drawing(width, ...parts) {
    const svg = document.createElementNS(SWATCH, "svg");
    const size = { width, height: 20, viewBox: `0 0 ${width} 20`, "aria-hidden": "true" };
    for (const [name, value] of Object.entries(size)) svg.setAttribute(name, value);
    for (const [tag, attributes] of parts) {
      const part = document.createElementNS(SWATCH, tag);
      for (const [name, value] of Object.entries(attributes)) part.setAttribute(name, value);
      svg.append(part);
    }
    return svg;
  }

  function swatch(look, kind) {
    const line = {
      stroke: look.colour,
      "stroke-width": look.width_px,
      "stroke-dasharray": look.dash_px.join(" "),
    };
    if (kind === "sign") return drawing(20, ...signParts(look));
    if (kind === "line" && look.ribbon) return ribbonSwatch(look);
    if (kind === "line") return drawing(46, ["line", { x1: 0, y1: 10, x2: 46, y2: 10, ...line }]);
    const box = { x: 1, y: 1, width: 32, height: 18, fill: look.colour, "fill-opacity": look.fill };
    const edge = { x: 1, y: 1, width: 32, height: 18, fill: "none", ...line, "stroke-width": 1 };
    const hatched = [-10, 0, 10, 20, 30].flatMap((shift) =>
      strokes(look.hatch, 10)
        .slice(look.hatch === "x" ? 0 : 1)
        .flatMap(([x1, y1, x2, y2]) => [
          [x1 + shift, y1, x2 + shift, y2],
          [x1 + shift, y1 + 10, x2 + shift, y2 + 10],
        ]),
    );
    const inside = hatched.filter(([x1, , x2]) => Math.min(x1, x2) >= 0 && Math.max(x1, x2) <= 34);
    return drawing(
      34,
      ["rect", box],
      ...inside.map(([x1, y1, x2, y2]) => ["line", { x1, y1, x2, y2, stroke: look.colour, "stroke-width": 1.6 }]),
      ["rect", edge],
    );
  }

  function ribbonSwatch({ colour, width_px }) {
    const [top, bottom] = [10 - width_px / 2, 10 + width_px / 2];
    const edge = { x: 0.5, y: top, width: 45, height: width_px, fill: "#fff", stroke: colour, "stroke-width": 0.8 };
    const slants = [2, 8, 14, 20, 26, 32].map((x) => ["line", { x1: x, y1: bottom, x2: x + width_px, y2: top, stroke: colour, "stroke-width": 1.6 }]);
    return drawing(46, ["rect", edge], ...slants);
  }

  function bandSwatch(key) {
    const { colour, width_px } = facts.bands[key];
    if (width_px < 5) {
      const frame = { x: 2, y: 2, width: 30, height: 16, fill: "none", stroke: colour, "stroke-width": width_px };
      return drawing(34, ["rect", frame]);
    }
    return drawing(34, ["line", { x1: 0, y1: 10, x2: 34, y2: 10, stroke: colour, "stroke-width": width_px }]);
  }

  /* A list of names beside the map: nobody has to hunt with the finger. */
  function finder() {
    const field = element("input", "", { type: "search", "aria-label": "按名称查找", autocomplete: "off" });
    const list = element("ul", "", { class: "found", "aria-live": "polite" });
    field.addEventListener("input", () => list.replaceChildren(...results(field.value.trim())));
    return fieldset("按名称查找", field, list);
  }

  function results(words) {
    if (!words) return [];
    const found = new Map();
    for (const layer of layers.filter((each) => !each.named)) {
      for (const feature of rowsOf(layer)) {
        const { title, place } = feature.properties;
        const key = `${layer.key} ${place || title}`;
        if (title.includes(words) && !found.has(key)) found.set(key, { layer, feature });
        if (found.size >= FOUND_AT_MOST) break;
      }
    }
    if (!found.size) return [element("li", "没有找到")];
    return [...found.values()].map(({ layer, feature }) => {
      const item = element("li");
      const button = element("button", `${feature.properties.title}（${layer.label}）`, { type: "button" });
      button.addEventListener("click", () => go(layer, feature));
      item.append(button);
      return item;
    });
  }

  function go(layer, feature) {
    show(layer);
    if (narrow()) document.querySelector(".panel").open = false;
    if (layer.clustered) {
      const at = spotOf(feature);
      map.setView(at, Math.max(map.getZoom(), 16), { animate: false });
      L.popup(POPUP).setLatLng(at).setContent(card(feature.properties)).openOn(map);
      return;
    }
    const path = layer.paths.get(feature);
    if (path.getBounds) map.fitBounds(path.getBounds(), { maxZoom: 16, animate: false });
    const at = path.getCenter ? path.getCenter() : path.getLatLng();
    L.popup(POPUP).setLatLng(at).setContent(card(feature.properties)).openOn(map);
  }

  return { map: makeMap, layer: addLayer };
})();
