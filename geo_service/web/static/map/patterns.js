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
