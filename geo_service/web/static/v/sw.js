/* Keeps the page of one release on the phone; VERSION and FILES stand above. It never sees positions or answers. */

const CACHE = `yinxun-${VERSION}`;
const PAGE = "/v";
const ALL = [PAGE, "/v/manifest.webmanifest", ...FILES.map((name) => `/v/${VERSION}-${name}`)];

self.addEventListener("install", (event) => {
  // All or nothing: half a release is none.
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(ALL)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  // The release before stays for a window that is still open; what is older goes.
  event.waitUntil(
    caches.keys()
      .then((names) => names.filter((name) => name.startsWith("yinxun-") && name !== CACHE).slice(0, -1))
      .then((old) => Promise.all(old.map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

/** The page behind a plate; without a signal a volunteer can check in all the same. */
async function plate(request, address) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), 8000);
  try {
    return await fetch(request, { signal: stop.signal });
  } catch (error) {
    return Response.redirect(`${PAGE}#p=${encodeURIComponent(address.pathname.slice(3))}`, 302);
  } finally {
    clearTimeout(timer);
  }
}

self.addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  if (event.request.method !== "GET" || address.origin !== location.origin) return;
  if (address.pathname.startsWith("/p/")) {
    event.respondWith(plate(event.request, address));
  } else if (address.pathname === PAGE) {
    // From the phone at once; a newer release comes with the worker, at the next opening.
    event.respondWith(caches.open(CACHE).then((cache) => cache.match(PAGE)).then((kept) => kept || fetch(event.request)));
  } else if (address.pathname.startsWith("/v/")) {
    event.respondWith(caches.match(event.request).then((kept) => kept || fetch(event.request)));
  }
});
