// The gateway's own stream. It comes back by itself when the gateway does, and repeats nothing.

const AGAIN_MS = 1000;

/** Listen for ever; `onAway(true)` when the gateway is gone, `onAway(false)` when it is back. */
export function listen({ onState, onDecision, onAway }) {
  let last = "";
  let source;

  function open() {
    source = new EventSource(last ? `/v1/watch?after=${last}` : "/v1/watch");
    source.addEventListener("open", () => onAway(false));
    source.addEventListener("state", (event) => onState(JSON.parse(event.data)));
    source.addEventListener("decision", (event) => {
      last = event.lastEventId;
      onDecision(JSON.parse(event.data));
    });
    source.addEventListener("error", () => {
      onAway(true);
      // A browser tries again by itself unless the answer was no stream at all.
      if (source.readyState === EventSource.CLOSED) setTimeout(open, AGAIN_MS);
    });
  }

  open();
  addEventListener("pagehide", () => source.close());
}
