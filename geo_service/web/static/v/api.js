/** Asking the server: who we are, the token of each write, and what an answer means. */

import { keep, kept } from "./store.js";

/** The server could not be asked: no signal, or the reply was cut. */
export class Unreachable extends Error {}

/** The server answered that it does not take this; `detail` says what to do. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || "服务器没有接受，请打电话给协调员。");
    this.status = status;
    this.code = problem.code || "";
  }
}

const PATIENCE_MS = 30000;
/** A part of a photo takes a minute where the line is slow; given up each time, it would never arrive. */
const PART_PATIENCE_MS = 120000;
let csrf = "";

/** Take the token that the last answer told. */
export function trust(token) { csrf = token || csrf; }

async function fetched(method, path, body) {
  const stop = new AbortController();
  const isRaw = body instanceof ArrayBuffer;
  const timer = setTimeout(() => stop.abort(), isRaw ? PART_PATIENCE_MS : PATIENCE_MS);
  try {
    const response = await fetch(path, {
      method,
      credentials: "same-origin",
      cache: "no-store",
      signal: stop.signal,
      headers: {
        Accept: "application/json",
        ...(body === undefined ? {} : { "Content-Type": isRaw ? "application/octet-stream" : "application/json" }),
        ...(csrf ? { "X-CSRF-Token": csrf } : {}),
      },
      body: body === undefined || isRaw ? body : JSON.stringify(body),
    });
    const text = await response.text();
    return [response.status, text ? JSON.parse(text) : null];
  } catch (error) {
    throw new Unreachable(String(error));
  } finally {
    clearTimeout(timer);
  }
}

/** Come in with the card that this phone knows; return the answer, or null if it knows none. */
export async function enter(person) {
  if (!person) return null;
  const [status, answer] = await fetched("POST", "/api/v/enter", {
    card: person.card, phone_key: person.phone_key, model: navigator.userAgent.slice(0, 290),
  });
  if (status !== 200) throw new Refused(status, answer || {});
  trust(answer.csrf);
  return answer;
}

/** Come in again; what bars the way in is said as that, and is no answer to what was asked. */
async function enterAgain(person) {
  let entered;
  try {
    entered = await enter(person);
  } catch (error) {
    if (!(error instanceof Refused) || error.status === 429 || error.status >= 500) throw new Unreachable(String(error));
    throw new Refused(401, { detail: error.message, code: "no_way_in" });
  }
  if (!entered || entered.state !== "admitted") {
    throw new Refused(401, { detail: "这部手机还在等协调员同意。", code: "waiting" });
  }
}

/** Ask as a person; comes in again, once, where the session has lapsed. */
export async function ask(person, method, path, body) {
  let [status, answer] = await fetched(method, path, body);
  if (status === 401 || (status === 403 && answer && answer.code === "forbidden")) {
    await enterAgain(person);
    [status, answer] = await fetched(method, path, body);
  }
  if (status >= 200 && status < 300) return answer;
  // A proxy's page or a server that is starting is no answer of ours.
  if (status >= 500 || status === 408 || status === 429 || !answer || !answer.code) throw new Unreachable(`${status}`);
  throw new Refused(status, answer);
}

/** The people whose cards this phone knows, and who uses it now. */
export async function people() {
  return (await kept("people")) || { current: null, known: {} };
}

/** Remember a person of this phone; he uses it now. */
export async function remember(person) {
  const all = await people();
  all.known[person.id] = person;
  all.current = person.id;
  await keep("people", all);
}
