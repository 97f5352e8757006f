/**
 * Reporting a problem: a photo, what it is, where; one question a screen. It waits for a signal if need be.
 *
 * The report and its photos are kept on the phone in one step, so that a page which is closed right after the tap loses
 * nothing. Photos are drawn small on the phone and go in parts, each sent until the server has said that it has it.
 */

import { h, icon } from "./dom.js";
import { uuid } from "./ids.js";
import { pinned } from "./map.js";
import * as recorder from "./recorder.js";
import { keep, kept, result, together } from "./store.js";

const LONGEST_PX = 2048;
const QUALITY = 0.8;
const PART_BYTES = 131072;
const MOST_PHOTOS = 3;
const PATIENCE_MS = 20000;
const FRESH_MS = 15000;

/** Begin a report, or go on with the one that a question interrupted. */
export async function show(app) {
  renewPlaces(app);
  app.draft = app.draft || { id: uuid(), at: null, photos: [], where: null, category: null };
  photo(app);
}

/** Lines for the map, as the phone knows them; the last screen does not wait for newer ones. */
function renewPlaces(app) {
  app.ask("GET", "/api/v/places").then((found) => keep(`places:${app.person.id}`, found), () => {});
}

// --- the photo, and where it is taken

function photo(app) {
  const { draft } = app;
  const camera = picker(app, true);
  const album = picker(app, false);
  app.put("上报问题：先拍一张照片", [
    camera, album,
    h("button", { class: "go", type: "button", onclick: () => { locate(app); camera.click(); } }, icon("camera"), "拍照"),
    h("button", { type: "button", onclick: () => { locate(app); album.click(); } }, "从相册里选"),
    h("button", { type: "button", onclick: () => { locate(app); seen(draft); kinds(app); } }, "不拍照，接着报"),
  ], () => away(app));
}

function picker(app, isCamera) {
  const input = h("input", { type: "file", accept: "image/*", capture: isCamera ? "environment" : null,
    "aria-label": isCamera ? "相机" : "相册", tabindex: "-1" });
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    // At the shutter: what the camera wrote into the file is not believed, and often is not there.
    seen(app.draft);
    locate(app);
    app.put("请稍等", [h("p", { class: "big", role: "status" }, "正在收好照片……")], null);
    app.draft.photos.push(await small(file));
    if (app.draft.category) last(app);
    else kinds(app);
  });
  return input;
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

/** Return a photo as it is sent: upright and small, with its id and hash; what cannot be drawn goes as it is. */
async function small(file) {
  let bytes;
  try {
    const picture = await drawn(file);
    const shrink = Math.min(1, LONGEST_PX / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(picture.width * shrink));
    canvas.height = Math.max(1, Math.round(picture.height * shrink));
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
    bytes = await blob.arrayBuffer();
  } catch (error) {
    bytes = await file.arrayBuffer();
  }
  return { id: uuid(), bytes, sha256: await hash(bytes) };
}

async function drawn(file) {
  if (typeof createImageBitmap === "function") return createImageBitmap(file, { imageOrientation: "from-image" });
  const image = new Image();
  image.src = URL.createObjectURL(file);
  await image.decode();
  return image;
}

/** Return the hash in hexadecimal; undefined where the browser makes none, as over plain HTTP. */
async function hash(bytes) {
  if (!crypto.subtle) return undefined;
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// --- what it is, in two steps

function kinds(app) {
  app.put("是什么问题？", [
    h("div", { class: "kinds" }, app.me.report_kinds.map((kind) =>
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
  const thumbs = h("div", { class: "photos" }, draft.photos.map(({ bytes }, k) => {
    const image = h("img", { alt: `照片 ${k + 1}`, src: URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" })) });
    image.addEventListener("load", () => URL.revokeObjectURL(image.src));
    return image;
  }));
  const words = h("textarea", { rows: "2", maxlength: "500", id: "words" });
  const solved = h("input", { type: "checkbox" });
  const how = h("textarea", { rows: "2", maxlength: "500", id: "how" });
  const howField = h("label", { class: "field", hidden: true }, "怎么处理的？", how);
  solved.addEventListener("change", () => { howField.hidden = !solved.checked; });
  const where = h("div", null, h("p", { role: "status" }, "正在看您在哪里……"));
  const go = h("button", { class: "go", type: "button", onclick: () => {
    go.disabled = true;
    send(app, words.value, solved.checked ? how.value || "已经当场处理好了" : null).catch((error) => { go.disabled = false; app.failed(error); });
  } }, "上报");
  app.put(draft.what, [
    thumbs, go, where,
    h("label", { class: "field" }, "想说的话（不写也可以）", words),
    h("label", { class: "tick" }, solved, "已经当场处理好了"), howField,
    draft.photos.length < MOST_PHOTOS
      ? h("button", { type: "button", onclick: () => photo(app) }, draft.photos.length ? "再拍一张" : "拍一张照片") : null,
    h("button", { type: "button", onclick: () => kinds(app) }, "换一个类别"),
  ], () => away(app));
  if (draft.looking) await draft.looking;
  if (where.isConnected) where.replaceChildren(...(await place(app)));
}

/** Show where it is, to be moved; without a position he may name the place. */
async function place(app) {
  const { draft } = app;
  if (draft.where) {
    const drawnPlaces = await kept(`places:${app.person.id}`);
    const error = draft.where.accuracy_m ? `，误差约 ${Math.round(draft.where.accuracy_m)} 米` : "";
    return [h("p", null, `地点：手机所在的位置${error}。不对的话，用箭头挪到问题那里。`),
      pinned(drawnPlaces, draft.where, (at) => { draft.where = { ...at, accuracy_m: draft.where.accuracy_m }; })];
  }
  const choice = h("select", null, h("option", { value: "" }, "说不清在哪里"),
    app.me.places.map((one) => h("option", { value: one.id }, `${one.layer_name} ${one.name}`)));
  choice.addEventListener("change", () => { draft.place = choice.value ? Number(choice.value) : null; });
  return [h("label", { class: "field" }, "手机没有告诉位置。在哪里？", choice)];
}

/** Keep the report with all its photos on the phone in one step, and send it. */
async function send(app, words, solved) {
  const { draft } = app;
  const now = Date.now();
  seen(draft);
  const walk = await recorder.underWay(app.person.id);
  if (walk) await recorder.flush(walk.id, null, now);
  const body = { at: draft.at, category: draft.category, datum: "wgs84",
    photos: draft.photos.map(({ id, sha256, bytes }) => ({ id, sha256, size: bytes.byteLength })) };
  if (words.trim()) body.words = words.trim();
  if (solved) body.solved = solved;
  if (walk) body.patrol_id = walk.id;
  if (draft.place) body.place_id = draft.place;
  if (draft.where) {
    body.lon = draft.where.lon;
    body.lat = draft.where.lat;
    if (draft.where.accuracy_m > 0) body.accuracy_m = draft.where.accuracy_m;
  }
  const own = { person: app.person.id, patrol: null, report: draft.id };
  const path = `/api/v/reports/${draft.id}`;
  await together(["pieces"], async ({ pieces }) => {
    await result(pieces.add({ ...own, method: "PUT", path, body, tells: draft.id }));
    for (const { id, bytes } of draft.photos) {
      for (let offset = 0; offset < bytes.byteLength; offset += PART_BYTES) {
        const part = { ...own, late: true, method: "PUT", path: `${path}/photos/${id}?offset=${offset}` };
        await result(pieces.add({ ...part, body: bytes.slice(offset, offset + PART_BYTES) }));
      }
    }
  });
  app.draft = null;
  app.reportId = draft.id;
  app.reportAnswer = null;
  app.show("reported", draft.id);
  app.outbox.wake();
}

/** Leave; a walk that is recorded goes on. */
export function away(app) {
  app.draft = null;
  if (app.walking) app.walking.back();
  else app.show("home");
}
