/**
 * Reporting a problem: a photo, what it is, where; one question a screen. It waits for a signal if need be.
 *
 * The report and its photos are kept on the phone in one step, so that a page which is closed right after the tap loses
 * nothing. Photos are drawn small on the phone and go in parts, each sent until the server has said that it has it.
 */

import { Unreachable } from "./api.js";
import { h, icon } from "./dom.js";
import { uuid } from "./ids.js";
import { pinned } from "./map.js";
import * as recorder from "./recorder.js";
import { isFull, keep, kept, partKey, result, together } from "./store.js";

const LONGEST_PX = 2048;
const QUALITY = 0.8;
const PART_BYTES = 131072;
const MOST_PHOTOS = 3;
/** What the server takes; a larger photo would have the whole report refused. */
const MOST_BYTES = 16 * 1048576;
const PATIENCE_MS = 20000;
const FRESH_MS = 15000;

/** Begin a report, or go on with the one that a question interrupted. */
export async function show(app) {
  renewPlaces(app);
  app.draft = app.draft || { id: uuid(), at: null, photos: [], where: null, category: null, words: "", how: "", isSolved: false };
  if (app.draft.category || app.draft.photos.length) onward(app);
  else photo(app);
}

/** Lines for the map, as the phone knows them; the last screen does not wait for newer ones. */
function renewPlaces(app) {
  app.ask("GET", "/api/v/places").then((found) => keep(`places:${app.person.id}`, found)).catch(() => {});
}

/** A question during a walk may lie over the report meanwhile; what draws then would end the recording. */
function isHere(app, draft) { return app.shown === "report" && app.draft === draft; }

function onward(app) {
  if (app.draft.category) last(app);
  else kinds(app);
}

// --- the photo, and where it is taken

function photo(app) {
  const { draft } = app;
  const count = draft.photos.length;
  const camera = picker(app, true);
  const album = picker(app, false);
  const more = count >= MOST_PHOTOS ? [] : [
    camera, album,
    h("button", { class: "go", type: "button", onclick: () => { locate(app); camera.click(); } }, icon("camera"), count ? "再拍一张" : "拍照"),
    h("button", { type: "button", onclick: () => { locate(app); album.click(); } }, "从相册里选"),
  ];
  app.put(count ? `上报问题：已有 ${count} 张照片` : "上报问题：先拍一张照片", [
    ...more,
    h("button", { type: "button", onclick: () => { locate(app); seen(draft); onward(app); } }, count ? "就这些，接着报" : "不拍照，接着报"),
  ], () => away(app));
}

function picker(app, isCamera) {
  const input = h("input", { type: "file", accept: "image/*", capture: isCamera ? "environment" : null,
    "aria-label": isCamera ? "相机" : "相册", tabindex: "-1" });
  input.addEventListener("change", async () => {
    const [file] = input.files;
    const { draft } = app;
    if (!file || !draft) return;
    // At the shutter: what the camera wrote into the file is not believed, and often is not there.
    seen(draft);
    locate(app);
    app.put("请稍等", [h("p", { class: "big", role: "status" }, "正在收好照片……")], null);
    let why = null;
    try {
      draft.photos.push(await small(file));
    } catch (error) {
      why = error instanceof NoPhoto ? error.message : "这张照片手机打不开。";
    }
    if (!isHere(app, draft)) return;
    if (why) without(app, why);
    else onward(app);
  });
  return input;
}

function without(app, why) {
  app.put("这张照片用不了", [
    h("p", { class: "big" }, why),
    h("button", { class: "go", type: "button", onclick: () => photo(app) }, "再拍一张"),
    h("button", { type: "button", onclick: () => onward(app) }, "不要这张，接着报"),
  ], null);
}

function seen(draft) { draft.at = draft.at || new Date().toISOString(); }

/** Look once where the phone is; the report goes without it where nobody can tell. */
function locate(app) {
  const { draft } = app;
  if (draft.where || draft.looking || !navigator.geolocation) return;
  draft.looking = new Promise((found) => {
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => found({ lon: coords.longitude, lat: coords.latitude, accuracy_m: coords.accuracy }),
      () => found(null),
      { enableHighAccuracy: true, timeout: PATIENCE_MS, maximumAge: FRESH_MS },
    );
  }).then((at) => { draft.looking = null; draft.where = draft.where || at; return at; });
}

/** A file that is not sent; its message says so to the volunteer. */
class NoPhoto extends Error {}

/** Return a photo as it is sent: upright and small, with its id and hash; what cannot be drawn goes as it is. */
async function small(file) {
  let bytes;
  try {
    bytes = await shrunk(file);
  } catch (error) {
    // HEIC, which few browsers draw: the server can.
    if (file.type && !file.type.startsWith("image/")) throw new NoPhoto("这不是照片。");
    if (file.size > MOST_BYTES) throw new NoPhoto("这张照片太大了，请用手机的相机再拍一张。");
    bytes = await file.arrayBuffer();
  }
  if (!bytes.byteLength) throw new NoPhoto("这张照片是空的。");
  return { id: uuid(), bytes, sha256: await hash(bytes) };
}

async function shrunk(file) {
  const picture = await drawn(file);
  const [wide, high] = [picture.naturalWidth || picture.width, picture.naturalHeight || picture.height];
  const shrink = Math.min(1, LONGEST_PX / Math.max(wide, high));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(wide * shrink));
  canvas.height = Math.max(1, Math.round(high * shrink));
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  // A photo unpacked takes a hundred megabytes: old phones have none to spare.
  if (picture.close) picture.close();
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
  canvas.width = canvas.height = 0;
  return blob.arrayBuffer();
}

async function drawn(file) {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch (error) {
    // Browsers of some years ago have no such function, or do not know that word; they turn an image by themselves.
    const image = new Image();
    image.src = URL.createObjectURL(file);
    try { await image.decode(); } finally { URL.revokeObjectURL(image.src); }
    return image;
  }
}

/** Return the hash in hexadecimal; undefined where the browser makes none, as over plain HTTP. */
async function hash(bytes) {
  if (!crypto.subtle) return undefined;
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// --- what it is, in two steps

async function kinds(app) {
  const { draft } = app;
  // What is kept of a former release knows no kinds.
  if (!app.me.report_kinds) await app.renew();
  if (!isHere(app, draft)) return;
  const known = app.me.report_kinds;
  if (!known) { app.failed(new Unreachable("no kinds")); return; }
  app.put("是什么问题？", [
    h("div", { class: "kinds" }, known.map((kind) =>
      h("button", { type: "button", onclick: () => below(app, kind) }, icon(kind.icon, "picture"), kind.name))),
  ], () => photo(app));
}

function below(app, kind) {
  const choose = (code, name) => { app.draft.category = code; app.draft.what = name; last(app); };
  if (!kind.below.length) { choose(kind.code, kind.name); return; }
  app.put(kind.name, [
    ...kind.below.map((one) => h("button", { type: "button", onclick: () => choose(one.code, one.name) }, one.name)),
    h("button", { type: "button", onclick: () => choose(kind.code, kind.name) }, "说不准"),
  ], () => kinds(app));
}

// --- where, in words if he likes, and off it goes

async function last(app) {
  const { draft } = app;
  const words = h("textarea", { rows: "2", maxlength: "500", id: "words" });
  const solved = h("input", { type: "checkbox", checked: draft.isSolved });
  const how = h("textarea", { rows: "2", maxlength: "500", id: "how" });
  const howField = h("label", { class: "field", hidden: !draft.isSolved }, "怎么处理的？", how);
  // What he wrote stays when he goes back for another photo.
  [words.value, how.value] = [draft.words, draft.how];
  words.addEventListener("input", () => { draft.words = words.value; });
  how.addEventListener("input", () => { draft.how = how.value; });
  solved.addEventListener("change", () => { draft.isSolved = solved.checked; howField.hidden = !solved.checked; });
  const where = h("div", null, h("p", { role: "status" }, "正在看您在哪里……"));
  const go = h("button", { class: "go", type: "button", onclick: () => { go.disabled = true; send(app); } }, "上报");
  app.put(draft.what, [
    h("div", { class: "photos" }, draft.photos.map((one, k) => thumb(app, one, k))), go, where,
    h("label", { class: "field" }, "想说的话（不写也可以）", words),
    h("label", { class: "tick" }, solved, "已经当场处理好了"), howField,
    draft.photos.length < MOST_PHOTOS
      ? h("button", { type: "button", onclick: () => photo(app) }, draft.photos.length ? "再拍一张" : "拍一张照片") : null,
    h("button", { type: "button", onclick: () => kinds(app) }, "换一个类别"),
    h("button", { type: "button", onclick: () => away(app) }, "不报了"),
  ], null);
  if (draft.looking) await draft.looking;
  const found = await place(app, draft);
  if (where.isConnected) where.replaceChildren(...found);
}

function thumb(app, { bytes }, k) {
  const image = h("img", { alt: `照片 ${k + 1}`, src: URL.createObjectURL(new Blob([bytes])) });
  for (const name of ["load", "error"]) image.addEventListener(name, () => URL.revokeObjectURL(image.src));
  const remove = () => { app.draft.photos.splice(k, 1); last(app); };
  return h("figure", null, image,
    h("button", { class: "small", type: "button", "aria-label": `去掉照片 ${k + 1}`, onclick: remove }, "去掉"));
}

/** Show where it is, to be moved; without a position he may name the place. */
async function place(app, draft) {
  if (draft.where) {
    const drawnPlaces = await kept(`places:${app.person.id}`);
    const error = draft.where.accuracy_m ? `，误差约 ${Math.round(draft.where.accuracy_m)} 米` : "";
    const words = draft.isMoved ? "地点：您挪到的位置。" : `地点：手机所在的位置${error}。不对的话，用箭头挪到问题那里。`;
    // Where he puts it himself the phone errs no longer.
    return [h("p", null, words), pinned(drawnPlaces, draft.where, (at) => { draft.where = at; draft.isMoved = true; })];
  }
  const choice = h("select", null, h("option", { value: "" }, "说不清在哪里"),
    app.me.places.map((one) => h("option", { value: one.id, selected: one.id === draft.place }, `${one.layer_name} ${one.name}`)));
  choice.addEventListener("change", () => { draft.place = choice.value ? Number(choice.value) : null; });
  return [h("label", { class: "field" }, "手机没有告诉位置。在哪里？", choice)];
}

/** Keep the report with all its photos on the phone, and send it; a position that is still looked for comes after. */
async function send(app) {
  const { draft } = app;
  seen(draft);
  let n;
  try {
    n = await store(app, draft);
  } catch (error) {
    if (isFull(error)) full(app);
    else app.failed(error);
    return;
  }
  if (draft.looking) locateLater(app, draft, n);
  if (!isHere(app, draft)) { app.draft = null; app.outbox.wake(); return; }
  app.draft = null;
  app.reportId = draft.id;
  app.reportAnswer = null;
  app.show("reported", draft.id);
  app.outbox.wake();
}

/** Put a report and its photos into the outbox in one step; return the number of its piece. */
async function store(app, draft) {
  const now = Date.now();
  const walk = await recorder.underWay(app.person.id);
  if (walk) await recorder.flush(walk.id, null, now);
  const body = { at: draft.at, category: draft.category, datum: "wgs84",
    photos: draft.photos.map(({ id, sha256, bytes }) => ({ id, sha256, size: bytes.byteLength })), ...position(draft.where) };
  if (draft.words.trim()) body.words = draft.words.trim();
  if (draft.isSolved) body.solved = draft.how.trim() || "已经当场处理好了";
  if (walk) body.patrol_id = walk.id;
  if (draft.place && !draft.where) body.place_id = draft.place;
  const own = { person: app.person.id, patrol: null, report: draft.id, method: "PUT" };
  const path = `/api/v/reports/${draft.id}`;
  const after = draft.looking ? now + PATIENCE_MS + 2000 : 0;
  return together(["pieces", "kept"], async ({ pieces, kept: values }) => {
    const n = await result(pieces.add({ ...own, path, body, after, tells: draft.id }));
    for (const { id, bytes } of draft.photos) {
      for (let offset = 0; offset < bytes.byteLength; offset += PART_BYTES) {
        const end = offset + PART_BYTES;
        await result(values.put(bytes.slice(offset, end), partKey(id, offset)));
        await result(pieces.add({ ...own, late: true, path: `${path}/photos/${id}?offset=${offset}`, photo: id, offset,
          isLast: end >= bytes.byteLength }));
      }
    }
    return n;
  });
}

function position(where) {
  if (!where) return {};
  const at = { lon: where.lon, lat: where.lat };
  return where.accuracy_m > 0 ? { ...at, accuracy_m: where.accuracy_m } : at;
}

/** He tapped before the phone knew where it is: the report waits a moment for that, and goes without it at last. */
async function locateLater(app, draft, n) {
  await draft.looking;
  await together(["pieces"], async ({ pieces }) => {
    const piece = await result(pieces.get(n));
    if (piece) await result(pieces.put({ ...piece, after: 0, body: { ...piece.body, ...position(draft.where) } }));
  });
  app.outbox.wake();
}

function full(app) {
  const { draft } = app;
  const some = draft.photos.length > 0;
  app.put("手机存满了", [
    h("p", { class: "big" }, some ? "照片放不下了。可以不带照片先报上去。" : "手机里放不下了。请删掉几个不要的视频，再点一次。"),
    some ? h("button", { class: "go", type: "button", onclick: () => { draft.photos = []; send(app); } }, "不带照片上报") : null,
    h("button", { type: "button", onclick: () => last(app) }, "再试一次"),
  ], null);
}

/** Leave; a walk that is recorded goes on. */
export function away(app) {
  app.draft = null;
  if (app.walking) app.walking.back();
  else app.show("home");
}
