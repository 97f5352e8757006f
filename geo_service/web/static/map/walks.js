/* Who is on the way, on the map: only once somebody asks, for every look is recorded. */

export function listen({ drawing }) {
  const button = document.getElementById("live");
  if (!button) return;
  const state = document.getElementById("live-state");
  const list = document.getElementById("live-list");
  let source = null;

  function close(words) {
    source?.close();
    source = null;
    button.setAttribute("aria-pressed", "false");
    clear(words);
  }

  function clear(words) {
    drawing.showWalks([]);
    list.replaceChildren();
    state.textContent = words;
  }

  button.addEventListener("click", () => {
    if (source) return close("");
    state.textContent = "正在连接…";
    button.setAttribute("aria-pressed", "true");
    source = new EventSource(button.dataset.address);
    source.addEventListener("walks", (event) => show(JSON.parse(event.data)));
    source.addEventListener("end", () => close("登录已经失效，或者权限有变化；请刷新页面，必要时重新登录。"));
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) close("服务器没有接受；可能同时打开得太多，一分钟后再试。");
      else clear("连接断了，正在重连…");
    };
    return undefined;
  });

  function show({ at, walks }) {
    drawing.showWalks(walks.filter(({ position }) => position));
    list.replaceChildren(...walks.map((walk) => {
      const item = document.createElement("li");
      const href = button.dataset.patrols.replace("~", encodeURIComponent(walk.patrol));
      item.append(Object.assign(document.createElement("a"), { href, textContent: walk.name }));
      item.append(`${walk.people > 1 ? `等 ${walk.people} 人` : ""}，${walk.last.slice(11, 16)}${walk.position ? "" : "，还在出发地附近"}`);
      return item;
    }));
    state.textContent = walks.length ? `有 ${walks.length} 路人在路上（${at.slice(11, 19)} 更新）。`
      : `现在没有人在路上（${at.slice(11, 19)} 更新）。`;
  }
}
