/* The search box: what was typed last is what the list shows. */

const WAIT_MS = 200;

export function listen(county, onChoose) {
  const field = document.getElementById("find");
  const list = document.getElementById("found");
  let waiting = 0;
  let asked = 0;

  const say = (words) => {
    const item = document.createElement("li");
    item.textContent = words;
    list.replaceChildren(item);
  };

  async function search() {
    const words = field.value.trim();
    const own = ++asked;
    if (!words) return list.replaceChildren();
    const answer = await fetch(`/api/find?${new URLSearchParams({ ...county, q: words })}`).catch(() => null);
    if (own !== asked) return;
    if (!answer?.ok) return say("没有读到，请再试一次。");
    const found = await answer.json();
    if (own !== asked) return;
    if (!found.length) return say("没有找到。可以只输入名称的一部分，或拼音首字母。");
    list.replaceChildren(...found.map((one) => row(one)));
  }

  function row(one) {
    const item = document.createElement("li");
    const button = Object.assign(document.createElement("button"), { type: "button", className: "plain" });
    const strong = Object.assign(document.createElement("strong"), { textContent: one.name });
    const more = [one.where, one.code, one.by && `${one.by} 负责`, one.bounds ? "" : "未上图"].filter(Boolean);
    button.append(strong, ` ${more.join(" · ")}`);
    button.addEventListener("click", () => {
      list.replaceChildren();
      onChoose(one);
    });
    item.append(button);
    return item;
  }

  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(search, WAIT_MS);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") list.replaceChildren();
    if (event.key === "Enter") list.querySelector("button")?.click();
  });
}
