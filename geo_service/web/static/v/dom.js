/** Small pieces of page: everything a person wrote goes in as text, never as markup. */

/** Make an element: attributes, `on...` listeners, then children (text or elements; nothing for null). */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Make an element of SVG. */
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

const ICONS = {
  phone: "M6 2h4l2 6-3 2a12 12 0 0 0 5 5l2-3 6 2v4c0 2-1 3-3 3C10 21 3 14 3 5c0-2 1-3 3-3z",
  start: "M6 3l15 9-15 9z",
  sound: "M3 9h4l6-5v16l-6-5H3zM16 8a6 6 0 0 1 0 8zM18 4a11 11 0 0 1 0 16z",
  warn: "M12 2l11 20H1zM11 9v6h2V9zM11 17v2h2v-2z",
  camera: "M8 4h8l2 3h4v13H2V7h4zM12 9a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9z",
  litter: "M9 2h6v2h5v2H4V4h5zM5 8h14l-1 14H6zM9 11v8h2v-8zM13 11v8h2v-8z",
  water: "M12 2c4 5 7 8 7 12a7 7 0 0 1-14 0c0-4 3-7 7-12zM8 14a4 4 0 0 0 4 4v-2a2 2 0 0 1-2-2z",
  chaos: "M2 20h20v2H2zM4 18V9l5 3V9l5 3V4h6v14zM7 14v2h2v-2zM12 14v2h2v-2z",
  road: "M7 2h4v5h2V2h4l5 20h-9v-5h-2v5H2zM11 9v5h2V9z",
  parking: "M5 2h8a6 6 0 0 1 0 12H9v8H5zM9 6v4h4a2 2 0 0 0 0-4z",
  facility: "M10 2h4v5h5l-3 5H8L5 7h5zM10 13h4v9h-4z",
  danger: "M12 1l4 7 7 1-5 6 1 8-7-3-7 3 1-8-5-6 7-1zM11 8v6h2V8zM11 16v2h2v-2z",
  other: "M3 10h4v4H3zM10 10h4v4h-4zM17 10h4v4h-4z",
};

/** Return a small picture; the words beside it say the same. */
export function icon(name, kind = "icon") {
  return svg("svg", { viewBox: "0 0 24 24", class: kind, "aria-hidden": "true" },
    svg("path", { d: ICONS[name] || ICONS.other, "fill-rule": "evenodd" }));
}

/** Say a length as people do. */
export function metres(value) {
  return value < 1000 ? `${Math.round(value)} 米` : `${(value / 1000).toFixed(1)} 公里`;
}

/** Say a time that passed as people do. */
export function lasting(milliseconds) {
  const minutes = Math.max(1, Math.round(milliseconds / 60000));
  return minutes < 60 ? `${minutes} 分钟` : `${Math.floor(minutes / 60)} 小时 ${minutes % 60} 分钟`;
}
