/**
 * What the phone keeps: people and their keys, the patrol under way, its fixes, and what is not sent yet.
 *
 * `kept`: values by name, and the parts of photos, so that who counts pieces need not read megabytes. `patrols`: by id.
 * `fixes`: of the patrol under way, not in a piece yet. `pieces`: what goes to the server, in order, each with its
 * person: nobody sends or sees another's.
 */

const NAME = "yinxun";
const VERSION = 1;

let opened = null;

function open() {
  opened = opened || new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      const db = request.result;
      db.createObjectStore("kept");
      db.createObjectStore("patrols", { keyPath: "id" });
      db.createObjectStore("fixes", { keyPath: "n", autoIncrement: true }).createIndex("patrol", "patrol");
      db.createObjectStore("pieces", { keyPath: "n", autoIncrement: true }).createIndex("person", "person");
    };
    request.onsuccess = () => {
      // Another window with a newer release must not wait for this one.
      request.result.onversionchange = () => { request.result.close(); opened = null; };
      resolve(request.result);
    };
    request.onerror = () => { opened = null; reject(request.error); };
  });
  return opened;
}

/** Return the result of a request. */
export function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Do something in one transaction: all of it is kept, or nothing. `work` gets the stores by name. */
export async function together(names, work) {
  const db = await open();
  // Strict: when it is done it is on the disk, also if the battery ends in this moment.
  const transaction = db.transaction(names, "readwrite", { durability: "strict" });
  const done = new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onerror = transaction.onabort = () => reject(transaction.error || new Error("aborted"));
  });
  const stores = Object.fromEntries(names.map((name) => [name, transaction.objectStore(name)]));
  let value;
  try {
    value = await work(stores);
  } catch (error) {
    transaction.abort();
    await done.catch(() => {});
    throw error;
  }
  await done;
  return value;
}

export const keep = (name, value) => together(["kept"], ({ kept }) => result(kept.put(value, name)));
export const kept = (name) => together(["kept"], ({ kept: store }) => result(store.get(name)));

/** Return the rows of a store, of one patrol or person if given, in order. */
export const rows = (name, index, key) =>
  together([name], (stores) => result(index ? stores[name].index(index).getAll(key) : stores[name].getAll()));

/** Return the pieces of a person that are not sent yet. */
export const unsent = (person) => rows("pieces", "person", person);

/** The name under which a part of a photo is kept, and the range of all its parts. */
export const partKey = (photo, offset) => `part:${photo}:${offset}`;
export const partsOf = (photo) => IDBKeyRange.bound(partKey(photo, ""), partKey(photo, "~"));

/** Whether the phone has no room left. */
export const isFull = (error) => Boolean(error) && error.name === "QuotaExceededError";
