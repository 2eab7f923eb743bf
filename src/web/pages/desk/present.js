// All that is so at present, as the desk has told it. It knows no page.

export const present = {
  me: null,
  desk: { queues: [], flows: [], colleagues: [], dispositions: [], pauses: [], ice: [] },
  wall: { queues: [], agents: [] },
  /** Calls in progress, for supervisors; parked ones for everyone. By id. */
  live: new Map(),
  /** Calls that this person is rung for, in, or listens to. By id. */
  calls: new Map(),
  /** Calls that this person goes into unasked: whose sound is being connected, and not announced. */
  coming: new Set(),
};

export function reset({ me, desk, wall, live, calls }) {
  present.me = me;
  present.desk = { ...present.desk, ...desk };
  present.wall = wall ?? present.wall;
  present.live = new Map((live ?? []).map((row) => [row.id, row]));
  present.calls = new Map((calls ?? []).map((call) => [call.id, { ...call, words: sorted(call.words ?? []) }]));
}

export function tell(topic, body) {
  switch (topic) {
    case "me":
    case "wall":
      present[topic] = body;
      break;
    case "desk":
      present.desk = { ...present.desk, ...body };
      break;
    case "live":
      if (body.gone) present.live.delete(body.id);
      else present.live.set(body.id, body);
      break;
    case "call":
      present.calls.set(body.id, { ...body, words: present.calls.get(body.id)?.words ?? sorted(body.words ?? []) });
      break;
    case "words":
      hear(present.calls.get(body.call), body.words);
      break;
    case "gone":
      present.calls.delete(body.call);
      present.coming.delete(body.call);
      break;
  }
}

function hear(call, lines) {
  if (call === undefined) return;
  const words = new Map(call.words.map((line) => [line.n, line]));
  for (const line of lines) words.set(line.n, line);
  call.words = sorted([...words.values()]);
}

const sorted = (lines) => [...lines].sort((a, b) => a.n - b.n);

const MONITORS = ["listening", "whispering", "barging"];

/** What one does with a call: `rung`, `in`, `wrapping` or `monitoring`. */
export function part(call) {
  if (call.stage === "brief" && present.coming.has(call.id)) return "in";
  if (call.stage === "ringing" || call.stage === "brief") return "rung";
  if (call.stage === "wrap_up") return "wrapping";
  // A colleague who was invited is simply in it.
  const supervises = present.me.role === "supervisor";
  return supervises && (call.role === "monitor" || MONITORS.includes(call.stage)) ? "monitoring" : "in";
}

/** The stage of a call in a word of ours. */
export function stage(call) {
  if (part(call) !== "in") return `stage_${call.stage}`;
  return { brief: "line_wanted", barging: "stage_talking" }[call.stage] ?? `stage_${call.stage}`;
}

export const caller = (call) => call.caller.name ?? call.caller.number;

/** -1 to 0.5 in a word; null where nobody has judged. */
export function mood(value) {
  if (value === null || value === undefined) return null;
  if (value < -0.75) return "angry";
  if (value < -0.25) return "displeased";
  return value > 0.25 ? "pleased" : "calm";
}
