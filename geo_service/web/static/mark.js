/** Marks areas of a photo that nobody may recognise: drawn with the mouse or a finger, or moved by keys. */

const room = document.getElementById("marks");
const photo = document.getElementById("photo");
const field = document.getElementById("boxes");
const told = document.getElementById("told");
const MOST = 50;
const STEP = 0.02;
const boxes = [];

const within = (share) => Math.min(1, Math.max(0, share));

function show() {
  for (const { box, element } of boxes) {
    const [left, top, right, bottom] = box;
    Object.assign(element.style, { left: `${left * 100}%`, top: `${top * 100}%`,
      width: `${(right - left) * 100}%`, height: `${(bottom - top) * 100}%` });
  }
  field.value = JSON.stringify(boxes.map(({ box }) => box.map((share) => Number(share.toFixed(4)))));
  told.textContent = boxes.length ? `遮住 ${boxes.length} 处。` : "没有方框。";
}

function add(box) {
  if (boxes.length >= MOST) return null;
  const element = document.createElement("button");
  element.type = "button";
  element.className = "mark";
  element.setAttribute("aria-label", `第 ${boxes.length + 1} 个方框：方向键移动，Shift 加方向键改大小，Delete 去掉`);
  const mark = { box, element };
  element.addEventListener("keydown", (event) => move(event, mark));
  boxes.push(mark);
  room.append(element);
  show();
  return mark;
}

function remove(mark) {
  boxes.splice(boxes.indexOf(mark), 1);
  mark.element.remove();
  show();
}

function move(event, mark) {
  const steps = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
  if (event.key === "Delete" || event.key === "Backspace") { remove(mark); return; }
  const step = steps[event.key];
  if (!step) return;
  event.preventDefault();
  const [left, top, right, bottom] = mark.box;
  mark.box = event.shiftKey
    ? [left, top, within(Math.max(right + step[0], left + STEP)), within(Math.max(bottom + step[1], top + STEP))]
    : [within(left + step[0]), within(top + step[1]), within(right + step[0]), within(bottom + step[1])];
  show();
}

function at(event) {
  const size = photo.getBoundingClientRect();
  return [within((event.clientX - size.left) / size.width), within((event.clientY - size.top) / size.height)];
}

let drawn = null;
room.addEventListener("pointerdown", (event) => {
  if (event.target !== photo) return;
  event.preventDefault();
  const [x, y] = at(event);
  const mark = add([x, y, x, y]);
  drawn = mark && { mark, x, y };
  room.setPointerCapture(event.pointerId);
});
room.addEventListener("pointermove", (event) => {
  if (!drawn) return;
  const [x, y] = at(event);
  drawn.mark.box = [Math.min(x, drawn.x), Math.min(y, drawn.y), Math.max(x, drawn.x), Math.max(y, drawn.y)];
  show();
});
room.addEventListener("pointerup", () => {
  if (!drawn) return;
  const [left, top, right, bottom] = drawn.mark.box;
  if (right - left < 0.005 || bottom - top < 0.005) remove(drawn.mark);
  drawn = null;
});

document.getElementById("add").addEventListener("click", () => {
  const mark = add([0.4, 0.4, 0.6, 0.6]);
  if (mark) mark.element.focus();
});
document.getElementById("undo").addEventListener("click", () => { if (boxes.length) remove(boxes[boxes.length - 1]); });
show();
