// The event log, newest first, each entry with its payload.

import { clock, element, state } from "./dom.js";

const LINES_MAX = 200;

/** The part of the page that shows the decisions. */
export class Log {
  #list = document.getElementById("log");
  #events = new Map();
  #ids = new Set();

  /** Add a line; return whether it is new. */
  add(line) {
    if (this.#ids.has(line.id)) return false;
    this.#ids.add(line.id);
    if (line.event) {
      const events = this.#events.get(line.sessionId) ?? [];
      this.#events.set(line.sessionId, [...events, line.event]);
    }
    document.getElementById("no-events").hidden = true;
    this.#list.prepend(element("li", { class: "arrives" }, entry(line)));
    while (this.#list.children.length > LINES_MAX) this.#list.lastElementChild.remove();
    return true;
  }

  /** Return a session's events that are in the log. */
  of(sessionId) {
    return this.#events.get(sessionId) ?? [];
  }
}

function entry(line) {
  const event = line.event;
  const status = event?.payload.status ?? line.status;
  const good = line.status === "produced" && status === "complete";
  const words = line.status === "produced" ? status : line.status;
  const summary = element(
    "summary",
    {},
    element("span", { class: "quiet" }, `${clock(line.at)} `),
    event ? what(event) : `${line.key} `,
    " ",
    state(good ? "good" : "late", words),
    event?.payload.rehearsal ? state("rehearsal", "rehearsal") : null,
    element(
      "span",
      { class: "quiet" },
      ` ${line.sessionId.slice(0, 8)}${event ? ` #${event.seq}` : ""}`,
    ),
  );
  const payload = event ? JSON.stringify(event, null, 2) : "This dialogue could not be played.";
  const details = element("details", {}, summary);
  // The payload is rendered when it is opened: a log may be long.
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) {
      details.append(element("pre", { tabindex: "0", "aria-label": "payload" }, payload));
    }
  });
  return details;
}

function what(event) {
  if (event.type === "turn1.waves.ready") {
    return `Turn 1, ${event.payload.slotsReady} of ${event.payload.slotsExpected}`;
  }
  return `Dialogue ${event.payload.playOrder.map((step) => step.slotId).join(" → ")}`;
}
