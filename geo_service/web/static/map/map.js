/* The coordinators' map: its state stands in the address, what it shows comes from this server alone.
   `gl` draws by WebGL; where there is none, `flat` draws the same with Leaflet. */
import { classify, townClass, townMode } from "./classes.js";
import * as flat from "./flat.js";
import * as gl from "./gl.js";
import { show as showLegend } from "./legend.js";
import { listen } from "./find.js";
import { listen as listenForCases } from "./cases.js";
import { listen as listenForWalks } from "./walks.js";

const address = new URL(location.href);
/* What the address asks of the server; `by`, `at`, `place` and `cases` are the page's own. */
const asked = new URLSearchParams(address.search);
for (const own of ["by", "at", "place", "cases"]) asked.delete(own);
const query = asked.toString() ? `?${asked}` : "";
const panel = document.getElementById("panel");
const by = document.getElementById("by");
const notice = document.getElementById("notice");
let drawing = null;
let facts = null;
let values = null;
let zoom = null;
let turn = 0;

function remember(key, value) {
  if (value === null) address.searchParams.delete(key);
  else address.searchParams.set(key, value);
  history.replaceState(null, "", address);
}

function tell(words) {
  notice.textContent = words;
  notice.hidden = !words;
}

async function read(path, as = "json") {
  const answer = await fetch(path, { headers: { Accept: as === "json" ? "application/json" : "text/html" } });
  if (answer.redirected && new URL(answer.url).pathname !== new URL(path, location.href).pathname) location.reload();
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer[as]();
}

/* Panels are whole answers of this server, in which every word is escaped. The latest that was asked for stays. */
async function open(path, after = () => {}) {
  const own = ++turn;
  panel.setAttribute("aria-busy", "true");
  try {
    const html = await read(path, "text");
    if (own !== turn) return;
    panel.innerHTML = html;
    after();
  } catch {
    if (own === turn) panel.innerHTML = '<p class="notice">没有读到。请检查网络后再点一次。</p>';
  } finally {
    if (own === turn) panel.removeAttribute("aria-busy");
  }
}

const openList = () => {
  remember("place", null);
  drawing?.choose(null);
  return open(`/map/list${query}`);
};

function openCard(id, { move = null } = {}) {
  remember("place", id);
  drawing?.choose(id);
  if (move) drawing?.goTo(move);
  return open(`/map/card/${id}${query}`, () => {
    panel.parentElement.scrollTop = panel.offsetTop - 8;
  });
}

panel.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-place], a[data-back]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.dataset.back) openList();
  else openCard(Number(link.dataset.place)).then(() => find(Number(link.dataset.place)));
});

/* From a list a place is also looked for on the map. */
async function find(id) {
  const code = panel.querySelector("article dd:nth-of-type(2)")?.textContent;
  if (!code) return;
  const found = await read(`/api/find?${new URLSearchParams({ ...county(), q: code })}`);
  const own = found.find((one) => one.id === id);
  if (own?.bounds) drawing?.goTo(own.bounds);
}

const county = () => (asked.get("county") ? { county: asked.get("county") } : {});

const chosenMode = () => facts.modes.find((one) => one.key === by.value) ?? facts.modes[0];
const byTownship = () => zoom !== null && zoom < facts.from.lines && values?.areas.id.length > 0;

function colour() {
  const mode = chosenMode();
  explain();
  if (!values) return;
  const { id } = values.places;
  const classes = new Map(id.map((one, i) => [one, classify(mode, values.places, i, facts.ends)]));
  const towns = new Map(values.areas.id.map((one, i) => [one, townClass(mode, values.areas, i, facts)]));
  drawing.paint(mode, classes, towns);
}

let explained = null;

/* The legend is of what is in sight: of townships far off, of places nearer by. */
function explain() {
  const mode = chosenMode();
  const shown = byTownship() ? townMode(mode, facts.modes) : mode;
  const own = [shown.key, byTownship(), zoom < facts.from.stretches].join();
  if (!drawing || own === explained) return;
  explained = own;
  showLegend(document.getElementById("legend"), shown);
  const of = shown.key === "duty" ? "有没有银发责任人" : "走到了多少";
  const words = byTownship() ? `现在按镇街显示：镇街里的河道、道路${of}。放大后显示每条河、每条路。`
    : zoom < facts.from.stretches ? "现在一个对象一种颜色；再放大，按走到的每一段显示。" : "";
  document.getElementById("hint").textContent = words;
}

async function begin() {
  facts = await read(`/api/tiles/style${query}`);
  for (const mode of facts.modes) by.add(new Option(mode.label, mode.key));
  const wanted = address.searchParams.get("by");
  by.value = facts.modes.some((mode) => mode.key === wanted) ? wanted : facts.modes[0].key;
  by.addEventListener("change", () => {
    remember("by", by.value);
    colour();
  });
  const seen = {
    facts, query, at: address.searchParams.get("at"), kinds: asked.getAll("kind"),
    onChoose: (id) => openCard(id),
    onCase: (id) => location.assign(`/cases/${id}${asked.get("county") ? `?${new URLSearchParams(county())}` : ""}`),
    onMove: (at, now) => {
      zoom = now;
      remember("at", at);
      explain();
    },
    onTrouble: () => tell("有几块地图没有读到，移动一下地图会再读。"),
  };
  try {
    drawing = await gl.draw(document.getElementById("map"), seen);
  } catch {
    drawing = await flat.draw(document.getElementById("map"), seen);
    tell("这台电脑不能用显卡画图，已换成简单的地图，内容一样。");
  }
  document.getElementById("map").dataset.engine = drawing.isFlat ? "flat" : "gl";
  const place = Number(address.searchParams.get("place"));
  if (place) openCard(place);
  else openList();
  listenForCases({ facts, asked, address, remember, drawing, read, tell });
  listenForWalks({ drawing });
  listen(county(), (one) => openCard(one.id, { move: one.bounds }));
  colour();
  values = await read(`/api/tiles/values${query}`);
  colour();
  document.getElementById("map").dataset.ready = "true";
}

begin().catch(() => tell("地图没有读到。请检查网络，再刷新这一页。"));
