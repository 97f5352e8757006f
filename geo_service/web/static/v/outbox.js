/**
 * What is not sent yet goes out in order, a piece at a time, until the server has said that it has it.
 *
 * Each piece has an id of its own, so that one that was sent and never answered is sent again and counts once. What
 * the server does not take is laid aside with its words, never thrown away.
 */

import { ask, Refused, Unreachable } from "./api.js";
import { result, rows, together, unsent } from "./store.js";

const FIRST_PAUSE_MS = 4000;
const LONGEST_PAUSE_MS = 300000;

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
    // What waits for a consent is one walk; what was checked in does not wait for it.
    let held = null;
    // Photos are large: they go when nothing else waits, so that the end of a walk is not held up by them.
    const waiting = await this.waiting();
    for (const piece of [...waiting.filter((one) => !one.late), ...waiting.filter((one) => one.late)]) {
      if (this.stopped) return;
      if (held && piece.patrol) continue;
      if (piece.late && (await this.hasNews(waiting))) return this._send();
      try {
        const answer = await ask(this.person, piece.method, piece.path, piece.body);
        await done(piece, answer);
        this.needsConsent = false;
      } catch (error) {
        if (error instanceof Refused && error.code === "consent_missing") { held = error; continue; }
        const isFinal = error instanceof Refused && ![401, 403].includes(error.status);
        if (!isFinal) throw error;
        await together(["pieces"], ({ pieces }) => result(pieces.put({ ...piece, aside: error.message })));
      }
      await this.told();
    }
    if (held) throw held;
  }
}

/** The server has a piece: it goes, and the answer to an end or a check-in is kept, in one step. */
async function done(piece, answer) {
  await together(["pieces", "patrols", "kept"], async ({ pieces, patrols, kept }) => {
    await result(pieces.delete(piece.n));
    if (piece.scan) await result(kept.put(answer, `scan:${piece.scan}`));
    if (piece.tells) await told(kept, piece, answer);
    const patrol = piece.ends && (await result(patrols.get(piece.patrol)));
    if (patrol) await result(patrols.put({ ...patrol, answer }));
  });
}

/** What became of a report is kept until he has seen it; whether it is the same as another is asked later, too. */
async function told(kept, piece, answer) {
  const name = `reports:${piece.person}`;
  const others = ((await result(kept.get(name))) || []).filter((one) => one.id !== piece.tells);
  await result(kept.put([...others, { id: piece.tells, answer }].slice(-20), name));
}

/** Return what the server did not take of a person: its words. */
export async function aside(person) {
  return (await unsent(person)).filter((piece) => piece.aside);
}

/** Patrols of a person that have ended here and are kept until they are seen. */
export async function ended(person) {
  return (await rows("patrols")).filter((patrol) => patrol.person === person && patrol.state === "ended");
}
