/** Looks for new cases every ten seconds; where something changed it brings the board up to date. */

const EVERY_MS = 10000;
const news = document.getElementById("news");
const title = document.title;
let told = Number(document.getElementById("board").dataset.newest);

const states = (counts) => counts.map(({ count }) => count).join(" ");

async function look() {
  const board = document.getElementById("board");
  const here = new URLSearchParams(location.search);
  const asked = new URLSearchParams();
  for (const name of ["county", "own"]) if (here.has(name)) asked.set(name, here.get(name));
  try {
    const answer = await fetch(`/api/cases/count?${asked}`, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const { open, newest, states: counts } = await answer.json();
    if (newest <= told && String(open) === board.dataset.open && states(counts) === board.dataset.state) return;
    if (newest > told) {
      document.title = `（新）${title}`;
      news.textContent = "有新的上报。";
    } else {
      news.textContent = "看板有变化。";
    }
    told = Math.max(told, newest);
    await refresh(board);
  } catch (error) {
    news.textContent = "暂时连不上服务器，新的上报看不到；请检查网络后刷新。";
  }
}

/** Who is on a link of the board keeps his place: he is told, and looks himself. */
async function refresh(board) {
  if (board.contains(document.activeElement)) {
    const link = Object.assign(document.createElement("a"), { href: location.href, textContent: "点这里刷新" });
    news.append(link);
    board.dataset.open = "";
    return;
  }
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  board.replaceWith(document.adoptNode(page.getElementById("board")));
}

setInterval(look, EVERY_MS);
