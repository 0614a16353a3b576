// The technician's page: draws the gateway's state.

import { ask, clock, element, hideToken, state, write } from "./dom.js";
import { Grid } from "./grid.js";
import { Log } from "./log.js";
import { drawPlayback } from "./playback.js";
import { fromDocument, fromState } from "./session.js";
import { listen } from "./stream.js";
import { sea } from "./water.js";

const at = (id) => document.getElementById(id);
const water = sea(at("sea"));
const grid = new Grid();
const log = new Log();

let now = null;
let recordings = [];
// The displayed session, and whether the user chose it: then it stays.
let shown = null;
let chosen = false;
// Its last known state; of another session while this one is loaded.
let known = null;
// The newest sessions that were live: a gateway that restarts names those of before once more, in
// any order.
const seen = new Set();
const SEEN_MAX = 1000;

listen({
  onState(state) {
    const ids = state.sessions.map((each) => each.sessionId);
    const arrived = ids.filter((id) => !seen.has(id));
    const ended = now === null || now.sessions.some((each) => !ids.includes(each.sessionId));
    now = state;
    for (const id of arrived) seen.add(id);
    while (seen.size > SEEN_MAX) seen.delete(seen.values().next().value);
    if (ended) refresh();
    if (arrived.length && !chosen) shown = arrived.at(-1);
    draw();
  },
  onDecision(line) {
    log.add(line);
    const event = line.event;
    if (event) {
      for (const wave of wavesOf(event.payload)) water.ring(wave.slotId);
      write(at("last"), `${clock(line.at)}, ${event.type.split(".")[0]}`);
    }
    refresh();
    draw();
  },
  onAway(away) {
    sign("gateway", !away, away ? "away; this page waits for it" : "running");
  },
});

hideToken();

let refreshing = null;

/** Fetch the past sessions; soon, and once for several calls. */
function refresh() {
  refreshing ??= setTimeout(async () => {
    refreshing = null;
    try {
      const before = recordings[0]?.sessionId;
      recordings = (await ask("/v1/recordings")).recordings;
      const newest = recordings[0]?.sessionId ?? null;
      // After a restart of the gateway a session may be over before the page was told of it.
      const unseen = newest !== before && !now?.sessions.length && !chosen;
      if (shown === null || (unseen && newest !== null)) shown = newest;
      if (shown !== null && !isLive(shown)) await load(shown);
    } catch {
      // Not connected: the stream shows that, and fetches again when it is back.
    }
    draw();
  }, 200);
}

async function load(id) {
  const document = fromDocument(await ask(`/v1/recordings/${id}`));
  if (id === shown) known = document;
}

function wavesOf(payload) {
  if (payload.commenters) return [...payload.commenters, payload.respondent];
  return payload.slots ?? payload.waveInfo?.waves ?? [];
}

const isLive = (id) => now?.sessions.some((each) => each.sessionId === id) ?? false;

function draw() {
  if (now === null) return;
  drawSigns();
  drawList();
  drawSession();
  drawRehearsal();
}

function sign(id, good, words) {
  const place = at(id);
  place.dataset.sign = good ? "good" : "away";
  write(place, words);
}

function drawSigns() {
  const client = now.client;
  const name = client?.name ? `${client.name}, ` : "";
  sign(
    "client",
    client !== null,
    client ? `connected, ${name}since ${clock(client.since)}` : "not connected",
  );
  sign("backend", now.backendAlive, now.backendAlive ? "connected" : "silent");
  drawPlayback(now.playback, client?.name);
  const words = JSON.stringify([now.problems, now.warnings]);
  if (at("problems").dataset.words !== words) {
    at("problems").dataset.words = words;
    at("problems").replaceChildren(
      ...now.problems.map((problem) => element("p", { class: "note bad" }, problem)),
      ...now.warnings.map((warning) => element("p", { class: "note" }, warning)),
    );
  }
}

function drawList() {
  const past = recordings.filter((each) => !isLive(each.sessionId));
  const entries = [
    ...now.sessions.map((each) => ({ id: each.sessionId, said: "", live: true, at: null })),
    ...past.map((each) => ({
      id: each.sessionId,
      said: each.message,
      live: false,
      at: `${new Date(each.at).toLocaleDateString()} ${clock(each.at)}`,
    })),
  ];
  at("no-sessions").hidden = entries.length > 0;
  const content = JSON.stringify([entries, shown]);
  if (at("sessions").dataset.content === content) return;
  at("sessions").dataset.content = content;
  const focused = document.activeElement?.dataset?.session;
  at("sessions").replaceChildren(...entries.map(item));
  if (focused) at("sessions").querySelector(`[data-session="${focused}"]`)?.focus();
}

function item(each) {
  const when = element(
    "span",
    { class: "when quiet" },
    each.live ? state("good", "live") : each.at,
    ` ${each.id.slice(0, 8)}`,
  );
  const words = element("span", { class: "said" }, each.said || "A conversation");
  const button = element(
    "button",
    {
      type: "button",
      data: { session: each.id },
      "aria-current": each.id === shown ? "true" : null,
      onclick: () => choose(each.id),
    },
    words,
    when,
  );
  return element("li", {}, button);
}

async function choose(id) {
  shown = id;
  chosen = true;
  if (!isLive(id)) await load(id).catch((error) => write(at("rehearsal"), error.message));
  draw();
}

function drawSession() {
  const live = now.sessions.find((each) => each.sessionId === shown);
  if (live) known = fromState(live);
  if (known === null || known.id !== shown) return;
  write(at("session-title"), known.message || (live ? "A live session" : "A session"));
  write(at("session-facts"), live ? `${known.id}, for ${live.ageS} s` : known.id);
  grid.draw(known, log.of(known.id));
}

const STATES = {
  idle: () => "",
  running: (it) => `Rehearsing ${it.of.slice(0, 8)}: ${it.sent} of ${it.events} sent.`,
  waiting: () => "The rehearsal waits: a live session is under way.",
  ended: (it) => `Rehearsed ${it.of.slice(0, 8)}: ${it.sent} of ${it.events} sent.`,
  stopped: (it) => `The rehearsal has ended: ${it.reason}.`,
};

let refused = "";

function drawRehearsal() {
  const it = now.rehearsal;
  const under = it.state === "running" || it.state === "waiting";
  const past = recordings.some((each) => each.sessionId === shown);
  at("rehearse").hidden = !past && !under;
  at("begin").hidden = !past;
  at("end").hidden = !under;
  write(at("rehearsal"), refused || STATES[it.state](it));
}

at("rehearse").addEventListener("submit", async (event) => {
  event.preventDefault();
  refused = "";
  const request = {
    sessionId: shown,
    speed: Number(at("speed").value),
    loop: at("loop").checked,
  };
  try {
    await ask("/v1/rehearsal", { method: "POST", body: JSON.stringify(request) });
  } catch (error) {
    refused = `Not now: ${error.message}.`;
  }
  drawRehearsal();
});

at("end").addEventListener("click", () => {
  refused = "";
  ask("/v1/rehearsal", { method: "DELETE" }).catch(() => {});
});
