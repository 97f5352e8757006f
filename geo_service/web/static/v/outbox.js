/**
 * What is not sent yet goes out in order, a piece at a time, until the server has said that it has it.
 *
 * Each piece has an id of its own, so that one that was sent and never answered is sent again and counts once. What
 * the server does not take is laid aside with its words, never thrown away.
 */

import { ask, Refused, Unreachable } from "./api.js";
import { kept, partKey, partsOf, result, rows, together, unsent } from "./store.js";

const FIRST_PAUSE_MS = 4000;
const LONGEST_PAUSE_MS = 300000;
/** A clock that was put back must not hold a piece for days. */
const LONGEST_HOLD_MS = 60000;

/** Sends the pieces of one person; `told()` is called after each change. */
export class Outbox {
  constructor(person, told) {
    this.person = person;
    this.told = told;
    this.pause = FIRST_PAUSE_MS;
    this.timer = null;
    this.running = null;
    this.needsConsent = false;
  }

  /** Send now, and again by itself until all is sent. */
  wake() {
    clearTimeout(this.timer);
    this.running = this.running || this._run().finally(() => { this.running = null; });
    return this.running;
  }

  stop() {
    clearTimeout(this.timer);
    this.stopped = true;
  }

  async _run() {
    try {
      await this._send();
      this.pause = FIRST_PAUSE_MS;
    } catch (error) {
      if (error instanceof Refused && error.code === "consent_missing") this.needsConsent = true;
      else if (!(error instanceof Unreachable || error instanceof Refused)) throw error;
      // A little by chance, so that a township's phones do not all come back in the same second.
      this.pause = Math.min(this.pause * (1.5 + Math.random()), LONGEST_PAUSE_MS);
    }
    await this.told();
    if (!this.stopped && (await this.waiting()).length) this.timer = setTimeout(() => this.wake(), this.pause);
  }

  async waiting() {
    return (await unsent(this.person.id)).filter((piece) => !piece.aside);
  }

  /** Whether something came since that goes before photos. */
  async hasNews(known) {
    const last = known[known.length - 1].n;
    return (await this.waiting()).some((piece) => piece.n > last && !piece.late);
  }

  async _send() {
    // What waits for a consent is one walk; what was checked in or reported does not wait for it.
    let held = null;
    const waiting = await this.waiting();
    // A report of which the phone still looks where it is, and what was not taken: their photos do not go either.
    const stays = new Set(waiting.filter(isHeld).map((one) => one.report));
    // Photos are large: they go when nothing else waits, so that the end of a walk is not held up by them.
    for (const piece of [...waiting.filter((one) => !one.late), ...waiting.filter((one) => one.late)]) {
      if (this.stopped) return;
      if ((held && piece.patrol) || stays.has(piece.report) || stays.has(piece.photo)) continue;
      if (piece.late && (await this.hasNews(waiting))) return this._send();
      try {
        const body = piece.photo ? await kept(partKey(piece.photo, piece.offset)) : piece.body;
        const answer = await ask(this.person, piece.method, piece.path, body);
        await done(piece, answer);
        if (piece.photo && answer.is_whole) stays.add(piece.photo);
        this.needsConsent = false;
      } catch (error) {
        if (error instanceof Refused && error.code === "consent_missing") { held = error; continue; }
        const isFinal = error instanceof Refused && ![401, 403].includes(error.status);
        if (!isFinal) throw error;
        stays.add(await layAside(piece, error.message));
      }
      await this.told();
    }
    if (held) throw held;
  }
}

function isHeld({ after }) {
  const left = after - Date.now();
  return left > 0 && left < LONGEST_HOLD_MS;
}

/** Lay aside what was not taken: a report with its photos, a photo with all its parts; return what that is called. */
async function layAside(piece, words) {
  const whole = piece.tells ? "report" : piece.photo ? "photo" : "n";
  await together(["pieces"], async ({ pieces }) => {
    const own = await result(pieces.index("person").getAll(piece.person));
    for (const one of own) if (one[whole] === piece[whole]) await result(pieces.put({ ...one, aside: words }));
  });
  return piece[whole];
}

/** The server has a piece: it goes, and the answer to an end or a check-in is kept, in one step. */
async function done(piece, answer) {
  await together(["pieces", "patrols", "kept"], async (stores) => {
    const { pieces, patrols, kept: store } = stores;
    await result(pieces.delete(piece.n));
    if (piece.scan) await result(store.put(answer, `scan:${piece.scan}`));
    if (piece.tells) await told(store, piece, answer);
    if (piece.says) await said(store, piece, answer);
    if (piece.photo) await arrived(stores, piece, answer);
    const patrol = piece.ends && (await result(patrols.get(piece.patrol)));
    if (patrol) await result(patrols.put({ ...patrol, answer }));
  });
}

/** A photo is kept until all of it is there: what a server forgot over a week without a signal is sent once more. */
async function arrived({ pieces, kept: store }, { n, ...piece }, answer) {
  if (answer.is_whole) {
    await result(store.delete(partsOf(piece.photo)));
    for (const one of await result(pieces.index("person").getAll(piece.person))) {
      if (one.photo === piece.photo) await result(pieces.delete(one.n));
    }
    return;
  }
  if (!piece.isLast) return;
  const offsets = (await result(store.getAllKeys(partsOf(piece.photo)))).map((key) => Number(key.split(":")[2]));
  const missing = offsets.sort((a, b) => a - b).filter((offset) => offset >= answer.received);
  for (const [k, offset] of missing.entries()) {
    const path = piece.path.replace(/offset=\d+$/, `offset=${offset}`);
    await result(pieces.add({ ...piece, path, offset, isLast: k === missing.length - 1 }));
  }
}

/** How a report stands after what he said of it. */
async function said(store, piece, answer) {
  const name = `own-reports:${piece.person}`;
  const own = (await result(store.get(name))) || [];
  await result(store.put(own.map((one) => (one.report_id === piece.says ? answer : one)), name));
}

/** What became of a report is kept until he has seen it; whether it is the same as another is asked later, too. */
async function told(kept, piece, answer) {
  const name = `reports:${piece.person}`;
  const others = ((await result(kept.get(name))) || []).filter((one) => one.id !== piece.tells);
  await result(kept.put([...others, { id: piece.tells, answer }].slice(-20), name));
}

/** Return what the server did not take of a person and he has not read yet: one piece of each, with its words. */
export async function aside(person) {
  const named = (piece) => (piece.tells || piece.photo ? piece.report : piece.n);
  const laid = (await unsent(person)).filter((piece) => piece.aside && !piece.read);
  return Array.from(new Map(laid.reverse().map((piece) => [named(piece), piece])).values()).reverse();
}

/** Return the reports of a person that the server did not take, read or not: they stay on this phone. */
export const refused = async (person) => (await unsent(person)).filter((piece) => piece.tells && piece.aside);

/** He has read that it was not taken; it stays on the phone, but for a photo that nobody can open. */
export function readAside(piece) {
  return together(["pieces", "kept"], async ({ pieces, kept: store }) => {
    const own = (await result(pieces.index("person").getAll(piece.person)))
      .filter((one) => one.aside && (piece.report ? one.report === piece.report : one.n === piece.n));
    const isReport = own.some((one) => one.tells);
    for (const one of own) {
      if (one.photo && !isReport) {
        await result(pieces.delete(one.n));
        await result(store.delete(partsOf(one.photo)));
      } else await result(pieces.put({ ...one, read: true }));
    }
  });
}

/** Patrols of a person that have ended here and are kept until they are seen. */
export async function ended(person) {
  return (await rows("patrols")).filter((patrol) => patrol.person === person && patrol.state === "ended");
}
