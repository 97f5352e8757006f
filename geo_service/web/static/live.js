/** Shows who is on the way, as the server tells it; says so when it is over or out of reach. */

const rows = document.getElementById("walks");
const state = document.getElementById("state");
const SLOW_MS = 60000;
let source = null;

function open() {
  source = new EventSource(rows.dataset.address);
  source.addEventListener("walks", (event) => show(JSON.parse(event.data)));
  source.addEventListener("end", () => over("登录已经失效，或者权限有变化；请刷新页面，必要时重新登录。"));
  source.onerror = () => {
    rows.replaceChildren();
    if (source.readyState === EventSource.CLOSED) {
      over("服务器没有接受；可能登录已失效，或同时打开得太多。一分钟后再试，也可以刷新页面。");
      setTimeout(open, SLOW_MS);
    } else {
      tell("连接断了，正在重连…");
    }
  };
}

function over(words) {
  source.close();
  rows.replaceChildren();
  tell(words);
}

function tell(words) {
  state.textContent = words;
}

function show({ at, walks }) {
  const when = `${at.slice(11, 19)} 更新`;
  rows.replaceChildren(...walks.map(row));
  tell(walks.length ? `有 ${walks.length} 路人在路上（${when}）` : `现在没有人在路上（${when}）`);
}

function row(walk) {
  const line = document.createElement("tr");
  const name = document.createElement("th");
  name.scope = "row";
  name.append(link(rows.dataset.people, walk.person, walk.name));
  if (walk.people > 1) name.append(`等 ${walk.people} 人`);
  const far = walk.metres < 1000 ? `${walk.metres} 米` : `${(walk.metres / 1000).toFixed(1)} 公里`;
  line.append(name, cell(walk.since.slice(11, 16)), cell(walk.last.slice(11, 16)), cell(far, "number"), document.createElement("td"));
  line.lastElementChild.append(link(rows.dataset.patrols, walk.patrol, "查看"));
  return line;
}

function cell(words, kind = "") {
  return Object.assign(document.createElement("td"), { textContent: words, className: kind });
}

function link(address, id, words) {
  return Object.assign(document.createElement("a"), { href: address.replace("~", encodeURIComponent(id)), textContent: words });
}

open();
