/* Small pictures drawn here, so that nothing of the map comes from another host: hatches and names. */

const STROKES = { "/": [[0, 1, 1, 0]], "\\": [[0, 0, 1, 1]], x: [[0, 1, 1, 0], [0, 0, 1, 1]] };

function sheet(width, height) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  return [canvas, canvas.getContext("2d")];
}

const pixels = (pen, { width, height }) => pen.getImageData(0, 0, width, height);

/* A hatch that repeats without a seam: each stroke also just beyond every side. */
export function tile(sign, colour, size = 16, ground = null) {
  const [canvas, pen] = sheet(size, size);
  if (ground) {
    pen.fillStyle = ground;
    pen.fillRect(0, 0, size, size);
  }
  Object.assign(pen, { strokeStyle: colour, lineWidth: 2 });
  for (const [x1, y1, x2, y2] of STROKES[sign] ?? []) {
    for (const dx of [-size, 0, size]) {
      pen.beginPath();
      pen.moveTo(x1 * size + dx, y1 * size);
      pen.lineTo(x2 * size + dx, y2 * size);
      pen.stroke();
    }
  }
  return canvas;
}

export function hatch(...asked) {
  const canvas = tile(...asked);
  return pixels(canvas.getContext("2d"), canvas);
}

/* A name as a picture twice as fine as the map, dark on a pale rim. */
export function written(name) {
  const font = '26px system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "WenQuanYi Micro Hei", sans-serif';
  const short = name.length > 16 ? `${name.slice(0, 15)}…` : name;
  const [, trial] = sheet(1, 1);
  trial.font = font;
  const width = Math.ceil(trial.measureText(short).width) + 12;
  const [canvas, pen] = sheet(short ? width : 1, short ? 40 : 1);
  Object.assign(pen, { font, textBaseline: "middle", lineWidth: 6, lineJoin: "round" });
  Object.assign(pen, { strokeStyle: "rgba(255,255,255,.9)", fillStyle: "#1b1b1b" });
  pen.strokeText(short, 6, 21);
  pen.fillText(short, 6, 21);
  return pixels(pen, canvas);
}

/* Shapes of points in a box of 20 by 20, so that a state is told without its colour. */
const SIGNS = {
  triangle: "M10 1L19 18H1z",
  diamond: "M10 0L20 10L10 20L0 10z",
  square: "M2 2H18V18H2z",
  hexagon: "M5 1H15L20 10L15 19H5L0 10z",
  star: "M10 0L12.9 6.6L20 7.4L14.7 12.2L16.2 19.3L10 15.7L3.8 19.3L5.3 12.2L0 7.4L7.1 6.6z",
  circle: "M1.5 10a8.5 8.5 0 1 0 17 0a8.5 8.5 0 1 0 -17 0z",
  ring: "M2.5 10a7.5 7.5 0 1 0 15 0a7.5 7.5 0 1 0 -15 0z",
  bars: "M3 2h5v16h-5zM12 2h5v16h-5z",
};

/* Somebody on the way. */
export const WALKER = { sign: "circle", colour: "#0b6e4f" };

/* A sign twice as fine as the map on a white rim; what is late has a red one around that. */
export function sign({ sign: name, colour }, isLate = false) {
  const [canvas, pen] = sheet(52, 52);
  pen.setTransform(2, 0, 0, 2, 6, 6);
  const path = new Path2D(SIGNS[name]);
  pen.lineJoin = "round";
  for (const [lineWidth, strokeStyle] of isLate ? [[6, "#c00000"], [3, "#fff"]] : [[3, "#fff"]]) {
    Object.assign(pen, { lineWidth, strokeStyle });
    pen.stroke(path);
  }
  pen.fillStyle = name === "ring" ? "#fff" : colour;
  pen.fill(path);
  if (name === "ring") {
    Object.assign(pen, { strokeStyle: colour, lineWidth: 3.5 });
    pen.stroke(path);
  }
  return canvas;
}

export const signed = (...asked) => {
  const canvas = sign(...asked);
  return pixels(canvas.getContext("2d"), canvas);
};
