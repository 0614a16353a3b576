// The kiosk's page: ask, choose who answers, watch and hear.

import { Conversation } from "/pages/conversation.js";
import { ask, element, hideToken, write } from "/pages/dom.js";
import { Programme, Reports } from "/pages/playback.js";
import { Speaking, silence } from "/pages/speaking.js";
import { Refused, visit } from "/pages/stream.js";
import { Unattended } from "/pages/unattended.js";
import { sea } from "/pages/water.js";

const NOBODY = "";
// What was understood is shown before it is asked.
const SHOWN_MS = 1500;
const PLAYING_MS = 250;
const UNREACHED = "The water can't be reached. Is the chat backend running? Nothing was lost.";

const at = (id) => document.getElementById(id);
const wish = new URLSearchParams(location.search);
const unattended = wish.has("kiosk");
const water = sea(at("sea"));
let conversation = null;
let programme = null;
let reports = null;
let speaking = null;
let keeper = null;
let offered = false;
let asking = false;
// Whether questions are taken; whether visitors must agree first (null until the backend has said
// it), and whether this one has.
let taken = true;
let consent = null;
let agreed = false;
let languages = null;
// Slots remember within a visit: a new one on load, for a new visitor, and after a quiet while.
let visitId = newVisitId();
let quietSince = Date.now();
let visitIdleMs = Infinity;

function newVisitId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function endVisit() {
  const ended = visitId;
  visitId = newVisitId();
  return ask("/v1/reset", { method: "POST", body: JSON.stringify({ visitId: ended }) });
}

/** Fill in who can answer. */
async function begin() {
  try {
    const { agents } = await ask("/v1/agents");
    const defaults = [...agents].sort((a, b) => a.defaultSlotId - b.defaultSlotId);
    at("slots").replaceChildren(...defaults.map((agent) => slot(agent, agents)));
    count();
  } catch (error) {
    problem(`The voices can't be asked for: ${error.message}. Reload the page in a moment.`);
  }
  await look();
  if (!unattended) return;
  keeper = new Unattended({
    reports: () => reports,
    programme: () => programme,
    asking: () => asking,
    take: open,
    clear,
    look,
    notice: (words) => write(at("understood"), words || understood),
  });
}

function slot(preset, agents) {
  const number = preset.defaultSlotId;
  const choices = [
    element("option", { value: NOBODY }, "nobody"),
    ...agents.map((agent) =>
      element(
        "option",
        {
          value: agent.agentId,
          title: agent.description,
          selected: agent.agentId === preset.agentId,
        },
        agent.agentId,
      ),
    ),
  ];
  const select = element(
    "select",
    { "aria-label": `Agent in slot ${number}`, data: { number }, onchange: count },
    choices,
  );
  const mark = element("span", { class: "drop", "aria-hidden": "true" }, String(number));
  return element("label", { data: { slot: number } }, mark, select);
}

function chosen() {
  return [...at("slots").querySelectorAll("select")]
    .filter((select) => select.value !== NOBODY)
    .map((select) => ({ slotId: Number(select.dataset.number), agentId: select.value }));
}

function count() {
  const many = chosen().length;
  write(at("who"), `${many} ${many === 1 ? "voice" : "voices"}`);
}

async function look() {
  try {
    const health = await ask("/v1/health");
    const warnings = health.warnings ?? [];
    visitIdleMs = health.visitIdleS * 1000;
    languages = health.languages;
    look.away = false;
    consent = health.consent;
    write(at("notice"), health.notice ?? "");
    listen(health);
    open(taken);
    reports ??= health.eventsEnabled ? new Reports(health.gateway, moved) : null;
    write(
      at("health"),
      [
        health.status === "busy" ? "All places are taken at the moment." : "The water is listening.",
        health.wavesEnabled ? "" : "Waves are switched off: there is only speech.",
        ...warnings,
      ]
        .filter(Boolean)
        .join(" "),
    );
  } catch {
    look.away = true;
    write(at("health"), "The water can't be reached; is the chat backend running?");
  }
}

/** Offer the microphone where something hears; ?input= says what else is offered. */
function listen(health) {
  if (offered) return;
  offered = true;
  const input = wish.get("input") ?? "both";
  if (input === "text" || (!health.hearing && input === "both")) return;
  const why = health.hearing ? silence() : "The water cannot hear here. Please write your question.";
  problem(why);
  at("speaking").hidden = why !== "";
  document.body.classList.toggle("voice-only", !why && input === "voice");
  if (why) return;
  speaking = new Speaking(at("hold"), {
    longestS: health.hearingMaxS,
    key: wish.get("key"),
    // Where several languages are understood, the one that is spoken decides.
    language: health.hearingLanguages ? health.hearingLanguages[0] : "auto",
    onHeard: heard,
    onProblem: problem,
  });
}

let understood = "";
// The recording that the question was heard in.
let heardIn;

/** Show what was understood, and ask it; or let it be corrected first. */
async function heard({ transcript, language, recordingId }) {
  if (languages && language && !languages.includes(language)) {
    const names = new Intl.DisplayNames(["en"], { type: "language" });
    problem(`The water understands ${languages.map((code) => names.of(code)).join(", ")} here.`);
    return;
  }
  at("message").value = transcript;
  heardIn = recordingId;
  understood = `“${transcript}”`;
  write(at("understood"), understood);
  if (wish.has("confirm")) {
    document.body.classList.add("correcting");
    at("message").focus();
    return;
  }
  asking = true;
  open(false);
  await new Promise((done) => setTimeout(done, SHOWN_MS));
  await askNow();
}

function forgetHeard() {
  document.body.classList.remove("correcting");
  understood = "";
  heardIn = undefined;
  write(at("understood"), "");
}

/** Leave nothing of a visitor who did not ask, or read an answer, on the screen. */
function emptyForm() {
  forgetHeard();
  at("message").value = "";
  problem("");
}

function problem(words) {
  at("problem").hidden = words === "";
  write(at("problem"), words);
}

/** Take questions, or none; none either from a visitor who must agree first. */
function open(free) {
  taken = free;
  const may = free && (agreed || !consent);
  at("send").disabled = !may;
  if (speaking) speaking.disabled = !may;
  at("agree").hidden = !free || may;
}

at("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (consent === null) await look();
  if (consent !== null && !at("send").disabled) askNow();
});

/** Ask what stands in the field; the page takes the next question when the answer has come. */
async function askNow() {
  problem("");
  asking = true;
  open(false);
  try {
    const message = at("message").value.trim();
    const slots = chosen();
    if (!message) problem("Write a question first.");
    else if (!slots.length) problem("Choose at least one voice: open “Who answers”.");
    else if (keeper?.state !== "rests") await inSession(message, slots);
  } finally {
    quietSince = Date.now();
    asking = false;
    forgetHeard();
    open(!unattended);
    at("stop").hidden = true;
    await look();
  }
}

async function inSession(message, slots) {
  if (Date.now() - quietSince > visitIdleMs) visitId = newVisitId();
  let instead = "";
  let failed = "";
  try {
    instead = await careFor(message);
  } catch (error) {
    // What was not looked at goes to no model.
    failed = error instanceof TypeError ? UNREACHED : `Not now: ${error.message}.`;
  }
  if (instead || failed) problem(instead || failed);
  else await inVisit(message, slots);
  if (instead || unattended) at("message").value = "";
  await programme?.known();
}

/** Return what is said instead of a session; empty if there is no need. Throws if it is not known. */
async function careFor(message) {
  const options = { method: "POST", body: JSON.stringify({ message }) };
  const { sentence } = await ask("/v1/care", options);
  return sentence ?? "";
}

/** Without anybody who presses New visitor, every question is a visit, unless one goes on. */
async function inVisit(message, slots) {
  const goesOn = at("go-on").getAttribute("aria-pressed") === "true";
  if (unattended && !goesOn) await endVisit().catch(() => {});
  goOn(false);
  at("go-on").hidden = true;
  await converse(message, slots);
  at("go-on").hidden = !unattended || !conversation;
}

async function converse(message, slots) {
  let talk = null;
  let over = false;
  try {
    for await (const { name, data } of visit(message, slots, visitId, heardIn)) {
      if (talk === null) {
        talk = conversation = new Conversation(message, (slot) => water.ring(slot));
        programme = new Programme();
        at("stop").hidden = false;
        at("conversation").focus({ preventScroll: true });
        at("conversation").scrollIntoView({ block: "start", behavior: "smooth" });
      }
      if (name === "slot.start") water.ring(data.slotId);
      talk.take(name, data);
      programme.take(name, data);
      over ||= name === "done";
    }
  } catch (error) {
    if (error instanceof Refused) {
      const again = error.retryS ? ` Try again in ${error.retryS} seconds.` : "";
      return problem(`Not now: ${error.message}.${again}`);
    }
  }
  if (over) return;
  if (talk === null) {
    problem(UNREACHED);
  } else {
    talk.broke("The connection broke. The conversation goes on without this page.");
  }
}

/** Show which voices move the water now. */
function moved() {
  const places = programme?.playing(reports?.state) ?? [];
  for (const place of conversation?.plays(places) ?? []) water.ring(Number(place.split(":")[1]));
}
setInterval(moved, PLAYING_MS);

/** Take everything of the last visitor off the screen, and what they agreed to. */
function clear() {
  conversation = programme = null;
  goOn(false);
  emptyForm();
  at("conversation").hidden = true;
  at("go-on").hidden = true;
  at("turns").replaceChildren();
  write(at("conversation-title"), "");
}

at("stop").addEventListener("click", () => {
  const id = conversation?.sessionId;
  if (id) ask(`/v1/sessions/${id}/stop`, { method: "POST" }).catch(() => {});
});

/** Let the next question belong to the visit before, whose visitor has agreed; or not. */
function goOn(does) {
  at("go-on").setAttribute("aria-pressed", String(does));
  agreed = does;
  open(taken);
}

at("go-on").addEventListener("click", () => {
  goOn(at("go-on").getAttribute("aria-pressed") !== "true");
});

at("agree").addEventListener("click", () => {
  agreed = true;
  open(taken);
});

at("forget").addEventListener("click", async () => {
  goOn(false);
  try {
    await endVisit();
    emptyForm();
    at("message").focus();
    at("conversation").hidden = true;
    write(at("health"), "The voices have forgotten the visit before.");
  } catch (error) {
    problem(`They could not forget: ${error.message}.`);
  }
});

at("hear").addEventListener("click", () => conversation?.hear());

// A question on one line is asked with Enter; a new line with Shift.
at("message").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    at("ask").requestSubmit();
  }
});

// A browser that goes back shows the page as it was left, with the last visitor's words.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

hideToken();
begin();
