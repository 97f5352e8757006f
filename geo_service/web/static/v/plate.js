/** Checking in at a plate: one question, one button, one look at the position. It waits for a signal if need be. */

import { Unreachable, Refused } from "./api.js";
import { h } from "./dom.js";
import { uuid } from "./ids.js";
import * as recorder from "./recorder.js";
import { keep, kept, result, together, unsent } from "./store.js";

const PATIENCE_MS = 20000;
/** A position that is no older than this is where one stands. */
const FRESH_MS = 30000;

/** Ask whether to check in; the place is known by name from the last time, or from the server. */
export async function show(app, plate) {
  const known = await kept(`plate:${plate}`);
  const where = h("p", null, known && known.where ? known.where : "");
  const go = h("button", { class: "go", type: "button", onclick: () => look(app, plate) }, "打卡");
  app.put(question(known), [where, go,
    h("p", null, "点“打卡”，手机会看一次您在哪里，只用来核对您在牌子旁边。")], () => away(app));
  try {
    const found = await app.ask("GET", `/api/v/plates/${encodeURIComponent(plate)}`);
    await keep(`plate:${plate}`, found);
    // In place: a screen that is drawn again under the finger loses the touch.
    if (!go.isConnected) return;
    app.screen.querySelector("h1").textContent = question(found);
    where.textContent = found.where || "";
  } catch (error) {
    if (error instanceof Unreachable || !(error instanceof Refused)) return;
    if (error.status === 404 && go.isConnected) app.put("这块牌子不能打卡", [h("p", { class: "big" }, error.message)], () => away(app));
  }
}

function question(plate) { return plate ? `您在${plate.place.name}，打卡？` : "您在公示牌旁，打卡？"; }

/** Look once where the phone is, then check in; without a position he is asked first. */
function look(app, plate) {
  app.put("请稍等", [h("p", { class: "big", role: "status" }, "正在看您在哪里……"),
    h("p", null, "手机如果问“是否允许使用位置”，请点“允许”。")], null);
  if (!navigator.geolocation) { without(app, plate, true); return; }
  navigator.geolocation.getCurrentPosition(
    ({ coords }) => scan(app, plate, coords),
    (error) => without(app, plate, error.code === 1),
    { enableHighAccuracy: true, timeout: PATIENCE_MS, maximumAge: FRESH_MS },
  );
}

function without(app, plate, isDenied) {
  app.put(isDenied ? "手机没有让我们看位置" : "暂时收不到定位", [
    h("p", { class: "big" }, isDenied
      ? "没有位置也能打卡，协调员会再看一眼。" : "请走到开阔的地方再试；没有位置也能打卡，协调员会再看一眼。"),
    h("button", { class: "go", type: "button", onclick: () => scan(app, plate, null) }, "不带位置打卡"),
    h("button", { type: "button", onclick: () => look(app, plate) }, "再试一次"),
  ], () => away(app));
}

/** Keep the scan on the phone and send it; what is recorded of a walk under way goes before it. */
async function scan(app, plate, coords) {
  const now = Date.now();
  const walk = await recorder.underWay(app.person.id);
  if (walk) await recorder.flush(walk.id, coords && position(coords), now);
  const id = uuid();
  const body = { plate, at: new Date(now).toISOString(), datum: "wgs84", ...(coords ? position(coords) : {}) };
  if (walk) body.patrol_id = walk.id;
  const piece = { person: app.person.id, patrol: null, scan: id, method: "PUT", path: `/api/v/check-ins/${id}`, body };
  await together(["pieces"], ({ pieces }) => result(pieces.add(piece)));
  app.scan = { id, answer: null };
  app.show("scanned");
  app.outbox.wake();
}

function position(coords) {
  const at = { lon: coords.longitude, lat: coords.latitude };
  return coords.accuracy > 0 ? { ...at, accuracy_m: coords.accuracy } : at;
}

/** Show how the scan stands: told by the server, not taken, or still on the phone. */
export async function scanned(app) {
  const { id } = app.scan;
  const answer = app.scan.answer || (await kept(`scan:${id}`));
  if (answer) {
    app.scan.answer = answer;
    await together(["kept"], ({ kept: store }) => result(store.delete(`scan:${id}`)));
  }
  const piece = answer ? null : (await unsent(app.person.id)).find((one) => one.scan === id);
  const back = (await recorder.underWay(app.person.id)) ? "回到巡查" : "好的";
  const next = h("button", { class: "go", type: "button", onclick: () => away(app) }, back);
  if (answer) app.put("已打卡", [h("p", { class: "big" }, answer.words), next], null);
  else if (piece && piece.aside) app.put("没有打成卡", [h("p", { class: "big" }, piece.aside), next], null);
  else {
    app.put("打卡记在手机里了", [h("p", { class: "big" }, "正在发给协调员。没有信号也不要紧，有信号就会自动传。"),
      h("p", { "data-unsent": "", role: "status" }, app.unsentWords()), next], null);
  }
}

/** What becomes of a walk that is recorded is up to him; else the first screen. */
async function away(app) {
  const walk = await recorder.underWay(app.person.id);
  if (walk) app.show("again", walk);
  else app.show("home");
}

/** Tell who records no way how to check in. */
export function how(app) {
  app.put("不记路线，也能打卡", [
    h("ol", null,
      h("li", null, "走到河边、路边或小区的公示牌旁边。"),
      h("li", null, "用微信或相机扫一扫牌子上的方块码。"),
      h("li", null, "点“打卡”。")),
    h("p", null, "打卡时的位置只用来核对您在牌子旁边，不保存。没有牌子的地方，可以填纸质记录，交给协调员。"),
    h("button", { class: "go", type: "button", onclick: () => app.show("home") }, "知道了"),
    h("button", { type: "button", onclick: () => app.show("consent", "start") }, "再看看路线说明"),
  ], null);
}
