/** The page of volunteers: who uses it, and its screens. */

import { canRead, read, readySound } from "./aloud.js";
import { ask, enter, people, Refused, remember, trust, Unreachable } from "./api.js";
import { h, icon, lasting } from "./dom.js";
import { key } from "./ids.js";
import { aside, Outbox, readAside } from "./outbox.js";
import * as recorder from "./recorder.js";
import { keep, kept, rows, together, result } from "./store.js";

const SIZES = [["normal", "标准"], ["large", "大"], ["huge", "特大"]];

class App {
  constructor() {
    this.screen = document.getElementById("screen");
    this.person = null;
    this.me = null;
    this.outbox = null;
    this.unsent = 0;
  }

  async open() {
    serve();
    const said = new URLSearchParams(location.hash.slice(1));
    const card = said.get("c");
    this.plate = said.get("p");
    // The secret must not stay in the address, where it is shown and shared.
    if (location.hash) history.replaceState(null, "", "/v");
    const { current, known } = await people();
    this.person = current ? known[current] : null;
    if (card && !(this.person && this.person.card === card)) {
      const own = Object.values(known).find((person) => person.card === card);
      if (!(await this.arrive(own || { card }))) return;
    }
    if (!this.person) { this.show("card", this.plate ? "打卡以前，请先扫一次自己的卡片，再扫公示牌。" : null); return; }
    await this.use();
  }

  /** Come in by a card for the first time, or change the person; return whether that was done. */
  async arrive(person) {
    try {
      const { known } = await people();
      let entered;
      [person, entered] = await enterAs(person, Object.values(known));
      const { person: who, state } = entered;
      const before = known[who.id];
      if (this.outbox) this.outbox.stop();
      this.person = { ...person, id: who.id, name: who.name, size: (before && before.size) || "large", state };
      await remember(this.person);
      if (navigator.storage && navigator.storage.persist) navigator.storage.persist().catch(() => {});
      return true;
    } catch (error) {
      if (person.id && error instanceof Unreachable) {
        this.person = person;
        await remember(person);
        return true;
      }
      this.put("没有进得来", [h("p", { class: "big" }, error instanceof Unreachable
        ? "现在没有信号。请到有信号的地方，再扫一次卡片。" : error.message),
      h("button", { class: "go", type: "button", onclick: () => this.arrive(person).then((ok) => ok && this.use()) }, "再试一次")]);
      return false;
    }
  }

  /** Show the person's page: what is stored at once, what the server says when it comes. */
  async use() {
    document.documentElement.dataset.size = this.person.size || "large";
    this.me = (await kept(`me:${this.person.id}`)) || null;
    if (this.outbox) this.outbox.stop();
    this.outbox = new Outbox(this.person, () => this.counted());
    await this.counted();
    const patrol = await recorder.underWay(this.person.id);
    const stored = this.me;
    if (!stored) await this.renew();
    if (!this.me) return;
    const { plate } = this;
    this.plate = null;
    if (plate) this.show("plate", plate);
    else if (patrol) this.show("again", patrol);
    else this.show("home");
    this.outbox.wake();
    // Drawn again only for news: a screen that changes under the finger loses the touch.
    const before = shown(this.me);
    if (stored && (await this.renew()) && this.shown === "home" && shown(this.me) !== before) this.show("home");
  }

  /** Ask the server for all that the first screen shows; return whether it answered. */
  async renew() {
    try {
      const me = await this.ask("GET", "/api/v/me");
      trust(me.csrf);
      this.me = me;
      await keep(`me:${this.person.id}`, me);
      return true;
    } catch (error) {
      if (error instanceof Refused && error.code === "waiting") this.show("waits");
      else if (error instanceof Refused && error.status === 401) this.show("card", error.message);
      else if (error instanceof Refused && error.status === 404) this.failed(error);
      else if (!this.me) this.failed(error);
      return false;
    }
  }

  ask(method, path, body) { return ask(this.person, method, path, body); }

  async counted() {
    // A photo is one thing to him, in however many parts it goes.
    this.unsent = this.outbox ? new Set((await this.outbox.waiting()).map((one) => one.photo || one.n)).size : 0;
    const words = this.unsentWords();
    for (const element of document.querySelectorAll("[data-unsent]")) element.textContent = words;
    if (this.shown === "ended" && this.outbox) this.refreshEnded();
    if (this.shown === "scanned" && !this.scan.answer) this.show("scanned");
    if (this.shown === "reported" && !this.reportAnswer) this.show("reported", this.reportId);
    if (this.shown === "said" && !this.isSaid) this.show("said", this.saidOf);
  }

  unsentWords() { return this.unsent ? `还有 ${this.unsent} 条没上传，有信号就会自动传。` : "都上传好了。"; }

  failed(error) {
    this.put("请再试一次", [h("p", { class: "big" }, error instanceof Unreachable
      ? "现在没有信号，这一页要有信号才能看。已经记下的都在手机里，不会丢。" : error.message),
    h("button", { class: "go", type: "button", onclick: () => this.show("home") }, "好的")]);
  }

  async show(name, detail) {
    this.shown = name;
    try {
      await SCREENS[name](this, detail);
    } catch (error) {
      if (!(error instanceof Unreachable || error instanceof Refused)) console.error(error);
      this.failed(error);
    }
  }

  /** Put a screen: a heading, what is on it, the telephone below. */
  put(title, children, back) {
    if (this.walking && !this.walking.behind) { this.walking.stop(); this.walking = null; }
    const heading = h("h1", { tabindex: "-1" }, title);
    const aloud = canRead() ? h("button", { class: "small", type: "button", onclick: () => read(this.screen) }, icon("sound"), "读给我听") : null;
    const returns = back === undefined ? () => this.show("home") : back;
    const isHome = this.shown === "home" || !this.me;
    this.screen.replaceChildren(h("div", { class: "top" }, heading, aloud), ...children.filter(Boolean),
      isHome || !returns ? "" : h("button", { type: "button", onclick: returns }, "← 返回"), this.telephone());
    heading.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }

  focus() { const heading = this.screen.querySelector("h1"); if (heading) heading.focus(); }

  telephone() {
    const contact = this.me && this.me.contact;
    return contact ? h("a", { class: "button", href: `tel:${contact.phone}` }, icon("phone"), `打电话给${contact.name || "协调员"}`) : "";
  }
}

const SCREENS = {
  async card(app, why) {
    app.put("请扫卡片", [why ? h("p", { role: "alert" }, why) : null,
      h("p", { class: "big" }, "用微信或相机扫一扫卡片上的方块码，就能进来。"),
      app.unsent ? h("p", { role: "status" }, app.unsentWords()) : null,
      h("p", null, "没有卡片，或者卡片不见了，请找社区的协调员再要一张。")]);
  },

  waits(app) {
    app.put("等协调员同意", [h("p", { class: "big" }, "这是您的另一部手机。请打电话请协调员点一下“同意”，再点下面的按钮。"),
      h("button", { class: "go", type: "button", onclick: () => app.use() }, "已经同意了，进去")]);
  },

  async home(app) {
    const reports = await import("./told.js");
    const laid = await aside(app.person.id);
    const sizes = h("fieldset", { class: "sizes" }, SIZES.map(([size, word]) =>
      h("button", { class: "small", type: "button", "aria-label": `字号：${word}`, "aria-pressed": String(app.person.size === size),
        onclick: async () => {
          app.person.size = size;
          document.documentElement.dataset.size = size;
          await remember(app.person);
          app.show("home");
        } }, word)));
    app.put(`${app.person.name}，您好`, [
      ...app.me.notices.map((notice) => h("div", { class: "card warn", role: "alert" }, h("strong", null, icon("warn"), ` ${notice.title}`), h("p", null, notice.text))),
      h("button", { class: "go", type: "button", onclick: () => start(app) }, icon("start"), "开始巡查"),
      app.me.found ? h("div", { class: "card" }, h("p", null, "别的软件记下了您的外出。"),
        h("button", { class: "small", type: "button", onclick: () => app.show("found") }, "看看哪些是巡查")) : null,
      h("button", { class: "report", type: "button", onclick: () => app.show("report") }, icon("camera"), "上报问题"),
      ...(await reports.cards(app)),
      h("button", { type: "button", onclick: () => app.show("records") }, "我的记录"),
      h("button", { type: "button", onclick: () => app.show("contact") }, "联系人"),
      h("p", { "data-unsent": "", role: "status" }, app.unsentWords()),
      ...laid.slice(0, 3).map((piece) => h("div", { class: "card warn" },
        h("p", null, `${piece.photo ? "有一张照片" : "有一条记录"}没有收下：${piece.aside}`),
        h("button", { class: "small", type: "button", onclick: () => readAside(piece).then(() => app.show("home")) }, "知道了"))),
      app.me.consent.is_current ? null : h("p", null, "不记路线也可以：到公示牌旁，用微信或相机扫一扫，就能打卡。"),
      sizes,
    ]);
  },

  async consent(app, next) {
    const { consent } = app.me;
    const tick = h("input", { type: "checkbox" });
    const agree = h("button", { class: "go", type: "button", disabled: true }, next === "start" ? "同意，开始巡查" : "同意");
    tick.addEventListener("change", () => { agree.disabled = !tick.checked; });
    const say = async (given) => {
      app.me.consent = await app.ask("POST", "/api/v/consent", { version: consent.version, given });
      await keep(`me:${app.person.id}`, app.me);
    };
    agree.addEventListener("click", async () => {
      readySound();
      try { await say(true); } catch (error) { app.failed(error); return; }
      app.outbox.wake();
      if (next === "start") start(app); else app.show(next || "home");
    });
    const withdraw = h("button", { class: "stop", type: "button", onclick: async () => {
      try { await say(false); } catch (error) { app.failed(error); return; }
      app.show(next || "home");
    } }, "撤回同意");
    app.put(consent.title, [
      ...consent.paragraphs.map((words) => h("p", null, words)),
      consent.is_current
        ? h("div", null, h("p", { class: "big" }, "您已经同意。"), withdraw)
        : h("div", null, h("label", { class: "tick" }, tick, "我看过了，同意记录我的巡查路线"), agree,
          h("button", { type: "button", onclick: () => app.show(next === "records" ? next : "byPlate") }, "先不同意")),
    ], consent.is_current ? () => app.show(next || "home") : null);
  },

  denied(app) {
    app.put("手机没有让我们看位置", [
      h("p", { class: "big" }, "要记录路线，请让手机允许“位置信息”。"),
      permission(),
      h("ol", null,
        h("li", null, "打开手机的“设置”，找到“应用”里的微信或浏览器。"),
        h("li", null, "点“权限”，再点“位置信息”。"),
        h("li", null, "选“使用期间允许”，回到这里再点“开始巡查”。")),
      h("p", null, "弄不好也不要紧：可以到公示牌旁扫码打卡，不带位置也行；或者请协调员帮忙，填纸质记录。"),
      h("button", { class: "go", type: "button", onclick: () => start(app) }, "已经允许，再试一次"),
    ]);
  },

  again(app, patrol) {
    const since = new Date(patrol.started);
    const clock = since.toLocaleTimeString("zh-CN", { hour: "2-digit", minute: "2-digit" });
    app.put("上次的巡查还没有结束", [
      h("p", { class: "big" }, `${since.toLocaleDateString("zh-CN")} ${clock} 开始的巡查还在手机里，一点没丢。`),
      h("button", { class: "go", type: "button", onclick: async () => {
        readySound();
        const now = Date.now();
        const seen = await recorder.change(patrol.id, (one) => { recorder.notice(one, now, "killed"); one.moved = now; });
        walk(app, seen);
      } }, "接着走"),
      h("button", { type: "button", onclick: async () => {
        await recorder.end(patrol.id, patrol.seen, Date.now());
        app.outbox.wake();
        app.show("ended", patrol.id);
      } }, "那次已经走完了"),
    ], null);
  },

  async ended(app, id) {
    app.endedId = id;
    const patrol = (await rows("patrols")).find((one) => one.id === id);
    const { verdict, withMap } = await import("./records.js");
    const took = lasting(patrol.ends - patrol.started);
    app.put("辛苦了", patrol.answer
      ? [...verdict(app, patrol.answer)]
      : [h("p", { class: "big" }, `谢谢您！这次走了 ${took}，大约 ${Math.round(patrol.walked)} 米。`),
        h("p", { "data-unsent": "", role: "status" }, app.unsentWords()),
        app.outbox.needsConsent
          ? h("button", { class: "go", type: "button", onclick: () => app.show("consent", "home") }, "还差一步：同意记录路线") : null,
        h("p", null, "上传好以后，这里会告诉您哪些路段算数。")]);
    if (patrol.answer) {
      await withMap(app);
      await forgetSeen(patrol);
    }
  },

  async report(app) { await (await import("./report.js")).show(app); },
  async reported(app, id) { await (await import("./told.js")).reported(app, id); },
  async said(app, id) { await (await import("./told.js")).said(app, id); },
  async reports(app) { await (await import("./told.js")).list(app); },
  async ownReport(app, id) { await (await import("./told.js")).one(app, id); },

  async found(app, told) { await (await import("./found.js")).show(app, told); },
  async plate(app, id) { await (await import("./plate.js")).show(app, id); },
  async scanned(app) { await (await import("./plate.js")).scanned(app); },
  async byPlate(app) { (await import("./plate.js")).how(app); },

  async records(app) { await (await import("./records.js")).show(app); },
  async record(app, id) { await (await import("./records.js")).one(app, id); },

  async places(app) {
    const { draw, list } = await import("./map.js");
    const room = h("div", null);
    app.put("我的河、路和小区", [room, app.me.places.length ? list(app.me.places) : h("p", null, "还没有分给您对象，请问协调员。")],
      () => app.show("records"));
    const drawn = await app.ask("GET", "/api/v/places").then((found) => { keep(`places:${app.person.id}`, found); return found; },
      () => kept(`places:${app.person.id}`)).then((found) => found && draw(found));
    if (drawn && room.isConnected) room.replaceChildren(drawn);
  },

  contact(app) {
    const { contact } = app.me;
    app.put("联系人", [
      contact
        ? h("div", { class: "card" }, h("p", { class: "big" }, contact.name || "协调员"), h("p", null, contact.phone))
        : h("p", null, "辖区还没有登记联系电话。"),
      h("a", { class: "button stop", href: `tel:${app.me.sos_phone}` }, `求助：打 ${app.me.sos_phone}`),
    ]);
  },
};

/**
 * Come in by a card; return the person with the key that opened it, and the answer.
 *
 * Another card of somebody whom this phone knows must find the same phone, so the keys that it has come first: of
 * anybody else's the server says that it does not know them.
 */
async function enterAs(person, known) {
  const keys = person.phone_key ? [person.phone_key] : [...known.map((one) => one.phone_key), key()];
  for (const [k, phone_key] of keys.entries()) {
    const own = { ...person, phone_key };
    try {
      return [own, await enter(own)];
    } catch (error) {
      if (!(error instanceof Refused && error.status === 404) || k === keys.length - 1) throw error;
    }
  }
  throw new Error("no key");
}

/** Let the worker keep the page, and lead from a plate to it where there is no signal. */
async function serve() {
  if (!navigator.serviceWorker) return;
  try {
    await navigator.serviceWorker.register("/v/sw.js", { scope: "/v" });
    await navigator.serviceWorker.ready;
    await navigator.serviceWorker.register("/v/sw.js", { scope: "/p/" });
  } catch (error) { /* A browser that keeps nothing shows the page all the same. */ }
}

/** Return what of an answer a person sees. */
function shown(me) { return JSON.stringify({ ...me, now: null, csrf: null }); }

/** A picture of the question that the browser asks. */
function permission() {
  const box = h("div", { class: "card", role: "img", "aria-label": "手机会问：是否允许使用您的位置？请点“允许”。" });
  box.append(h("p", null, "允许使用您的位置？"), h("p", { class: "big" }, "→ 点“允许”"));
  return box;
}

/** Begin a patrol: at most the consent and the browser's own question come before. */
async function start(app) {
  readySound();
  if (!app.me.consent.is_current) { app.show("consent", "start"); return; }
  if (!navigator.geolocation) { app.show("denied"); return; }
  walk(app, (await recorder.underWay(app.person.id)) || (await recorder.begin(app.person.id, Date.now())));
}

async function walk(app, patrol) {
  const { Walking } = await import("./walking.js");
  app.shown = "walking";
  if (app.walking) app.walking.stop();
  app.walking = new Walking(app, patrol);
  app.walking.start();
}

/** A patrol whose verdict was seen has no more to do on this phone. */
function forgetSeen(patrol) {
  return together(["patrols"], ({ patrols }) => result(patrols.delete(patrol.id)));
}

App.prototype.refreshEnded = async function refreshEnded() {
  const patrol = (await rows("patrols")).find((one) => one.id === this.endedId);
  if (patrol && patrol.answer && this.shown === "ended") this.show("ended", this.endedId);
};

const app = new App();
window.addEventListener("online", () => app.outbox && app.outbox.wake());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && app.outbox) app.outbox.wake();
});
// An installed page is handed the address without being loaded anew.
window.addEventListener("hashchange", () => { if (location.hash.startsWith("#p=")) app.open(); });
app.open();
