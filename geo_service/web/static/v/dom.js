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
};

/** Return a small picture; the words beside it say the same. */
export function icon(name) {
  return svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" },
    svg("path", { d: ICONS[name], "fill-rule": "evenodd" }));
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
