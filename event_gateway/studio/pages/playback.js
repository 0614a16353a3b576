// What the client says that it plays, and the Quiet button.

import { ask, clock, element, write } from "./dom.js";

const at = (id) => document.getElementById(id);
const TURNS = { 1: "answer", 2: "comment", 3: "reply" };

let on = false;

/** Draw what plays, what failed to open, and since when nothing played. */
export function drawPlayback(playback, clientName) {
  on = playback.quiet;
  at("water").dataset.sign = playback.playing.length && !playback.overdue ? "good" : "away";
  write(at("water"), water(playback));
  at("quiet").setAttribute("aria-pressed", String(on));
  write(at("quiet"), on ? "End Quiet" : "Quiet");
  write(at("quiet-words"), on ? "The water rests: nothing is played, the kiosk takes no question." : "");
  drawStill(playback, clientName);
  at("playback").hidden = playback.failed.length === 0;
  const content = JSON.stringify(playback.failed);
  if (at("failed").dataset.content === content) return;
  at("failed").dataset.content = content;
  at("failed").replaceChildren(...playback.failed.map(failure).reverse());
}

function water(playback) {
  if (playback.quiet) return "rests";
  if (playback.playing.length) return `plays ${list(playback.playing.map(name))}`;
  if (playback.lastPlayedAt) return `still since ${clock(playback.lastPlayedAt)}`;
  return playback.reporting ? "still" : "nothing was reported";
}

function drawStill(playback, clientName) {
  let words = "";
  if (playback.overdue) {
    const since = playback.lastPlayedAt
      ? `since ${clock(playback.lastPlayedAt)}`
      : "since the gateway started";
    const sent = `${playback.unplayed} sent ${playback.unplayed === 1 ? "event" : "events"}`;
    words =
      `Nothing was played ${since}, although all that was sent should have ended at ` +
      `${clock(playback.expectedEnd)} (${sent} not played). `;
    if (!playback.clientConnected) words += "No client is connected.";
    else if (playback.reporting) words += "Is its timeline running, and is its sound switched on?";
    else words += `${clientName || "The client"} reports nothing: it may not be able to.`;
  }
  if (at("still").textContent === words) return;
  // A client that never reports is no reason for an alarm.
  const kind = playback.reporting || !playback.clientConnected ? "note bad" : "note";
  const notes = words ? [element("p", { class: kind }, words)] : [];
  at("still").replaceChildren(...notes);
}

function failure(each) {
  const place = each.place ? ` at place ${each.place}` : "";
  const why = each.error ? `: ${each.error}` : "";
  return element(
    "li",
    {},
    `${clock(each.at)} ${each.sessionId.slice(0, 8)}, ${name(each)}${place}${why}`,
  );
}

function name(each) {
  return each.slotId ? `slot ${each.slotId} (${TURNS[each.turnIndex]})` : "the summary";
}

const list = (names) => [...new Set(names)].join(", ");

at("quiet").addEventListener("click", () => {
  ask("/v1/quiet", { method: on ? "DELETE" : "POST" }).catch((error) =>
    write(at("quiet-words"), `Not switched: ${error.message}.`),
  );
});
