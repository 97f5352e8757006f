// The pages before the door work without this file, but for the one-time link.

for (const tick of document.querySelectorAll("[data-shows]")) {
  const fields = tick.dataset.shows.split(" ").map((id) => document.getElementById(id));
  tick.closest("label").hidden = false;
  tick.addEventListener("change", () => {
    for (const field of fields) {
      field.type = tick.checked ? "text" : "password";
      field.classList.toggle("shown", tick.checked);
    }
  });
}

// The secret stands behind the #, where no server and no log sees it; it leaves the address bar at once.
const link = document.querySelector("form[data-link]");
const secret = location.hash.slice(1);
if (link && secret) {
  history.replaceState(null, "", location.pathname);
  link.elements.secret.value = secret;
  link.submit();
} else if (link) {
  document.querySelector("[data-link-waiting]")?.remove();
  document.querySelector("[data-link-missing]").hidden = false;
}
