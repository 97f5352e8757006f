/** Outings that another app of his recorded: he says of each whether it was a patrol. */

import { h, lasting, metres } from "./dom.js";

/** Show those that wait for his word, the latest first. */
export async function show(app, told) {
  const found = await app.ask("GET", "/api/v/found");
  app.me.found = found.length > 0;
  app.put("哪些是巡查？", [
    told ? h("p", { role: "status", class: "big" }, told) : null,
    found.length
      ? h("p", null, "别的软件记下了这几次外出。是巡查的，点“是巡查”；不是的，点“不是”，路线马上删掉。")
      : h("p", null, "没有等您认的外出了。刚走完的，过 20 分钟再来看。"),
    ...found.map((outing) => card(app, outing)),
  ], () => app.show("records"));
}

function card(app, outing) {
  const began = new Date(outing.started_at), ended = new Date(outing.ended_at);
  const clock = (moment) => moment.toLocaleTimeString("zh-CN", { hour: "2-digit", minute: "2-digit" });
  const day = began.toLocaleDateString("zh-CN", { month: "long", day: "numeric", weekday: "short" });
  const heading = `${day} ${clock(began)} 到 ${clock(ended)}`;
  const mates = app.me.companions.map((mate) => h("label", { class: "tick" },
    h("input", { type: "checkbox", value: mate.id }), mate.name));
  const group = mates.length ? h("details", null, h("summary", null, "和谁一起走的"), mates) : null;
  const say = async (is_patrol, words) => {
    const companions = is_patrol && group
      ? [...group.querySelectorAll("input:checked")].map((box) => box.value) : [];
    try {
      const answer = await app.ask("POST", `/api/v/found/${outing.key}`, { is_patrol, companions });
      app.show("found", answer ? answer.told : words);
    } catch (error) {
      // A second tap, or a word whose reply was lost: the list as it is now tells.
      if (error.status === 404) app.show("found");
      else app.failed(error);
    }
  };
  return h("section", { class: "card", "aria-label": heading },
    h("h2", null, heading),
    h("p", null, `走了 ${metres(outing.walked_m)}，${lasting(ended - began)}，沿着 ${outing.places.join("、")}`),
    group,
    h("button", { class: "go", type: "button", onclick: () => say(true) }, "是巡查"),
    h("button", { type: "button", onclick: () => say(false, "好的，那次的路线已经删掉。") }, "不是"));
}
