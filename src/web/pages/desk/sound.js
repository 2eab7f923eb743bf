// The microphone, its level, and which devices sound comes from and goes to. It knows no call.

import { keep, kept } from "./words.js";

const MICROPHONE = "offhook-microphone";
const SPEAKER = "offhook-speaker";
/** Shown as an empty meter, in dBFS; 0 is a full one. */
const FLOOR = -60;

let context = null;

/** The one context of the page. A browser keeps it still until somebody has clicked or typed. */
export function audio() {
  if (context === null) {
    context = new AudioContext({ latencyHint: "interactive" });
    speakTo(context);
    const wake = () => context.state === "suspended" && context.resume().catch(() => {});
    for (const event of ["pointerdown", "keydown"]) document.addEventListener(event, wake, { capture: true });
  }
  return context;
}

export const chosen = { microphone: () => kept(MICROPHONE) ?? "", speaker: () => kept(SPEAKER) ?? "" };

export const speakers = "setSinkId" in HTMLMediaElement.prototype;

/** Leads `sink`, an element or a context, to the speaker that was chosen, where the browser can and it is there. */
export async function speakTo(sink) {
  await sink.setSinkId?.(chosen.speaker()).catch(() => sink.setSinkId("").catch(() => {}));
}

/** The devices of `kind`, as the browser tells them: without names before it gave a microphone. */
export async function devices(kind) {
  const all = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  return all.filter((device) => device.kind === kind && !["", "default", "communications"].includes(device.deviceId));
}

/** The word for why there is no microphone. */
function wrong(error) {
  switch (error.name) {
    case "NotAllowedError":
    case "SecurityError":
      return "mic_refused";
    case "NotFoundError":
    case "OverconstrainedError":
      return "mic_missing";
    default:
      return "mic_busy";
  }
}

async function capture() {
  const care = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  const device = chosen.microphone();
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: device === "" ? care : { ...care, deviceId: { exact: device } } });
  } catch (error) {
    // The one that was chosen is not there today.
    if (device === "" || wrong(error) !== "mic_missing") throw error;
    return await navigator.mediaDevices.getUserMedia({ audio: care });
  }
}

/** Open while it is wanted, and no longer. */
class Microphone {
  /** A word where it could not be opened. */
  problem = null;
  #wanted = false;
  #opening = null;
  #stream = null;
  #analyser = null;
  #changed = () => {};
  #replaced = () => {};

  /** `changed()`: it was opened, closed, or failed. `replaced(track)`: another device speaks from now on. */
  listen({ changed, replaced }) {
    this.#changed = changed;
    this.#replaced = replaced;
    navigator.mediaDevices?.addEventListener("devicechange", changed);
    // Whoever allows it after all need not load the page again.
    const allowed = navigator.permissions?.query({ name: "microphone" });
    allowed?.then((status) => status.addEventListener("change", () => this.again())).catch(() => {});
  }

  want(wanted) {
    if (this.#wanted === wanted) return;
    this.#wanted = wanted;
    if (wanted) this.open();
    else this.#close();
  }

  get isOpen() {
    return this.#stream !== null;
  }

  /** Its track, or null. */
  open() {
    if (this.#stream !== null) return Promise.resolve(this.#stream.getAudioTracks()[0]);
    this.#opening ??= this.#open().finally(() => (this.#opening = null));
    return this.#opening;
  }

  async #open() {
    if (navigator.mediaDevices === undefined) return this.#fail("mic_insecure");
    let stream;
    try {
      stream = await capture();
    } catch (error) {
      return this.#fail(wrong(error));
    }
    const [track] = stream.getAudioTracks();
    if (!this.#wanted) {
      track.stop();
      return null;
    }
    this.problem = null;
    this.#stream = stream;
    // It was pulled out.
    track.addEventListener("ended", () => this.#stream === stream && this.again());
    this.#analyser = audio().createAnalyser();
    this.#analyser.fftSize = 1024;
    audio().createMediaStreamSource(stream).connect(this.#analyser);
    this.#changed();
    return track;
  }

  #fail(word) {
    this.problem = word;
    this.#changed();
    return null;
  }

  #close() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = null;
    this.#analyser?.disconnect();
    this.#analyser = null;
    this.problem = null;
    this.#changed();
  }

  /** Opens it anew: another was chosen, or it failed. */
  async again() {
    if (!this.#wanted) return;
    this.#close();
    const track = await this.open();
    if (track !== null) this.#replaced(track);
  }

  /** 0 to 1. */
  level() {
    if (this.#analyser === null) return 0;
    const samples = new Float32Array(this.#analyser.fftSize);
    this.#analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    return Math.min(1, Math.max(0, 1 - (10 * Math.log10(power + 1e-12)) / FLOOR));
  }
}

export const microphone = new Microphone();

export function chooseMicrophone(id) {
  keep(MICROPHONE, id);
  return microphone.again();
}

/** What is heard already follows by `speakTo`. */
export function chooseSpeaker(id) {
  keep(SPEAKER, id);
  if (context !== null) speakTo(context);
}
