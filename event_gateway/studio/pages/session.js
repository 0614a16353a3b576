// One session as a grid of slots by turns, from what the gateway says or what session.json says.

const TURNS = [1, 2, 3];

/** Return the session that the gateway's state tells of. */
export function fromState(seen) {
  return {
    id: seen.sessionId,
    live: true,
    message: "",
    slots: seen.slotIds,
    agents: agentsOf(seen.utterances),
    over: seen.turn3Complete,
    cells: cellsOf(seen.utterances, (told) => ({
      mix: told.waveMixPathRel,
      speech: told.speechPathRel,
    })),
    dialogues: seen.dialogues.map((each) => ({ ...each, waitsFor: each.waitsFor ?? [] })),
    turn1Decided: seen.turn1Decided,
  };
}

/** Return the session that a session.json tells of. */
export function fromDocument(document) {
  return {
    id: document.sessionId,
    live: false,
    message: document.message,
    slots: document.slots.map((slot) => slot.slotId),
    agents: new Map(document.slots.map((slot) => [slot.slotId, slot.agentId])),
    over: true,
    cells: cellsOf(document.utterances, (told) => ({
      mix: told.waveMixPath,
      speech: told.speechPath,
    })),
    dialogues: document.dialogues.map((each) => ({ ...each, decided: true, waitsFor: [] })),
    turn1Decided: true,
  };
}

/** Return every cell of a session with the state that is shown; `told` has its events by key. */
export function grid(session, told) {
  return session.slots.map((slot) => ({
    slot,
    agent: session.agents.get(slot) ?? "",
    cells: TURNS.map((turn) => {
      const cell = session.cells.get(`${turn}:${slot}`);
      return { turn, slot, ...cell, shown: shown(session, turn, slot, cell, told) };
    }),
  }));
}

function shown(session, turn, slot, cell, told) {
  if (cell === undefined) {
    if (turn === 1) return session.over ? "none" : "waiting";
    return "none";
  }
  if (cell.state === "failed") return "failed";
  const decided = decidedFor(session, turn, slot, cell);
  if (cell.state !== "ready") return decided ? "late" : "waiting";
  return missedBy(told, turn, slot) ? "late" : "ready";
}

function decidedFor(session, turn, slot, cell) {
  if (turn === 1) return session.turn1Decided;
  const target = turn === 2 ? cell.targetSlotId : slot;
  return session.dialogues.find((each) => each.targetSlotId === target)?.decided ?? false;
}

/** Return whether an event went out without this utterance. */
function missedBy(told, turn, slot) {
  for (const event of told) {
    const payload = event.payload;
    if (turn === 1 && payload.missingSlotIds?.includes(slot)) return true;
    if (turn === 2 && payload.missingCommenterSlotIds?.includes(slot)) return true;
  }
  return false;
}

function agentsOf(utterances) {
  return new Map(utterances.map((told) => [told.slotId, told.agentId]));
}

function cellsOf(utterances, paths) {
  return new Map(
    utterances.map((told) => [
      `${told.turnIndex}:${told.slotId}`,
      {
        state: told.state,
        text: told.text ?? "",
        error: told.error ?? "",
        targetSlotId: told.targetSlotId,
        voice: told.voiceProfile ?? "",
        ...paths(told),
      },
    ]),
  );
}
