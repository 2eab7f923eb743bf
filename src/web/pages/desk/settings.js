// Which microphone and speaker, and how loud the microphone hears.

import { at, make, redraw, show, text } from "./dom.js";
import { present } from "./present.js";
import { strike } from "./ring.js";
import { chooseMicrophone, chooseSpeaker, chosen, devices, microphone, speakers } from "./sound.js";
import { say } from "./words.js";

export function begin(lines) {
  at("open-sound").addEventListener("click", async () => {
    await draw();
    at("sound").showModal();
  });
  at("sound-close").addEventListener("click", () => at("sound").close());
  at("test-ring").addEventListener("click", () => strike());
  at("microphone").addEventListener("change", () => chooseMicrophone(at("microphone").value));
  at("speaker").addEventListener("change", () => {
    chooseSpeaker(at("speaker").value);
    lines.turnToSpeaker();
  });
}

export async function draw() {
  const phone = present.me?.phone ?? null;
  show(at("sound-phone"), phone !== null);
  text(at("sound-phone"), phone === null ? "" : say("by_phone", phone));
  show(at("sound-devices"), phone === null);
  show(at("level"), phone === null);
  show(at("level-off"), !microphone.isOpen);
  show(at("speaker-part"), speakers);
  fill(at("microphone"), await devices("audioinput"), chosen.microphone());
  if (speakers) fill(at("speaker"), await devices("audiooutput"), chosen.speaker());
}

function fill(select, all, now) {
  const rows = all.map(({ deviceId, label }, place) => [deviceId, label || say("device_n", place + 1)]);
  const first = make("option", { value: "" }, say("device_default"));
  redraw(select, [say("device_default"), rows], first, ...rows.map(([value, words]) => make("option", { value }, words)));
  select.value = now;
  if (select.value !== now) select.value = "";
}

export function hear(level) {
  for (const id of ["level", "level-large"]) {
    const meter = at(id);
    if (Math.abs(meter.value - level) > 0.01) meter.value = level;
  }
}
