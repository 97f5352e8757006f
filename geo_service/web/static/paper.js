/** Typing many rows without a mouse: enter goes down, a block that was copied is pasted, dates carry over. */

const form = document.getElementById("paper");
const body = form.querySelector("tbody");
const more = document.getElementById("more");
const CARRIED = ["day", "place"];
let changed = false;

const rows = () => [...body.querySelectorAll("tr.said")];
const fields = (row) => [...row.querySelectorAll("input")];

/** Add a blank row; return it. */
function added() {
  const last = rows().at(-1);
  const row = last.cloneNode(true);
  const number = rows().length + 1;
  row.querySelector("th").textContent = String(number);
  for (const input of fields(row)) {
    input.value = "";
    input.removeAttribute("aria-describedby");
    input.removeAttribute("aria-invalid");
    input.setAttribute("aria-label", input.getAttribute("aria-label").replace(/\d+/, String(number)));
  }
  body.append(row);
  return row;
}

/** Return the row below, which is made if there is none. */
function below(row) {
  const all = rows();
  return all[all.indexOf(row) + 1] || added();
}

/** Let what a new row leaves out be as in the row above. */
function carry(row) {
  const all = rows();
  const above = all[all.indexOf(row) - 1];
  if (!above) return;
  for (const name of CARRIED) {
    const own = row.querySelector(`[name=${name}]`);
    if (!own.value) own.value = above.querySelector(`[name=${name}]`).value;
  }
}

form.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.target.type !== "text" || !event.target.closest("tr.said")) return;
  event.preventDefault();
  const row = event.target.closest("tr.said");
  const at = fields(row).indexOf(event.target);
  // At the end of a row one goes on with who walked next.
  fields(below(row))[at === fields(row).length - 1 ? 0 : at].focus();
});

form.addEventListener("change", (event) => {
  changed = true;
  if (event.target.name === "person" && event.target.value) carry(event.target.closest("tr.said"));
});

form.addEventListener("paste", (event) => {
  const first = event.target.closest("tr.said");
  const text = event.clipboardData.getData("text/plain").replace(/\r/g, "").replace(/\n+$/, "");
  if (!first || !/[\t\n]/.test(text)) return;
  event.preventDefault();
  changed = true;
  const from = fields(first).indexOf(event.target);
  let row = first;
  for (const line of text.split("\n")) {
    line.split("\t").forEach((word, k) => {
      const cell = fields(row)[from + k];
      if (cell) cell.value = word.trim();
    });
    if (row.querySelector("[name=person]").value) carry(row);
    row = below(row);
  }
  fields(row)[from].focus();
});

more.hidden = false;
more.addEventListener("click", () => fields(added())[0].focus());
form.addEventListener("submit", () => { changed = false; });
window.addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
