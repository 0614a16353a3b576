// Draws a session. A cell is replaced only when it changes, so that focus and sounds are kept.

import { element, state, write } from "./dom.js";
import { grid } from "./session.js";
import { sound } from "./sound.js";

const TURN_WORDS = { 1: "Answer", 2: "Comment", 3: "Reply" };
const STATE_WORDS = {
  waiting: "waiting",
  ready: "ready",
  failed: "failed",
  late: "too late",
  none: "nothing here",
};

/** The part of the page that shows one session. */
export class Grid {
  #slots = document.getElementById("slots");
  #dialogues = document.getElementById("dialogues");
  #shown = "";
  #cells = new Map();

  /** Draw a session; `events` are those that were sent for it. */
  draw(session, events) {
    const rows = grid(session, events);
    if (session.id !== this.#shown || this.#slots.children.length !== rows.length) {
      this.#shown = session.id;
      this.#cells.clear();
      this.#slots.replaceChildren(...rows.map((row) => this.#row(row)));
    }
    for (const row of rows) {
      const name = this.#slots.querySelector(`[data-slot="${row.slot}"] .agent`);
      if (name.textContent !== row.agent) name.textContent = row.agent;
      for (const cell of row.cells) this.#update(cell);
    }
    this.#drawAdditions(session);
    document.getElementById("columns").hidden = false;
    document.getElementById("dialogues-title").hidden = session.dialogues.length === 0;
    const dialogues = session.dialogues.map((each) => dialogue(each, events));
    const words = dialogues.map((each) => each.textContent).join("\n");
    if (this.#dialogues.dataset.words !== session.id + words) {
      this.#dialogues.dataset.words = session.id + words;
      this.#dialogues.replaceChildren(...dialogues);
    }
  }

  #drawAdditions({ mood, summary, id }) {
    const words = mood ? `The visitor's mood: ${mood.sentiment}. ${mood.justification}` : "";
    document.getElementById("mood").hidden = mood === null;
    write(document.getElementById("mood"), words);
    const place = document.getElementById("summary");
    const content = JSON.stringify([id, summary]);
    if (place.dataset.content === content) return;
    place.dataset.content = content;
    place.hidden = summary === null;
    if (summary === null) return;
    place.replaceChildren(
      ...[
        element("h3", {}, "Summary"),
        state(summary.shown, STATE_WORDS[summary.shown]),
        element("p", { class: "said" }, summary.text),
        summary.error && element("p", { class: "problem" }, summary.error),
        summary.speech && sound(summary.speech, "Speech", "the summary"),
      ].filter(Boolean),
    );
  }

  #row(row) {
    const cells = row.cells.map((cell) => {
      const place = element("div", { class: "cell" });
      this.#cells.set(`${cell.turn}:${cell.slot}`, place);
      return place;
    });
    const who = element(
      "div",
      { class: "who" },
      element("span", { class: "drop", "aria-hidden": "true" }, String(row.slot)),
      element(
        "h3",
        {},
        element("span", { class: "unseen" }, `Slot ${row.slot}: `),
        element("span", { class: "agent" }, row.agent),
      ),
    );
    return element("li", { data: { slot: row.slot } }, who, cells);
  }

  #update(cell) {
    const place = this.#cells.get(`${cell.turn}:${cell.slot}`);
    const content = JSON.stringify(cell);
    if (place.dataset.content === content) return;
    place.dataset.content = content;
    place.dataset.state = cell.shown;
    const what = `slot ${cell.slot}, ${TURN_WORDS[cell.turn].toLowerCase()}`;
    const to = cell.targetSlotId && element("span", { class: "quiet" }, `to ${cell.targetSlotId}`);
    place.replaceChildren(
      ...[
        element("span", { class: "turn" }, TURN_WORDS[cell.turn]),
        element("div", { class: "cell-head" }, state(cell.shown, STATE_WORDS[cell.shown]), to),
        cell.text && element("p", { class: "said" }, cell.text),
        cell.error && element("p", { class: "problem" }, cell.error),
        cell.mix && sound(cell.mix, "Wave", what),
        cell.speech && sound(cell.speech, "Speech", what),
      ].filter(Boolean),
    );
    if (cell.shown === "ready") place.classList.add("arrives");
  }
}

function dialogue(each, events) {
  const id = `turn23-slot${each.targetSlotId}`;
  const event = events.find((one) => one.payload.dialogueId === id);
  const order = `${each.commenterSlotIds.join(", ") || "nobody"} → ${each.targetSlotId}`;
  let shown = state("waiting", "waiting");
  let why = each.waitsFor.length ? `for ${each.waitsFor.join(", ")}` : "for its turn";
  if (event) {
    shown = event.payload.status === "complete" ? state("ready", "sent") : state("late", "sent");
    why = event.payload.status === "complete" ? "" : "in part";
  } else if (each.decided) {
    shown = state("failed", "not sent");
    why = "";
  }
  const name = element("span", { class: "order", "aria-hidden": "true" }, order);
  const label = `${each.commenterSlotIds.join(" and ") || "nobody"} to ${each.targetSlotId}: `;
  return element(
    "li",
    {},
    name,
    element("span", { class: "unseen" }, label),
    shown,
    why && element("span", { class: "quiet" }, why),
  );
}
