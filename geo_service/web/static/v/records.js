/** 我的记录: outings of his own, one of them in full, and what he may do with what is kept of him. */

import { draw } from "./map.js";
import { h, lasting, metres } from "./dom.js";

const WORDS = { counted: "✓", review: "…", not_counted: "·" };

/** Show the list. */
export async function show(app) {
  const { items, next } = await app.ask("GET", "/api/v/records");
  const list = h("ul", { class: "list" }, items.map((item) => row(app, item)));
  const more = h("button", { type: "button" }, "再看以前的");
  let cursor = next;
  more.hidden = !cursor;
  more.addEventListener("click", async () => {
    const page = await app.ask("GET", `/api/v/records?cursor=${encodeURIComponent(cursor)}`);
    list.append(...page.items.map((item) => row(app, item)));
    cursor = page.next;
    more.hidden = !cursor;
  });
  app.put("我的记录", [
    h("button", { type: "button", onclick: () => app.show("places") }, "我的河、路和小区"),
    h("button", { type: "button", onclick: () => app.show("reports") }, "我上报的问题"),
    app.me.found ? h("button", { type: "button", onclick: () => app.show("found") }, "别的软件记下的外出") : null,
    items.length ? list : h("p", null, "还没有记录。走一次巡查，这里就会有。"), more,
    h("h2", null, "我的资料由我做主"),
    h("a", { class: "button", href: `/api/people/${app.person.id}/data.zip`, download: "" }, "下载我的全部资料"),
    h("a", { class: "button", href: "/me" }, "查看或删除我的资料"),
    h("button", { type: "button", onclick: () => app.show("consent", "records") }, "路线记录：同意或撤回"),
  ]);
}

function row(app, item) {
  const way = item.evidence === "track" ? `走了 ${metres(item.walked_m)}，${lasting(item.minutes * 60000)}` : item.evidence_name;
  const state = item.is_open ? "还没有结束" : `${WORDS[item.verdict] || ""} ${item.verdict_name}`;
  return h("li", null, h("button", { type: "button", onclick: () => app.show("record", item.patrol_id) },
    h("span", null, h("strong", null, item.day), ` ${item.place || ""} `, way, h("br"), state)));
}

/** Show one outing: thanks, time and way first, then what counted, then what is missing. */
export async function one(app, id) {
  const answer = await app.ask("GET", `/api/patrols/${id}`);
  app.put("这次巡查", verdict(app, answer), () => app.show("records"));
  await withMap(app);
}

/** Return what is told of a patrol. */
export function verdict(app, answer) {
  const reasons = (answer.reasons || []).map((reason) => h("li", null, reason.words));
  const notes = (answer.notes || []).map((note) => h("p", null, note));
  const scans = (answer.check_ins || []).map((scan) => h("li", null,
    `${scan.at.slice(11, 16)} ${scan.place || ""} ${scan.is_near ? "在牌子旁" : "位置待核对"}`));
  return [
    h("p", { class: "big" }, answer.told),
    reasons.length ? h("div", { class: "card" }, h("h2", null, "说明"), h("ul", null, reasons)) : null,
    scans.length ? h("div", { class: "card" }, h("h2", null, "打卡"), h("ul", null, scans)) : null,
    ...notes,
    h("div", { id: "map" }),
  ];
}

/** Draw his places below, as far as the server can be asked. */
export async function withMap(app) {
  const room = document.getElementById("map");
  if (!room) return;
  const drawn = await app.ask("GET", "/api/v/places").then(draw, () => null);
  if (drawn && room.isConnected) room.replaceChildren(drawn);
}
