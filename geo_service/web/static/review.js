/** Deciding in a row by the keyboard: Alt and a figure fills in what it rests on, Alt and a letter decides. */

const form = document.getElementById("decide");

/** Fill in what a decision rests on. */
function fill(button) {
  form.note.value = button.dataset.note;
  form.note.focus();
}

if (form) {
  const grounds = [...form.querySelectorAll("[data-note]")];
  for (const hidden of form.querySelectorAll(".grounds, .keys")) hidden.hidden = false;
  for (const button of grounds) button.addEventListener("click", () => fill(button));
  // Enter in the field decides nothing: which of the two it is, is said by a button or a key of its own.
  form.note.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      form.querySelector("[value=counted]").focus();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (!event.altKey || event.ctrlKey || event.metaKey) return;
    const ground = grounds[Number(event.code.replace("Digit", "")) - 1];
    const verdict = { KeyY: "counted", KeyN: "not_counted" }[event.code];
    if (ground) fill(ground);
    else if (verdict) form.querySelector(`[value=${verdict}]`).click();
    else if (event.code === "KeyJ") document.getElementById("skip").click();
    else return;
    event.preventDefault();
  });
}
