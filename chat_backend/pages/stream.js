// A visit to POST /v1/chat: its events as they come.

/** Refused before it began; `retryS` says when it may work. */
export class Refused extends Error {
  constructor(message, retryS) {
    super(message);
    this.retryS = retryS;
  }
}

/**
 * Say something and yield `{name, data}` for every event of the session. `inputSessionId` names the
 * recording that it was heard in, so that a kept one goes when the session is deleted.
 */
export async function* visit(message, slots, visitId, inputSessionId) {
  const response = await fetch("/v1/chat", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ message, slots, visitId, inputSessionId }),
  });
  if (!response.ok) {
    const answer = await response.json().catch(() => ({}));
    const after = Number(response.headers.get("Retry-After")) || 0;
    throw new Refused(answer.error?.message ?? `the server answered ${response.status}`, after);
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split(/\r?\n\r?\n/);
    rest = parts.pop();
    for (const part of parts) {
      const fields = new Map(part.split(/\r?\n/).map((line) => line.split(/: (.*)/s, 2)));
      if (fields.has("event")) {
        yield { name: fields.get("event"), data: JSON.parse(fields.get("data")) };
      }
    }
  }
}
