// One session as a grid of slots by turns, from the gateway's state or from session.json.

const TURNS = [1, 2, 3];

/** Return a live session from the gateway's state. */
export function fromState(status) {
  return {
    id: status.sessionId,
    message: "",
    slots: status.slotIds,
    agents: new Map(status.utterances.map((each) => [each.slotId, each.agentId])),
    over: status.turn3Complete,
    cells: cellsOf(status.utterances),
    dialogues: status.dialogues.map(({ dialogue, decided, waitsFor }) => ({
      ...dialogue,
      decided,
      waitsFor,
    })),
    turn1Decided: status.turn1Decided,
    mood: status.sentiment,
    summary: summaryOf(status.summary, status.summaryDecided),
  };
}

/** Return a past session from its session.json. */
export function fromDocument(document) {
  return {
    id: document.sessionId,
    message: document.message,
    slots: document.slots.map((slot) => slot.slotId),
    agents: new Map(document.slots.map((slot) => [slot.slotId, slot.agentId])),
    over: true,
    cells: cellsOf(document.utterances),
    dialogues: document.dialogues.map((each) => ({ ...each, decided: true, waitsFor: [] })),
    turn1Decided: true,
    mood: document.sentiment ?? null,
    summary: summaryOf(document.summary ?? null, true),
  };
}

/** Return a summary with its displayed state, or null. */
function summaryOf(summary, decided) {
  if (summary === null) return null;
  const { type } = summary.wave;
  return {
    text: summary.text,
    shown: type === "pending" && decided ? "late" : type === "pending" ? "waiting" : type,
    error: type === "failed" ? `${summary.wave.stage}: ${summary.wave.message}` : "",
    speech: summary.speechPath,
  };
}

/** Return every cell of a session with its displayed state; `events` are those that were sent for it. */
export function grid(session, events) {
  return session.slots.map((slot) => ({
    slot,
    agent: session.agents.get(slot) ?? "",
    cells: TURNS.map((turn) => {
      const cell = session.cells.get(`${turn}:${slot}`);
      return { turn, slot, ...cell, shown: shown(session, turn, slot, cell, events) };
    }),
  }));
}

function shown(session, turn, slot, cell, events) {
  if (cell === undefined) {
    if (turn === 1) return session.over ? "none" : "waiting";
    return "none";
  }
  if (cell.state === "failed") return "failed";
  const decided = decidedFor(session, turn, slot, cell);
  if (cell.state !== "ready") return decided ? "late" : "waiting";
  return missedBy(events, turn, slot) ? "late" : "ready";
}

function decidedFor(session, turn, slot, cell) {
  if (turn === 1) return session.turn1Decided;
  const target = turn === 2 ? cell.targetSlotId : slot;
  return session.dialogues.find((each) => each.targetSlotId === target)?.decided ?? false;
}

/** Return whether an event was sent without this utterance. */
function missedBy(events, turn, slot) {
  for (const event of events) {
    const payload = event.payload;
    if (turn === 1 && payload.missingSlotIds?.includes(slot)) return true;
    if (turn === 2 && payload.missingCommenterSlotIds?.includes(slot)) return true;
  }
  return false;
}

function cellsOf(utterances) {
  return new Map(
    utterances.map((each) => [
      `${each.turnIndex}:${each.slotId}`,
      {
        state: each.wave.type,
        text: each.text ?? "",
        error: each.wave.type === "failed" ? `${each.wave.stage}: ${each.wave.message}` : "",
        targetSlotId: each.targetSlotId,
        voice: each.voiceProfile ?? "",
        mix: each.wave.mixPath,
        speech: each.speechPath,
      },
    ]),
  );
}
