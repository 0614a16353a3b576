// The gateway's stream. It reconnects when the gateway is back, and repeats nothing.

const AGAIN_MS = 1000;

/** Listen forever; `onAway(true)` when the gateway is gone, `onAway(false)` when it is back. */
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
      // A browser reconnects by itself unless the response was not a stream.
      if (source.readyState === EventSource.CLOSED) setTimeout(open, AGAIN_MS);
    });
  }

  open();
  addEventListener("pagehide", () => source.close());
}
