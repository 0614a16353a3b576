// ?kiosk=1: a day without anybody who looks after the page.

import { write } from "/pages/dom.js";

const LOOK_MS = 250;
const HEALTH_MS = 5000;
// Without TouchDesigner for this long, the water rests.
const GONE_MS = 30_000;
// Free and untouched for this long, what a visitor has read is taken off the screen.
const CLEAR_MS = 60_000;

/** Looks after the page: when it takes a question, and what it says meanwhile. */
export class Unattended {
  #state = "";
  #idleSince = performance.now();

  /**
   * `reports()` and `programme()` are the sources; `take(free)` opens and closes the page for
   * questions; `clear()` forgets the last visitor; `look()` asks for the backend's health.
   */
  constructor({ reports, programme, asking, take, clear, look, notice }) {
    Object.assign(this, { reports, programme, asking, take, clear, look, notice });
    document.body.classList.add("kiosk");
    for (const name of ["pointerdown", "keydown", "input"]) {
      document.addEventListener(name, () => this.#touched());
    }
    document.addEventListener("visibilitychange", () => this.#stayAwake());
    this.#stayAwake();
    setInterval(() => this.#step(), LOOK_MS);
    setInterval(() => this.look(), HEALTH_MS);
  }

  /** What the page does now: "rests", "away", "asking", "plays" or "free". */
  get state() {
    const reports = this.reports();
    if (reports?.state?.quiet || (reports?.goneMs ?? 0) >= GONE_MS) return "rests";
    if (this.asking()) return "asking";
    if (this.look.away) return "away";
    return this.programme() && this.#leftMs() > 0 ? "plays" : "free";
  }

  #leftMs() {
    return this.programme().leftMs(this.reports()?.state);
  }

  #step() {
    const state = this.state;
    const now = performance.now();
    if (state !== this.#state) {
      this.#state = state;
      this.#idleSince = now;
    }
    this.take(state === "free");
    if (state === "free" && now - this.#idleSince > CLEAR_MS) {
      this.#idleSince = Infinity;
      this.clear();
    }
    this.notice(this.#sentence(state));
  }

  #touched() {
    this.#idleSince = performance.now();
    full();
  }

  #sentence(state) {
    switch (state) {
      case "rests":
        return "The water rests. Please come back a little later.";
      case "away":
        return "The water is away for a moment.";
      case "plays": {
        // In steps, so that a screen reader does not count aloud.
        const seconds = Math.ceil(this.#leftMs() / 5000) * 5;
        return `Watch the water: it still moves for about ${seconds} s.`;
      }
      default:
        return "";
    }
  }

  async #stayAwake() {
    if (document.visibilityState !== "visible") return;
    // Where the browser has no lock for the screen, the system's own settings decide.
    await navigator.wakeLock?.request("screen").catch(() => {});
  }
}

/** Fill the screen; a browser allows it only in answer to a visitor. */
function full() {
  if (!document.fullscreenElement) document.documentElement.requestFullscreen?.().catch(() => {});
}
