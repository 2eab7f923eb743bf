// The sound of my calls: a connection (WebRTC) for each that wants one, which the page offers and the bot answers.
//
// Of several windows one has all the sound; the next takes it when that is closed.

import { microphone, speakTo } from "./sound.js";

/** For candidates to be gathered, as the protocol has it. */
const GATHERING = 500;
/** A connection that is not made by then is tried again. */
const CONNECTING = 10_000;
/** Stages in which somebody is to hear me. */
const SPEAKING = ["talking", "held", "whispering", "barging"];
const OURS = "offhook-lines";

export class Lines {
  #desk;
  #ears;
  #lines = new Map();
  #calls = new Map();
  #ice = [];
  #muted = new Set();
  /** Whether this window has the sound. */
  #here = false;
  /** Calls whose sound this window had before it was loaded again. */
  #before = remembered();

  /** `desk` has `offer(call, sdp)`, which gives the answer, `changed()` and `silent()`; sound goes to elements in `ears`. */
  constructor(desk, ears) {
    this.#desk = desk;
    this.#ears = ears;
    if (navigator.locks === undefined) {
      this.#here = true;
      return;
    }
    navigator.locks.request("offhook-lines", () => {
      this.#here = true;
      this.follow(this.#calls, this.#ice);
      return new Promise(() => {});
    });
  }

  /** Opens and closes what `calls` want. */
  follow(calls, ice) {
    this.#calls = calls;
    this.#ice = ice;
    for (const id of this.#lines.keys()) if (!sounds(calls.get(id))) this.#close(id);
    for (const id of this.#muted) if (!calls.has(id)) this.#muted.delete(id);
    for (const call of [...calls.values()].filter(sounds)) {
      const line = this.#lines.get(call.id);
      if (line !== undefined && (call.line === "up" || call.line === "faltering")) line.wasUp = true;
      const wanted = call.line === "wanted" ? line === undefined || line.wasUp : line === undefined && this.#before.has(call.id);
      if (wanted && this.#here) this.take(call.id);
      this.#open(call);
    }
  }

  /** Connects the sound of a call to this window, from wherever it was. */
  async take(id) {
    this.#close(id);
    const line = { id, state: "opening", wasUp: false, connection: null, ear: null, track: null, timer: 0 };
    this.#lines.set(id, line);
    this.#before.delete(id);
    this.#desk.changed();
    try {
      await this.#connect(line);
    } catch (error) {
      // Somebody else's window may have taken it, or the call may be over.
      this.#fail(line, error);
    }
  }

  async #connect(line) {
    const track = await microphone.open();
    if (this.#lines.get(line.id) !== line) return;
    if (track === null) {
      // The page tells why, and comes back when there is one.
      line.state = "deaf";
      this.#desk.changed();
      return;
    }
    const connection = new RTCPeerConnection({ iceServers: this.#ice, bundlePolicy: "max-bundle" });
    line.connection = connection;
    line.track = track.clone();
    this.#open(this.#calls.get(line.id));
    line.ear = document.createElement("audio");
    line.ear.autoplay = true;
    line.ear.dataset.call = line.id;
    this.#ears.append(line.ear);
    speakTo(line.ear);
    connection.addEventListener("track", (event) => {
      line.ear.srcObject = event.streams[0] ?? new MediaStream([event.track]);
      line.ear.play().catch((error) => error.name === "NotAllowedError" && this.#desk.silent());
    });
    connection.addEventListener("connectionstatechange", () => this.#connected(line));
    connection.addTransceiver(line.track, { direction: "sendrecv", streams: [new MediaStream([line.track])] });
    await connection.setLocalDescription();
    await gathered(connection);
    if (this.#lines.get(line.id) !== line) return;
    const answer = await this.#desk.offer(line.id, connection.localDescription.sdp);
    if (this.#lines.get(line.id) !== line) return;
    await connection.setRemoteDescription({ type: "answer", sdp: answer });
    if (connection.connectionState !== "connected") {
      line.timer = setTimeout(() => this.#fail(line), CONNECTING);
    }
    remember(this.#lines);
  }

  #connected(line) {
    if (this.#lines.get(line.id) !== line) return;
    const state = line.connection.connectionState;
    if (state === "connected") {
      clearTimeout(line.timer);
      line.state = "connected";
      this.#desk.changed();
    } else if (state === "failed") {
      this.#fail(line);
    }
  }

  /** Lets go of it, and tries again while the desk still wants a line; whose is up somewhere else is left there. */
  #fail(line) {
    if (this.#lines.get(line.id) !== line) return;
    this.#close(line.id);
    const failed = { ...line, state: "failed", wasUp: false, connection: null, ear: null, track: null };
    this.#lines.set(line.id, failed);
    failed.timer = setTimeout(() => {
      if (this.#lines.get(line.id) !== failed) return;
      this.#lines.delete(line.id);
      if (["wanted", "none"].includes(this.#calls.get(line.id)?.line) && this.#here) this.take(line.id);
      this.#desk.changed();
    }, 1_500);
    this.#desk.changed();
  }

  #close(id) {
    const line = this.#lines.get(id);
    if (line === undefined) return;
    this.#lines.delete(id);
    clearTimeout(line.timer);
    line.connection?.close();
    line.track?.stop();
    line.ear?.remove();
    remember(this.#lines);
  }

  /** Whether what I say goes out. */
  #open(call) {
    const track = this.#lines.get(call?.id)?.track;
    if (track) track.enabled = SPEAKING.includes(call.stage) && !this.#muted.has(call.id);
  }

  /** Another microphone speaks from now on. */
  replace(track) {
    for (const line of [...this.#lines.values()]) {
      if (line.connection === null) {
        this.take(line.id);
        continue;
      }
      line.track?.stop();
      line.track = track.clone();
      line.connection.getSenders()[0]?.replaceTrack(line.track);
      this.#open(this.#calls.get(line.id));
    }
  }

  turnToSpeaker() {
    for (const line of this.#lines.values()) if (line.ear) speakTo(line.ear);
  }

  /** Somebody has clicked, so that the browser lets it be heard. */
  play() {
    for (const line of this.#lines.values()) line.ear?.play().catch(() => {});
  }

  muted(id) {
    return this.#muted.has(id);
  }

  mute(id, muted) {
    if (muted) this.#muted.add(id);
    else this.#muted.delete(id);
    this.#open(this.#calls.get(id));
  }

  /** `here`, `opening`, `failed`, `deaf` (no microphone), `elsewhere`, or `none` where it wants no line of a page. */
  state(call) {
    const line = this.#lines.get(call.id);
    if (!sounds(call) || (line === undefined && call.line === "none")) return "none";
    if (line === undefined) return call.line === "wanted" && this.#here ? "opening" : "elsewhere";
    return line.state === "connected" ? "here" : line.state;
  }
}

/** Whether a page has, or is to have, a line for it; `none` is told while one is being connected, too. */
function sounds(call) {
  return call !== undefined && call.line !== "phone" && call.stage !== "wrap_up";
}

/** Until all candidates are told, or long enough. */
function gathered(connection) {
  return new Promise((resolve) => {
    const look = () => connection.iceGatheringState === "complete" && resolve();
    connection.addEventListener("icegatheringstatechange", look);
    setTimeout(resolve, GATHERING);
    look();
  });
}

// Of this tab alone, and for as long as it is open.
function remember(lines) {
  try {
    const ids = [...lines.values()].filter((line) => line.connection !== null).map((line) => line.id);
    sessionStorage.setItem(OURS, JSON.stringify(ids));
  } catch {
    // After loading it again, the sound is taken by hand.
  }
}

function remembered() {
  try {
    return new Set(JSON.parse(sessionStorage.getItem(OURS) ?? "[]"));
  } catch {
    return new Set();
  }
}
