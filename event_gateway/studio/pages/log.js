// The event log, newest first, each entry with its payload.

import { clock, element, state } from "./dom.js";

const LINES_MAX = 200;

/** The part of the page that shows the decisions. */
export class Log {
  #list = document.getElementById("log");
  #lines = [];

  /** Add a line; the oldest one goes when there are too many. */
  add(line) {
    this.#lines.push(line);
    document.getElementById("no-events").hidden = true;
    this.#list.prepend(element("li", { class: "arrives" }, entry(line)));
    if (this.#lines.length > LINES_MAX) {
      this.#lines.shift();
      this.#list.lastElementChild.remove();
    }
  }

  /** Return a session's events that are in the log. */
  of(sessionId) {
    const lines = this.#lines.filter((line) => line.sessionId === sessionId && line.event);
    return lines.map((line) => line.event);
  }
}

function entry(line) {
  const event = line.event;
  // A sentiment has no status: it is whole or not sent.
  const status = event ? (event.payload.status ?? "complete") : line.status;
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
  if (event.type === "user_sentiment") return `Mood: ${event.payload.sentiment}`;
  if (event.type === "final_summary.ready") return "Summary";
  return `Dialogue ${event.payload.playOrder.map((step) => step.slotId).join(" → ")}`;
}
