/** Reading aloud, where the phone has a Chinese voice. */

function voice() {
  if (!("speechSynthesis" in window)) return null;
  return speechSynthesis.getVoices().find((one) => /^zh|^cmn|^yue/i.test(one.lang)) || null;
}

/** Whether there is a voice. Some phones load theirs after a while: `changed` is called then. */
export function canRead(changed) {
  if ("speechSynthesis" in window && changed) speechSynthesis.onvoiceschanged = changed;
  return voice() !== null;
}

/** Read the words of an element. */
export function read(element) {
  const words = new SpeechSynthesisUtterance(element.innerText);
  words.voice = voice();
  words.lang = "zh-CN";
  words.rate = 0.9;
  speechSynthesis.cancel();
  speechSynthesis.speak(words);
}

let sounds = null;

/** Make ready to sound: browsers allow it only after a touch. */
export function readySound() {
  const Context = window.AudioContext || window.webkitAudioContext;
  if (Context && !sounds) sounds = new Context();
  if (sounds && sounds.state === "suspended") sounds.resume();
}

/** Sound three times and shake. */
export function call() {
  if (navigator.vibrate) navigator.vibrate([600, 300, 600, 300, 600]);
  if (!sounds) return;
  for (const k of [0, 1, 2]) {
    const tone = sounds.createOscillator();
    const volume = sounds.createGain();
    const at = sounds.currentTime + k * 0.9;
    tone.frequency.value = 880;
    volume.gain.setValueAtTime(0.0001, at);
    volume.gain.exponentialRampToValueAtTime(0.6, at + 0.05);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.6);
    tone.connect(volume).connect(sounds.destination);
    tone.start(at);
    tone.stop(at + 0.65);
  }
}
