/* Cases on the map: which ones stands in the address; a click leads to the case. */
import { sign } from "./patterns.js";

const ASKED = { open: {}, today: { only: "today" }, late: { only: "late" } };

export function listen({ facts, asked, address, remember, drawing, read, tell }) {
  const field = document.getElementById("cases");
  if (!field) return;
  const hint = document.getElementById("case-hint");
  const county = asked.get("county") ? { county: asked.get("county") } : {};
  const area = asked.get("area") ? { area: asked.get("area") } : {};
  let turn = 0;

  async function show() {
    const own = ++turn;
    const which = ASKED[field.value];
    let found = [];
    try {
      if (which) found = await read(`/api/cases/spots?${new URLSearchParams({ ...county, ...area, ...which })}`);
    } catch {
      return tell("案件没有读到。请检查网络，再选一次。");
    }
    if (own !== turn) return undefined;
    drawing.showCases(found, facts.cases);
    legend(found);
    hint.textContent = which ? `有位置的 ${found.length} 件${found.some((one) => one.is_late) ? "，红边的已超期" : ""}；点一下打开案件。` : "";
    return undefined;
  }

  function legend(found) {
    const states = Object.keys(facts.cases).filter((state) => found.some((one) => one.state === state));
    document.getElementById("case-legend").replaceChildren(...states.map((state) => {
      const item = document.createElement("li");
      const image = Object.assign(new Image(20, 20), { src: sign(facts.cases[state]).toDataURL(), alt: "" });
      item.append(image, facts.cases[state].label);
      return item;
    }));
  }

  const wanted = address.searchParams.get("cases");
  field.value = wanted in ASKED ? wanted : "";
  field.addEventListener("change", () => {
    remember("cases", field.value || null);
    show();
  });
  if (field.value) show();
}
