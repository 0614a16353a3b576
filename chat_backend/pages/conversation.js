// The three turns as they arrive: a card a voice.

import { element, write } from "/pages/dom.js";
import { play, sound, stop } from "/pages/sound.js";

const TITLES = {
  1: ["They answer", "each on its own"],
  2: ["They listen", "each comments on another"],
  3: ["They answer each other", "those who were spoken to"],
  4: ["What remains", "one voice, for all"],
};
const VOICES = {
  friendly_casual: "friendly, casual",
  warm_professional: "warm, professional",
  energetic_upbeat: "energetic, upbeat",
  calm_soothing: "calm, soothing",
  confident_charming: "confident, charming",
  playful_expressive: "playful, expressive",
};
const MOODS = {
  positive: "The water hears a light in your words.",
  neutral: "The water hears your words.",
  negative: "The water hears a weight in your words.",
};
// What a failure means for a visitor; what the machine says stands beside it.
const PROBLEMS = {
  tts_error: "It has no voice this time. Its words stay, and it takes part in the later turns.",
  timeout: "It thought for too long. The others go on without it.",
  rate_limit: "Its maker asks for patience. The others go on without it.",
  network: "It could not be reached. The others go on without it.",
  server_error: "Its maker has trouble. The others go on without it.",
  unknown: "It lost its thread. The others go on without it.",
};

/** One conversation on the page. */
export class Conversation {
  #turns = document.getElementById("turns");
  #cards = new Map();
  #sounds = [];
  #asked = 0;
  #spoken = 0;
  #lost = [];

  constructor(message, onSound) {
    this.onSound = onSound;
    this.sessionId = "";
    this.#turns.replaceChildren();
    write(document.getElementById("conversation-title"), `“${message}”`);
    document.getElementById("conversation").hidden = false;
    document.getElementById("hear").hidden = true;
    document.getElementById("mood").hidden = true;
    this.#trouble();
  }

  /** Take one event of the stream. */
  take(name, data) {
    this.sessionId = data.sessionId;
    const card = this.#cards.get(`${data.turnIndex}:${data.slotId}`);
    switch (name) {
      case "turn.start":
        this.#begin(data.turnIndex);
        break;
      case "slot.start":
        this.#asked += 1;
        this.#card(data);
        break;
      case "slot.done":
        this.#said(card, data);
        break;
      case "slot.audio":
        this.#heard(card, data);
        break;
      case "slot.error":
        this.#failed(card, data);
        break;
      case "user.sentiment":
        document.getElementById("mood").hidden = false;
        write(document.getElementById("mood"), MOODS[data.sentiment]);
        return;
      case "done":
        this.#over(data);
        return;
    }
    if (data.turnIndex) this.#progress(data.turnIndex);
  }

  /** Say what went wrong with the whole conversation. */
  broke(message) {
    write(document.getElementById("progress"), message);
    for (const card of this.#cards.values()) card.querySelector(".thinking")?.remove();
  }

  /** Mark the voices that move the water now ("turn:slot"); return those that begin to. */
  plays(places) {
    const begun = [];
    for (const [place, card] of this.#cards) {
      const does = places.includes(place);
      if (does && !card.classList.contains("plays")) begun.push(place);
      card.classList.toggle("plays", does);
    }
    return begun;
  }

  /** Play every voice, one after the other, until another is played; again: be silent. */
  async hear() {
    const button = document.getElementById("hear");
    if (button.getAttribute("aria-pressed") === "true") {
      stop();
      return;
    }
    button.setAttribute("aria-pressed", "true");
    write(button, "Be silent");
    for (const { path, slot, whole } of this.#sounds) {
      this.onSound(slot);
      const shown = { whole, button: whole.querySelector("button") };
      if (!(await play(`/v1/audio/${path}`, shown))) break;
    }
    button.setAttribute("aria-pressed", "false");
    write(button, "Hear them all");
  }

  #begin(turn) {
    const [title, detail] = TITLES[turn];
    this.#asked = 0;
    this.#spoken = 0;
    const list = element("ol", {});
    const head = element("h3", {}, title, element("span", { class: "quiet" }, detail));
    this.#turns.append(element("section", { class: "turn", data: { turn } }, head, list));
  }

  #card(data) {
    const card = element(
      "li",
      { class: "card voice arrives", data: { slot: data.slotId } },
      element(
        "div",
        { class: "voice-head" },
        element("span", { class: "drop", "aria-hidden": "true" }, String(data.slotId || "∞")),
        element("span", { class: "agent" }, data.slotId ? data.agentId : "the water"),
        element("span", { class: "manner quiet" }),
      ),
      element("p", { class: "thinking" }, "thinking…"),
    );
    this.#cards.set(`${data.turnIndex}:${data.slotId}`, card);
    this.#turns.querySelector(`[data-turn="${data.turnIndex}"] ol`).append(card);
  }

  #said(card, data) {
    card.querySelector(".thinking")?.replaceWith(
      element("p", { class: "said" }, data.text),
      element("p", { class: "thinking quiet" }, "finding its voice…"),
    );
    const to = data.targetSlotId ? `to ${data.targetSlotId}, ` : "";
    write(card.querySelector(".manner"), `${to}${VOICES[data.voiceProfile] ?? data.voiceProfile}`);
  }

  #heard(card, data) {
    const what = data.slotId ? `${data.agentId}, slot ${data.slotId}, ${data.kind}` : "the water";
    const whole = sound(data.audioPath, "Hear it", what);
    card.querySelector(".thinking")?.remove();
    card.append(whole);
    this.#spoken += 1;
    this.#sounds.push({ path: data.audioPath, slot: data.slotId, whole });
    document.getElementById("hear").hidden = false;
    this.onSound(data.slotId);
  }

  #failed(card, data) {
    card.querySelector(".thinking")?.remove();
    card.classList.add("lost");
    const meaning = PROBLEMS[data.error.type] ?? PROBLEMS.unknown;
    card.append(
      element("p", { class: "problem" }, meaning),
      element("p", { class: "quiet" }, `${data.error.type}: ${data.error.message}`),
    );
    this.#lost.push(data);
    this.#trouble();
  }

  #trouble() {
    const note = document.getElementById("troubles");
    note.hidden = this.#lost.length === 0;
    if (note.hidden) return;
    const slots = [...new Set(this.#lost.map((each) => each.slotId))].filter(Boolean).sort();
    const where = slots.length ? `slot ${slots.join(", ")}` : "the last words";
    write(
      note,
      `Something went wrong in ${where}. Everything else goes on: the other voices, their` +
        " waves, and what TouchDesigner is told of them.",
    );
  }

  #progress(turn) {
    const lost = this.#lost.filter((each) => each.turnIndex === turn).length;
    const ready = `${this.#spoken} of ${this.#asked} voices are ready`;
    const words = turn === 4 ? "The last words" : `Turn ${turn} of 3: ${ready}`;
    write(document.getElementById("progress"), lost ? `${words}, ${lost} failed` : words);
  }

  #over(data) {
    const lost = this.#lost.length;
    const failed = lost ? `, ${many(lost, "thing")} failed` : "";
    write(
      document.getElementById("progress"),
      `All is said: ${many(data.completedSlots, "voice")} answered${failed}.`,
    );
  }
}

function many(count, word) {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
