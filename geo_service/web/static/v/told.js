/** What became of what he reported: thanks, whether it is the same as another, how it goes on, whether it is fixed. */

import { Unreachable } from "./api.js";
import { h } from "./dom.js";
import { refused } from "./outbox.js";
import { uuid } from "./ids.js";
import { keep, kept, result, together, unsent } from "./store.js";

const SAYS = { check: "弄好了，可以办结", rework: "没弄好", reopen: "又没弄好" };

async function answers(app) { return (await kept(`reports:${app.person.id}`)) || []; }

/** An answer that he has seen is kept no longer. */
async function seen(app, id) {
  const left = (await answers(app)).filter((one) => one.id !== id);
  await keep(`reports:${app.person.id}`, left);
}

/** Return cards for the first screen: reports of which something is still to be asked. */
export async function cards(app) {
  const open = (await answers(app)).filter(({ answer }) => answer.similar.length);
  return open.slice(0, 1).map(({ id, answer }) => h("div", { class: "card" },
    h("p", null, `您上报的“${answer.report.what}”，可能已经有人报了。`),
    h("button", { class: "small", type: "button", onclick: () => app.show("reported", id) }, "看一看是不是同一个")));
}

/** Show how a report stands right after it was made: told by the server, not taken, or still on the phone. */
export async function reported(app, id) {
  app.reportId = id;
  const found = (await answers(app)).find((one) => one.id === id);
  const piece = found ? null : (await unsent(app.person.id)).find((one) => one.tells === id);
  // A question of the walk may have come meanwhile: what is drawn over it would end the recording.
  if (app.shown !== "reported") return;
  const next = h("button", { class: "go", type: "button", onclick: () => leave(app, found ? id : null) }, app.walking ? "回到巡查" : "好的");
  if (!found) {
    if (piece && piece.aside) { app.put("没有报上去", [h("p", { class: "big" }, piece.aside), next], null); return; }
    app.put("问题记在手机里了", [h("p", { class: "big" }, "正在上报。没有信号也不要紧，有信号就会自动传。"),
      h("p", { "data-unsent": "", role: "status" }, app.unsentWords()), next], null);
    return;
  }
  app.reportAnswer = found.answer;
  const [like] = found.answer.similar;
  if (!like) { app.put("已上报", [h("p", { class: "big" }, found.answer.words), next], null); return; }
  app.put("是不是同一个问题？", [
    h("p", null, found.answer.words),
    h("p", { class: "big" }, `这附近已经有人报了：${like.what}，离您约 ${Math.round(like.away_m)} 米，${ago(like.opened_at)}报的，${like.state_name}。`),
    h("button", { class: "go", type: "button", onclick: (event) => {
      event.currentTarget.disabled = true;
      same(app, id, like).catch((error) => app.failed(error));
    } }, "是同一个"),
    h("button", { type: "button", onclick: () => leave(app, id) }, "不是，是另一个"),
  ], null);
}

async function same(app, id, like) {
  const path = `/api/v/reports/${id}/same`;
  const piece = { person: app.person.id, patrol: null, report: id, method: "POST", path, body: { case_id: like.case_id } };
  await together(["pieces"], ({ pieces }) => result(pieces.add(piece)));
  app.outbox.wake();
  await seen(app, id);
  if (app.shown !== "reported") return;
  app.put("谢谢您", [h("p", { class: "big" }, "好的，和先前报的放在一起处理。您的照片和说明也会给处理的人看。"),
    h("button", { class: "go", type: "button", onclick: () => leave(app, null) }, app.walking ? "回到巡查" : "好的")], null);
}

async function leave(app, id) {
  if (id) await seen(app, id);
  app.reportAnswer = null;
  if (app.walking) app.walking.back();
  else app.show("home");
}

function ago(moment) {
  const days = Math.floor((Date.now() - new Date(moment)) / 86400000);
  return days < 1 ? "今天" : `${days} 天前`;
}

/** Show what he reported, the latest first; without a signal what the phone knows. */
export async function list(app) {
  const name = `own-reports:${app.person.id}`;
  let own;
  try {
    own = await app.ask("GET", "/api/v/reports");
    await keep(name, own);
  } catch (error) {
    own = await kept(name);
    if (!own || !(error instanceof Unreachable)) throw error;
  }
  const left = await refused(app.person.id);
  app.put("我上报的问题", [
    left.length ? h("div", { class: "card warn" }, h("h2", null, "没有收下的"),
      h("ul", null, left.map((piece) => h("li", null, `${new Date(piece.body.at).toLocaleDateString("zh-CN")}：${piece.aside}`))),
      h("p", null, "还在这部手机里。请打电话告诉协调员。")) : null,
    own.length ? h("ul", { class: "list" }, own.map((one) => h("li", null,
      h("button", { type: "button", onclick: () => app.show("ownReport", one.report_id) },
        h("span", null, h("strong", null, one.what), ` ${one.place || ""} ${one.at.slice(0, 10)}`, h("br"), one.words)))))
      : h("p", null, "还没有上报过。看到问题，点“上报问题”。"),
  ], () => app.show("records"));
}

/** Show how one goes on, and let him say whether it is fixed. */
export async function one(app, id) {
  const own = (await kept(`own-reports:${app.person.id}`)) || [];
  const report = own.find((entry) => entry.report_id === id);
  if (!report) { app.show("reports"); return; }
  const isSaid = Boolean(await saying(app, id));
  app.put(report.what, [
    h("p", { class: "big" }, report.words),
    h("p", null, `编号 ${report.number}${report.place ? `，${report.place}` : ""}`),
    h("ol", null, report.steps.map((step) => h("li", null, `${step.at.slice(5, 10)} ${step.words}`))),
    isSaid ? h("p", { role: "status" }, "您说的记在手机里了，有信号就会自动告诉他们。") : null,
    ...(isSaid ? [] : report.may).map((move) => h("button", { class: move === "check" ? "go" : null, type: "button",
      onclick: (event) => (move === "check" ? say(app, event.currentTarget, id, move, "") : why(app, id, move)) }, SAYS[move])),
  ], () => app.show("reports"));
}

function why(app, id, move) {
  const words = h("textarea", { rows: "3", maxlength: "500" });
  const go = h("button", { class: "go", type: "button", disabled: true,
    onclick: () => say(app, go, id, move, words.value) }, "告诉他们");
  words.addEventListener("input", () => { go.disabled = !words.value.trim(); });
  app.put("哪里没弄好？", [h("label", { class: "field" }, "写一句就行", words), go], () => app.show("ownReport", id));
}

/** Return what he said of a report and the server does not know yet. */
async function saying(app, id) {
  return (await unsent(app.person.id)).find((piece) => piece.says === id && !piece.read);
}

/** Keep what he says on the phone and send it; its id lets it count once, however often it is sent. */
async function say(app, button, id, move, words) {
  button.disabled = true;
  try {
    const piece = { person: app.person.id, patrol: null, says: id, method: "POST", path: `/api/v/reports/${id}/steps`,
      body: { id: uuid(), move, words: words.trim() } };
    await together(["pieces"], ({ pieces }) => result(pieces.add(piece)));
  } catch (error) {
    app.failed(error);
    return;
  }
  Object.assign(app, { saidOf: id, isSaid: false });
  app.show("said", id);
  app.outbox.wake();
}

/** Show what became of what he said: how the report stands now, not taken, or still on the phone. */
export async function said(app, id) {
  const piece = await saying(app, id);
  const own = (await kept(`own-reports:${app.person.id}`)) || [];
  if (app.shown !== "said") return;
  const next = h("button", { class: "go", type: "button", onclick: () => app.show("reports") }, "好的");
  if (piece && !piece.aside) {
    app.put("记下了", [h("p", { class: "big" }, "正在告诉他们。没有信号也不要紧，有信号就会自动传。"),
      h("p", { "data-unsent": "", role: "status" }, app.unsentWords()), next], null);
    return;
  }
  app.isSaid = true;
  const report = own.find((entry) => entry.report_id === id);
  if (piece) app.put("没有收下", [h("p", { class: "big" }, piece.aside), next], null);
  else app.put("谢谢您", [h("p", { class: "big" }, report ? report.words : "收到了。"), next], null);
}
