/** Looks for new alerts every twenty seconds; says so in the title, in words and, once allowed, with a sound. */

const EVERY_MS = 20000;
const page = document.getElementById("care");
const news = document.getElementById("news");
const button = document.getElementById("sound");
const title = document.title;
let newest = Number(page.dataset.newest);
let sounds = null;

/** Browsers let a page sound only after a touch. */
button.addEventListener("click", () => {
  const Context = window.AudioContext || window.webkitAudioContext;
  sounds = sounds || new Context();
  button.setAttribute("aria-pressed", "true");
  button.textContent = "声音提醒已打开";
  ring(0.3);
});

function ring(seconds) {
  if (!sounds) return;
  const tone = sounds.createOscillator();
  const volume = sounds.createGain();
  volume.gain.value = 0.4;
  tone.frequency.value = 880;
  tone.connect(volume).connect(sounds.destination);
  tone.start();
  tone.stop(sounds.currentTime + seconds);
}

function tell(count) {
  document.title = count ? `（${count}）${title}` : title;
}

async function look() {
  try {
    const answer = await fetch(`/api/alerts/count${location.search}`, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const { open, newest: latest } = await answer.json();
    tell(open);
    if (latest > newest) {
      newest = latest;
      ring(1.5);
      news.replaceChildren("有新的提醒，", Object.assign(document.createElement("a"), { href: location.href, textContent: "点这里查看" }));
    }
  } catch (error) {
    news.textContent = "暂时连不上服务器，新的提醒收不到；请检查网络后刷新。";
  }
}

tell(Number(page.dataset.count));
setInterval(look, EVERY_MS);
