/* What the colours, dashes and hatches mean, in words. */
const SVG = "http://www.w3.org/2000/svg";

const svg = (tag, attributes) => {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};

export function show(list, mode) {
  const looks = new Map();
  for (const look of [...mode.classes, ...mode.stretches]) looks.set(look.label, look);
  list.replaceChildren(
    ...[...looks.values()].map((look) => {
      const item = document.createElement("li");
      item.append(swatch(look), look.label);
      return item;
    }),
  );
}

function swatch(look) {
  const made = svg("svg", { viewBox: "0 0 46 20", width: 46, height: 20, "aria-hidden": "true" });
  if (look.ribbon) {
    made.append(svg("rect", { x: 1, y: 5, width: 44, height: 10, fill: "#fff", stroke: look.colour }));
    for (let x = 4; x < 46; x += 6) made.append(svg("path", { d: `M${x} 15 l6 -10`, stroke: look.colour }));
    return made;
  }
  const dash = look.dash.length ? { "stroke-dasharray": look.dash.join(" ") } : {};
  made.append(svg("path", { d: "M1 10 H45", stroke: look.colour, "stroke-width": look.width, ...dash }));
  return made;
}
