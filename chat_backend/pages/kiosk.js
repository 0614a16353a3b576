// The kiosk's page: ask, choose who answers, watch and hear.

import { Conversation } from "/pages/conversation.js";
import { ask, element, hideToken, write } from "/pages/dom.js";
import { Refused, visit } from "/pages/stream.js";
import { sea } from "/pages/water.js";

const NOBODY = "";

const at = (id) => document.getElementById(id);
const water = sea(at("sea"));
let conversation = null;
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
    write(at("health"), "The water can't be reached; is the chat backend running?");
  }
}

function problem(words) {
  at("problem").hidden = words === "";
  write(at("problem"), words);
}

at("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  problem("");
  const message = at("message").value.trim();
  const slots = chosen();
  if (!message) return problem("Write a question first.");
  if (!slots.length) return problem("Choose at least one voice: open “Who answers”.");
  at("send").disabled = true;
  if (Date.now() - quietSince > visitIdleMs) visitId = newVisitId();
  try {
    await converse(message, slots);
  } finally {
    quietSince = Date.now();
    at("send").disabled = false;
    at("stop").hidden = true;
    await look();
  }
});

async function converse(message, slots) {
  let talk = null;
  let over = false;
  try {
    for await (const { name, data } of visit(message, slots, visitId)) {
      if (talk === null) {
        talk = conversation = new Conversation(message, (slot) => water.ring(slot));
        at("stop").hidden = false;
        at("conversation").focus({ preventScroll: true });
        at("conversation").scrollIntoView({ block: "start", behavior: "smooth" });
      }
      if (name === "slot.start") water.ring(data.slotId);
      talk.take(name, data);
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
    problem("The water can't be reached. Is the chat backend running? Nothing was lost.");
  } else {
    talk.broke("The connection broke. The conversation goes on without this page.");
  }
}

at("stop").addEventListener("click", () => {
  const id = conversation?.sessionId;
  if (id) ask(`/v1/sessions/${id}/stop`, { method: "POST" }).catch(() => {});
});

at("forget").addEventListener("click", async () => {
  try {
    await endVisit();
    at("message").value = "";
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

hideToken();
begin();
