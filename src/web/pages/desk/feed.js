// The one WebSocket of the page: what it is told, in order; what it asks; and the way back after a break.

const PATH = "/api/feed";
/** For the desk to answer, and for a connection to be made. */
const PATIENCE = 12_000;
/** With nothing heard for so long, the desk is asked whether it is there. */
const QUIET = 15_000;
const LOOK = 5_000;
const SOONEST = 400;
const LATEST = 8_000;
/** Closed with these, coming back is of no use. */
const SIGNED_OUT = 4401;
const CROWDED = 4429;

/** Why a command was not carried out: `word` is ours for it, or `told` what the desk says. */
class Refused extends Error {
  constructor({ word = "refused", told = "" }) {
    super(told || word);
    this.word = word;
    this.told = told;
  }
}

/** Who is signed in and what time it is, as `{ person, date }`; null for nobody. Throws where the bot cannot be reached. */
export async function who() {
  const response = await fetch("/api/me", { signal: AbortSignal.timeout(8_000) });
  if (response.status === 401) return null;
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return { person: await response.json(), date: response.headers.get("Date") };
}

export class Feed {
  #hears;
  #socket = null;
  /** The number of the message seen last, and of which feed. */
  #seen = {};
  #asked = new Map();
  #next = 1;
  #failed = 0;
  #heard = 0;
  #up = false;
  #timer = 0;

  /** `hears` has `reset(present)`, `told(topic, body)`, `up()`, `down(failures)`, `crowded()` and `signedOut()`. */
  constructor(hears) {
    this.#hears = hears;
    addEventListener("online", () => this.#retry());
    addEventListener("offline", () => this.#lose());
    document.addEventListener("visibilitychange", () => document.hidden || this.#retry());
    setInterval(() => this.#look(), LOOK);
    this.#connect();
  }

  get up() {
    return this.#up;
  }

  /** What the desk answers; throws `Refused`. */
  ask(name, about) {
    if (!this.#up) return Promise.reject(new Refused({ word: "not_sent" }));
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#asked.delete(id);
        reject(new Refused({ word: "not_answered" }));
      }, PATIENCE);
      this.#asked.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ id, do: name, with: about }));
    });
  }

  #connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${PATH}`);
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#lose(), PATIENCE);
    const ours = (work) => (event) => this.#socket === socket && work(event);
    socket.addEventListener("open", ours(() => socket.send(JSON.stringify(this.#seen))));
    socket.addEventListener("message", ours((event) => this.#hear(JSON.parse(event.data))));
    socket.addEventListener("close", ours((event) => this.#closed(event.code)));
  }

  #hear(message) {
    this.#heard = Date.now();
    if ("re" in message) {
      this.#answered(message);
    } else if ("reset" in message) {
      this.#seen = { resume: message.n, of: message.of };
      this.#hears.reset(message.reset);
      this.#connected();
    } else if ("resumed" in message) {
      this.#connected();
    } else if ("topic" in message) {
      this.#seen.resume = message.n;
      this.#hears.told(message.topic, message.body);
    }
  }

  #answered({ re, ok, error }) {
    const asked = this.#asked.get(re);
    if (asked === undefined) return;
    this.#asked.delete(re);
    clearTimeout(asked.timer);
    if (error === undefined) asked.resolve(ok);
    else asked.reject(new Refused({ told: error }));
  }

  #connected() {
    clearTimeout(this.#timer);
    this.#failed = 0;
    this.#up = true;
    this.#hears.up();
  }

  #closed(code) {
    if (code === SIGNED_OUT) {
      this.#drop();
      this.#hears.signedOut();
    } else if (code === CROWDED) {
      this.#drop();
      this.#hears.crowded();
    } else {
      this.#lose();
    }
  }

  /** Lets go of the socket, and tells who waits for an answer. */
  #drop() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    this.#up = false;
    socket?.close();
    for (const { reject, timer } of this.#asked.values()) {
      clearTimeout(timer);
      reject(new Refused({ word: "not_answered" }));
    }
    this.#asked.clear();
  }

  #lose() {
    if (this.#socket === null) return;
    this.#drop();
    this.#failed += 1;
    this.#hears.down(this.#failed);
    // Not all pages at once.
    const wait = Math.min(LATEST, SOONEST * 2 ** (this.#failed - 1)) * (0.75 + Math.random() / 2);
    this.#timer = setTimeout(() => this.#again(), wait);
  }

  /** Now rather than later, if there is a wait. */
  #retry() {
    if (this.#socket !== null || this.#failed === 0) return;
    clearTimeout(this.#timer);
    this.#again();
  }

  /** Whoever is signed out need not come back: a WebSocket that is refused does not say why. */
  async #again() {
    const session = this.#failed > 1 ? await who().catch(() => undefined) : undefined;
    if (session === null) this.#hears.signedOut();
    else if (this.#socket === null) this.#connect();
  }

  /** A connection that is broken on the way looks like one on which nothing happens. */
  async #look() {
    const socket = this.#socket;
    if (!this.#up || Date.now() - this.#heard < QUIET) return;
    try {
      if ((await who()) === null) this.#hears.signedOut();
      this.#heard = Date.now();
    } catch {
      if (this.#socket === socket) this.#lose();
    }
  }
}
