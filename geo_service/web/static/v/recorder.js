/**
 * One patrol from its start to its end: fixes into the phone's store at once, pieces for the server in between.
 *
 * Nothing is in memory alone: when the page is killed, it goes on from what is stored. The clock, the position and the
 * identifiers are given from outside.
 */

import { uuid } from "./ids.js";
import { result, rows, together } from "./store.js";

export const LEAST_S = 5;
export const LEAST_M = 5;
export const PIECE_FIXES = 60;
export const PIECE_MS = 60000;
/** Within so many metres one has not moved: errors of fixes are as large. */
export const STILL_M = 20;
/** A page that was not looked at for longer has a gap. */
export const GAP_MS = 60000;

/** Return metres between two fixes, exact enough for a walk. */
export function apart(a, b) {
  const rad = Math.PI / 180;
  const x = (b.lon - a.lon) * rad * Math.cos(((a.lat + b.lat) / 2) * rad);
  return 6371000 * Math.hypot(x, (b.lat - a.lat) * rad);
}

/** Begin a patrol and return it. */
export async function begin(person, now) {
  const patrol = {
    id: uuid(), person, state: "running", started: now, seen: now, moved: now, cut: now, walked: 0, batches: 0, fixes: 0,
    companions: [], gaps: [], last: null, anchor: null, ends: null,
  };
  await together(["patrols"], ({ patrols }) => result(patrols.put(patrol)));
  return patrol;
}

/** Return the patrol of a person that is under way on this phone. */
export async function underWay(person) {
  return (await rows("patrols")).find((patrol) => patrol.person === person && patrol.state !== "ended") || null;
}

/** Change a patrol in the store, and return it. */
export function change(id, how) {
  return together(["patrols"], async ({ patrols }) => {
    const patrol = await result(patrols.get(id));
    if (!patrol || patrol.state === "ended") return patrol;
    how(patrol);
    await result(patrols.put(patrol));
    return patrol;
  });
}

/** Take a fix {time_s, lon, lat, accuracy_m}; what says nothing new is left out. Return the patrol. */
export async function take(id, fix, now) {
  return together(["patrols", "fixes", "pieces"], async (stores) => {
    const patrol = await result(stores.patrols.get(id));
    if (!patrol || patrol.state !== "running") return patrol;
    notice(patrol, now, "no_fix");
    const last = patrol.last;
    if (last && (fix.time_s <= last.time_s || (fix.time_s - last.time_s < LEAST_S && apart(last, fix) < LEAST_M))) {
      await result(stores.patrols.put(patrol));
      return patrol;
    }
    await result(stores.fixes.add({ patrol: id, ...fix }));
    patrol.last = fix;
    patrol.fixes += 1;
    walk(patrol, fix, now);
    if (now - patrol.cut >= PIECE_MS) await cut(patrol, stores, now);
    await result(stores.patrols.put(patrol));
    return patrol;
  });
}

/** Note that the patrol is alive; a hole since it last was is written down, and why. */
export function notice(patrol, now, why) {
  if (now - patrol.seen > GAP_MS) patrol.gaps.push({ from: patrol.seen, until: now, why });
  patrol.seen = now;
}

/** Count the way: from one spot to the next that is clearly another, so that standing still adds nothing. */
function walk(patrol, fix, now) {
  const accuracy = fix.accuracy_m || STILL_M;
  if (accuracy > 100) return;
  if (!patrol.anchor) patrol.anchor = fix;
  const way = apart(patrol.anchor, fix);
  if (way < Math.max(STILL_M, accuracy)) return;
  patrol.walked += way;
  patrol.anchor = fix;
  patrol.moved = now;
}

/** Put the fixes that no piece holds yet into pieces, in the caller's transaction. */
async function cut(patrol, { fixes, pieces }, now) {
  const open = await result(fixes.index("patrol").getAll(patrol.id));
  for (let first = 0; first < open.length; first += PIECE_FIXES) {
    const some = open.slice(first, first + PIECE_FIXES);
    const body = { datum: "wgs84", device: device(), fixes: some.map(sent) };
    await put(pieces, patrol, `/api/patrols/${patrol.id}/batches/${uuid()}`, body);
    patrol.batches += 1;
  }
  for (const fix of open) await result(fixes.delete(fix.n));
  patrol.cut = now;
}

function sent(fix) {
  const told = { time: fix.time_s, lon: fix.lon, lat: fix.lat };
  return fix.accuracy_m > 0 ? { ...told, accuracy_m: fix.accuracy_m } : told;
}

function put(pieces, patrol, path, body, ends = false) {
  return result(pieces.add({ person: patrol.person, patrol: patrol.id, method: "PUT", path, body, ends }));
}

/** Put all that is recorded so far into pieces, with one more position if there is one. */
export async function flush(id, at, now) {
  if (at) await take(id, { time_s: now / 1000, ...at }, now);
  return together(["patrols", "fixes", "pieces"], async (stores) => {
    const patrol = await result(stores.patrols.get(id));
    if (!patrol || patrol.state === "ended") return;
    await cut(patrol, stores, now);
    await result(stores.patrols.put(patrol));
  });
}

/** Pause, or go on; the pause is written down as a gap. */
export function pause(id, now, isPaused) {
  return change(id, (patrol) => {
    if (isPaused && patrol.state === "running") {
      patrol.state = "paused";
      patrol.paused = now;
    } else if (!isPaused && patrol.state === "paused") {
      patrol.state = "running";
      patrol.gaps.push({ from: patrol.paused, until: now, why: "paused" });
      patrol.moved = now;
    }
    patrol.seen = now;
  });
}

/** End a patrol at a time: its last fixes, its begin and its end become pieces, all in one step. */
export function end(id, at, now) {
  return together(["patrols", "fixes", "pieces"], async (stores) => {
    const patrol = await result(stores.patrols.get(id));
    if (!patrol || patrol.state === "ended") return patrol;
    if (patrol.state === "paused") patrol.gaps.push({ from: patrol.paused, until: now, why: "paused" });
    await cut(patrol, stores, now);
    const path = `/api/patrols/${id}`;
    const begun = { started_at: iso(patrol.started), companions: patrol.companions, device: device() };
    await put(stores.pieces, patrol, path, begun);
    const gaps = patrol.gaps.slice(-200).map(({ from, until, why }) => ({ from: iso(from), until: iso(until), why }));
    const record = gaps.length ? { gaps } : {};
    const ending = { ended_at: iso(Math.max(at, patrol.started)), batches: patrol.batches, record };
    await put(stores.pieces, patrol, `${path}/end`, ending, true);
    patrol.state = "ended";
    patrol.ends = at;
    await result(stores.patrols.put(patrol));
    return patrol;
  });
}

function iso(milliseconds) { return new Date(milliseconds).toISOString(); }

function device() { return navigator.userAgent.slice(0, 190); }
