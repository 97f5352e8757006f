/** The screen of a patrol under way: dark, a large clock, guarded against the pocket; and what looks after the walker. */

import { call, readySound } from "./aloud.js";
import { h, icon, lasting, metres } from "./dom.js";
import { uuid } from "./ids.js";
import * as recorder from "./recorder.js";
import { result, together } from "./store.js";

const HOLD_MS = 1200;
const ANSWER_MS = 120000;

/** Shows and records one patrol; `app` gives person, me, outbox and the way to other screens. */
export class Walking {
  constructor(app, patrol) {
    this.app = app;
    this.patrol = patrol;
    this.sheet = false;
    this.asked = null;
    /** Another screen lies over this one, which records on. */
    this.behind = false;
    this.said = "";
    this.watch = null;
    this.lock = null;
    this.onSeen = () => this.seen();
  }

  start() {
    document.addEventListener("visibilitychange", this.onSeen);
    this.listen();
    this.timer = setInterval(() => this.tick(), 1000);
    this.seen();
    this.draw();
  }

  stop() {
    document.removeEventListener("visibilitychange", this.onSeen);
    clearInterval(this.timer);
    if (this.watch !== null) navigator.geolocation.clearWatch(this.watch);
    this.watch = null;
    if (this.lock) this.lock.release().catch(() => {});
    this.lock = null;
  }

  listen() {
    if (this.watch !== null || this.patrol.state !== "running") return;
    this.watch = navigator.geolocation.watchPosition((at) => this.fix(at), (error) => this.failed(error), {
      enableHighAccuracy: true, maximumAge: 0, timeout: 60000,
    });
  }

  async fix({ coords, timestamp }) {
    const now = Date.now();
    // Some phones tell times of their start, not of the day: such a time is of no use.
    const time_s = Math.abs(timestamp - now) < 86400000 ? timestamp / 1000 : now / 1000;
    const fix = { time_s, lon: coords.longitude, lat: coords.latitude, accuracy_m: coords.accuracy };
    const before = this.patrol.batches;
    this.patrol = (await recorder.take(this.patrol.id, fix, now)) || this.patrol;
    this.said = "";
    if (this.patrol.batches > before) this.app.outbox.wake();
    this.refresh();
  }

  failed(error) {
    if (error.code === 1) { this.end(Date.now(), () => this.app.show("denied")); return; }
    this.said = "暂时收不到定位，请走到开阔的地方。时间照常记录。";
    this.refresh();
  }

  /** The page is looked at again, or no longer. */
  async seen() {
    if (document.visibilityState !== "visible") return;
    if ("wakeLock" in navigator) {
      try { this.lock = await navigator.wakeLock.request("screen"); } catch (error) { this.lock = null; }
    }
    const now = Date.now();
    const away = now - this.patrol.seen;
    if (this.patrol.state === "running" && away > recorder.GAP_MS) {
      this.patrol = await recorder.change(this.patrol.id, (patrol) => recorder.notice(patrol, now, "hidden"));
      this.said = `刚才停了 ${lasting(away)}，那一段没有记下来。不要紧，接着走吧。`;
    }
    this.app.outbox.wake();
    this.refresh();
  }

  tick() {
    const { patrol, app } = this;
    const now = Date.now();
    const still = patrol.state === "running" && now - patrol.moved > app.me.rules.still_minutes * 60000;
    const long = now - patrol.started > app.me.rules.max_hours * 3600000 && !this.longIsFine;
    if ((still || long) && !this.asked) this.ask(now, still);
    if (this.asked && now - this.asked.at > ANSWER_MS) this.unanswered();
    else if (this.asked && Math.floor((now - this.asked.at) / 1000) % 10 === 9) call();
    this.refresh();
  }

  ask(now, still) {
    this.asked = { at: now, still };
    call();
    this.draw();
  }

  async fine() {
    if (!this.asked.still) this.longIsFine = true;
    this.asked = null;
    this.patrol = await recorder.change(this.patrol.id, (patrol) => { patrol.moved = Date.now(); });
    this.draw();
  }

  /** Nobody answered: the coordinator is told before the patrol is ended where it last moved. */
  async unanswered() {
    const { asked } = this;
    this.asked = null;
    if (asked.still) await this.alert("still");
    await this.end(asked.still ? this.patrol.moved : Date.now());
  }

  async alert(kind) {
    const { patrol } = this;
    const where = patrol.last ? { lon: patrol.last.lon, lat: patrol.last.lat } : {};
    const body = { kind, patrol_id: patrol.id, at: new Date().toISOString(), ...where };
    const piece = { person: patrol.person, patrol: null, id: uuid(), method: "POST", path: "/api/v/alerts", body };
    await together(["pieces"], ({ pieces }) => result(pieces.add(piece)));
    this.app.outbox.wake();
  }

  async end(at, then) {
    this.stop();
    this.patrol = await recorder.end(this.patrol.id, at, Date.now());
    this.app.outbox.wake();
    if (then) then();
    else this.app.show("ended", this.patrol.id);
  }

  async pause(isPaused) {
    this.patrol = await recorder.pause(this.patrol.id, Date.now(), isPaused);
    if (isPaused && this.watch !== null) { navigator.geolocation.clearWatch(this.watch); this.watch = null; }
    if (!isPaused) this.listen();
    this.sheet = false;
    this.draw();
  }

  /** Let another screen lie over this one, and come back to it. */
  leave() { this.behind = true; }

  back() {
    this.behind = false;
    this.sheet = false;
    this.app.shown = "walking";
    this.draw();
  }

  draw() {
    if (this.behind && !this.asked) return;
    if (this.asked) {
      // What lay over this one must not draw itself again: it would end the recording.
      this.behind = false;
      this.app.shown = "walking";
    }
    const inside = this.asked ? this.question() : this.sheet ? this.choices() : this.clock();
    this.app.screen.replaceChildren(h("div", { class: "dim" }, ...inside));
    this.refresh();
  }

  clock() {
    const hold = h("button", { class: "hold", type: "button" }, "按住这里：结束或暂停");
    let timer = null;
    const press = () => { readySound(); hold.classList.add("held"); timer = setTimeout(() => this.open(), HOLD_MS); };
    const leave = () => { hold.classList.remove("held"); clearTimeout(timer); };
    for (const name of ["pointerdown"]) hold.addEventListener(name, press);
    for (const name of ["pointerup", "pointerleave", "pointercancel"]) hold.addEventListener(name, leave);
    hold.addEventListener("contextmenu", (event) => event.preventDefault());
    // A keyboard and a screen reader do not touch by accident.
    hold.addEventListener("click", (event) => { if (event.detail === 0) this.open(); });
    this.parts = {
      clock: h("p", { class: "clock" }), walked: h("p", { class: "big" }), said: h("p", { role: "status" }),
      unsent: h("p", null),
    };
    const title = this.patrol.state === "paused" ? "已暂停" : "正在巡查";
    return [h("h1", null, title), h("div", null, this.parts.clock, this.parts.walked), this.parts.said, this.parts.unsent,
      this.patrol.state === "paused"
        ? h("button", { type: "button", onclick: () => this.pause(false) }, "继续巡查") : null,
      h("button", { type: "button", onclick: () => { this.leave(); this.app.show("report"); } }, icon("camera"), "上报问题"),
      hold, this.app.telephone()].filter(Boolean);
  }

  open() { this.sheet = true; this.draw(); }

  choices() {
    const along = h("button", { type: "button", onclick: () => this.along() }, this.companionWords());
    this.parts = {};
    return [
      h("h1", null, "要结束吗？"),
      h("div", null,
        h("button", { type: "button", class: "stop", onclick: () => this.end(Date.now()) }, "确定结束"),
        h("button", { type: "button", onclick: () => { this.sheet = false; this.draw(); } }, "接着走"),
        this.patrol.state === "running"
          ? h("button", { type: "button", onclick: () => this.pause(true) }, "暂停一下") : null,
        along,
        h("a", { class: "button stop", href: `tel:${this.app.me.sos_phone}`, onclick: () => this.alert("sos") },
          `求助：打 ${this.app.me.sos_phone}`)),
      this.app.telephone(),
    ];
  }

  companionWords() {
    const count = this.patrol.companions.length;
    return count ? `同行 ${count} 人，修改` : "有人同行？点这里";
  }

  /** Choose who walks along, by name. */
  along() {
    const chosen = new Set(this.patrol.companions);
    const rows = this.app.me.companions.map(({ id, name }) =>
      h("label", { class: "tick" },
        h("input", { type: "checkbox", checked: chosen.has(id), onchange: (event) => {
          if (event.target.checked) chosen.add(id); else chosen.delete(id);
        } }), name));
    const done = async () => {
      this.patrol = await recorder.change(this.patrol.id, (patrol) => { patrol.companions = Array.from(chosen); });
      this.draw();
    };
    this.app.screen.replaceChildren(h("h1", null, "和谁一起走？"),
      rows.length ? h("div", null, rows) : h("p", null, "名单里还没有可以选的人，请打电话告诉协调员。"),
      h("button", { class: "go", type: "button", onclick: done }, "选好了"), this.app.telephone());
    this.app.focus();
  }

  question() {
    this.parts = {};
    return [
      h("h1", null, this.asked.still ? "您还好吗？" : "还在巡查吗？"),
      h("p", { class: "big", role: "alert" }, this.asked.still
        ? "好一会儿没有走动了。没事就点一下绿色按钮；两分钟没有回答，会告诉协调员。"
        : "已经走了很久。还在走就点一下绿色按钮；两分钟没有回答，就先结束。"),
      h("button", { class: "hold", type: "button", onclick: () => this.fine() }, this.asked.still ? "我没事" : "还在走"),
      h("button", { type: "button", class: "stop", onclick: () => this.end(Date.now()) }, "结束巡查"),
      h("a", { class: "button stop", href: `tel:${this.app.me.sos_phone}`, onclick: () => this.alert("sos") },
        `求助：打 ${this.app.me.sos_phone}`),
      this.app.telephone(),
    ];
  }

  refresh() {
    if (this.behind || !this.parts || !this.parts.clock) return;
    const seconds = Math.max(0, Math.floor((Date.now() - this.patrol.started) / 1000));
    const two = (number) => String(number).padStart(2, "0");
    this.parts.clock.textContent =
      `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
    this.parts.walked.textContent = this.patrol.last ? `走了 ${metres(this.patrol.walked)}` : "正在找定位……";
    this.parts.said.textContent = this.said;
    this.parts.unsent.textContent = this.app.unsentWords();
  }
}
