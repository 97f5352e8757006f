/* Follow the making of the demo county, and show the page anew when it is done. */
const section = document.querySelector("[data-progress]");
const bar = section.querySelector("progress");
const words = section.querySelector("[role=status]");
const EVERY_MS = 1500;

async function look() {
  let told;
  try {
    const answer = await fetch(section.dataset.progress, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    told = await answer.json();
  } catch {
    words.textContent = "暂时连不上服务，正在重试……";
    return true;
  }
  if (!told || ["done", "failed"].includes(told.state)) {
    window.location.reload();
    return false;
  }
  if (told.of) {
    bar.max = told.of;
    bar.value = told.done;
  } else {
    bar.removeAttribute("value");
  }
  words.textContent = told.words;
  return true;
}

async function follow() {
  while (await look()) await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
}

follow();
