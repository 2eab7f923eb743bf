// The bell: two soft tones, twice, every three seconds; one short tone for whoever is in a call already.

import { audio } from "./sound.js";

const EVERY = 3_000;
/** Hz. */
const TONES = [400, 450];
const LOUD = 0.16;
const SOFT = 0.05;

let timer = 0;
let how = "silent";

/** `wanted` is `silent`, `rings` or `knocks`. */
export function bell(wanted) {
  if (how === wanted) return;
  how = wanted;
  clearInterval(timer);
  if (how === "silent") return;
  strike();
  timer = setInterval(strike, EVERY);
}

export function strike() {
  // One that the browser keeps still would play all of it later.
  if (audio().state !== "running") return audio().resume().catch(() => {});
  if (how === "knocks") return tone(0, 0.15, SOFT);
  tone(0, 0.4, LOUD);
  tone(0.6, 0.4, LOUD);
}

/** From `delay` on for `length`, in seconds. */
function tone(delay, length, volume) {
  const from = audio().currentTime + delay;
  const gain = audio().createGain();
  gain.gain.setValueAtTime(0, from);
  gain.gain.linearRampToValueAtTime(volume, from + 0.02);
  gain.gain.setValueAtTime(volume, from + length - 0.05);
  gain.gain.linearRampToValueAtTime(0, from + length);
  gain.connect(audio().destination);
  for (const frequency of TONES) {
    const oscillator = audio().createOscillator();
    oscillator.frequency.value = frequency;
    oscillator.connect(gain);
    oscillator.start(from);
    oscillator.stop(from + length);
    oscillator.addEventListener("ended", () => gain.disconnect());
  }
}
