// What the water plays now: by the gateway's reports, or else by the lengths of the files.

const RETRY_MS = 5000;
// Between two utterances there is a pause, in which nothing plays and more is to come.
const PAUSE_MS = 4000;
const GAP_MS = 500;
// Much longer than its files nobody waits for the water.
const GRACE_MS = 30_000;
// Speech has 24 kHz and 16 bit, after a header.
const BYTES_A_MS = 48;
const WAV_HEADER = 44;

/** The stream of the client's reports; it connects again for ever. */
export class Reports {
  #url;
  #onChange;
  #lostAt = 0;
  /** The last state; null before the first, and while the gateway is away. */
  state = null;

  constructor(gateway, onChange) {
    this.#url = `${gateway}/v1/playback`;
    this.#onChange = onChange;
    this.#open();
  }

  /** For how long nobody has been there who plays what is sent, in ms; 0 if that is not known. */
  get goneMs() {
    return this.#lostAt ? performance.now() - this.#lostAt : 0;
  }

  #open() {
    const source = new EventSource(this.#url);
    source.addEventListener("playback", (event) => {
      this.state = JSON.parse(event.data);
      this.#lost(!this.state.clientConnected);
      this.#onChange();
    });
    source.addEventListener("error", () => {
      // A gateway that was never reached says nothing of the water.
      if (this.state || this.#lostAt) this.#lost(true);
      this.state = null;
      this.#onChange();
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.#open(), RETRY_MS);
    });
  }

  #lost(gone) {
    this.#lostAt = gone ? this.#lostAt || performance.now() : 0;
  }
}

/** What a session's voices take in the water, in the order in which they play. */
export class Programme {
  #parts = [];
  #reading = [];
  #begunAt = performance.now();
  #doneAt = 0;
  #quietSince = 0;
  #begun = false;
  sessionId = "";

  /** Take one event of the session's stream. */
  take(name, data) {
    this.sessionId = data.sessionId;
    if (name === "turn.done" && data.turnIndex === 1) this.#begunAt = performance.now();
    if (name === "done") this.#doneAt = performance.now();
    if (name === "slot.audio") this.#reading.push(this.#read(data));
  }

  /** Return once all lengths are known. */
  async known() {
    await Promise.all(this.#reading);
  }

  /** The voices that move the water now, as "turn:slot", by the reports or by our own clock. */
  playing(state) {
    if (state?.reporting) {
      return this.#reported(state).map((each) => `${each.turnIndex}:${each.slotId}`);
    }
    const now = performance.now() - this.#begunAt;
    return this.#schedule()
      .filter((each) => each.from <= now && now < each.to)
      .map((each) => each.place);
  }

  /** How long the water still speaks, in ms; 0 when it has ended. */
  leftMs(state) {
    const now = performance.now();
    const end = this.#begunAt + Math.max(0, ...this.#schedule().map((each) => each.to));
    if (!state?.reporting || now > end + GRACE_MS) return Math.max(0, end - now);
    this.#begun ||= this.#reported(state).length > 0;
    if (this.#reported(state).length || state.unplayed) {
      this.#quietSince = 0;
      return Math.max(1, end - now);
    }
    // What has not begun yet, or is skipped by the client, is not over.
    if (!this.#begun) return Math.max(0, end - now);
    this.#quietSince ||= now;
    return now - this.#quietSince < PAUSE_MS ? Math.max(1, end - now) : 0;
  }

  #reported(state) {
    return state.playing.filter((each) => each.sessionId === this.sessionId);
  }

  /** Turn 1 at once, then a dialogue after the other: its commenters, then who replies. */
  #schedule() {
    const of = (turn) => this.#parts.filter((each) => each.turn === turn);
    const begun = of(1).map((each) => ({ ...each, from: 0, to: each.ms }));
    // Dialogues are sent when all is said.
    let at = Math.max(0, this.#doneAt - this.#begunAt, ...begun.map((each) => each.to));
    const later = [];
    const next = (part) => {
      later.push({ ...part, from: at + GAP_MS, to: at + GAP_MS + part.ms });
      at += GAP_MS + part.ms;
    };
    for (const reply of of(3).sort((a, b) => a.slot - b.slot)) {
      of(2)
        .filter((each) => each.target === reply.slot)
        .sort((a, b) => a.slot - b.slot)
        .forEach(next);
      next(reply);
    }
    of(4).forEach(next);
    return [...begun, ...later];
  }

  async #read({ turnIndex, slotId, audioPath }) {
    const target = Number(audioPath.match(/comment_to_slot-(\d)/)?.[1] ?? 0);
    let bytes = 0;
    try {
      const response = await fetch(`/v1/audio/${audioPath}`, { method: "HEAD" });
      bytes = Number(response.headers.get("Content-Length")) - WAV_HEADER;
    } catch {
      // Without it the wait is shorter, no more.
    }
    const ms = bytes / BYTES_A_MS;
    const place = `${turnIndex}:${slotId}`;
    if (ms > 0) this.#parts.push({ turn: turnIndex, slot: slotId, target, place, ms });
  }
}
