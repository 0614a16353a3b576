// Hold to talk: with a finger, the mouse, the space bar, or the key of a physical button.

import { write } from "/pages/dom.js";
import { Microphone, NoMicrophone, impossible } from "/pages/microphone.js";

// Shorter is a slip of the hand, or no more than a breath.
const SHORTEST_MS = 300;
const WHY = {
  insecure: "This page gets no microphone here. Please write your question.",
  unsupported: "This browser cannot record. Please write your question.",
  NotAllowedError: "The microphone is not allowed. Allow it in the browser, or write.",
  NotFoundError: "There is no microphone here. Please write your question.",
  NotReadableError: "Another program uses the microphone. Please write your question.",
};
const WORDS = {
  idle: "Hold to talk",
  opening: "One moment…",
  recording: "Listening… let go when you have spoken",
  sending: "Understanding…",
};

/** Return why nobody can speak to this page; empty if somebody may. */
export function silence() {
  const why = impossible();
  return why ? WHY[why] : "";
}

/** The button; `onHeard` gets what was understood, `onProblem` a sentence for the visitor. */
export class Speaking {
  #button;
  #microphone;
  #longestMs;
  #state = "idle";
  #since = 0;
  #limit = 0;
  #held = false;

  constructor(button, { longestS, key, language, onHeard, onProblem }) {
    this.#button = button;
    this.#longestMs = longestS * 1000;
    this.language = language;
    this.onHeard = onHeard;
    this.onProblem = onProblem;
    this.#microphone = new Microphone((level) =>
      button.style.setProperty("--level", level.toFixed(2)),
    );
    this.#listen(key);
    this.#show("idle");
  }

  /** Take no recording, or again. */
  set disabled(value) {
    this.#button.disabled = value;
    if (value) this.#release();
  }

  #listen(key) {
    const button = this.#button;
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      button.setPointerCapture(event.pointerId);
      this.#press();
    });
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      button.addEventListener(name, () => this.#release());
    }
    // A screen reader's click has no pointer that could be held: one begins, the next one ends.
    button.addEventListener("click", (event) => {
      if (event.detail === 0) this.#state === "idle" ? this.#press() : this.#release();
    });
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    document.addEventListener("keydown", (event) => {
      if (!this.#isOurs(event, key)) return;
      event.preventDefault();
      if (!event.repeat) this.#press();
    });
    document.addEventListener("keyup", (event) => {
      if (!this.#isOurs(event, key)) return;
      event.preventDefault();
      this.#release();
    });
    window.addEventListener("blur", () => this.#release());
  }

  #isOurs(event, key) {
    if (this.#button.disabled || this.#button.offsetParent === null) return false;
    if (key && (event.code === key || event.key === key)) return true;
    const target = event.target;
    const elsewhere = target.closest?.("textarea, input, select, summary, a, button");
    return event.code === "Space" && (!elsewhere || elsewhere === this.#button);
  }

  async #press() {
    if (this.#state !== "idle" || this.#button.disabled) return;
    this.#held = true;
    this.onProblem("");
    this.#show("opening");
    try {
      await this.#microphone.start();
    } catch (error) {
      this.#microphone.close();
      this.#show("idle");
      const known = error instanceof NoMicrophone && WHY[error.name];
      this.onProblem(known || "The microphone does not work. Please write your question.");
      return;
    }
    this.#since = performance.now();
    this.#show("recording");
    this.#limit = setTimeout(() => this.#release(), this.#longestMs);
    // It was let go while the browser asked for permission.
    if (!this.#held) await this.#finish();
  }

  #release() {
    this.#held = false;
    if (this.#state === "recording") this.#finish();
  }

  async #finish() {
    clearTimeout(this.#limit);
    const heldMs = performance.now() - this.#since;
    this.#show("sending");
    try {
      const recording = await this.#microphone.stop();
      if (heldMs < SHORTEST_MS) {
        this.onProblem("Hold the button for as long as you speak.");
      } else {
        this.onHeard(await understood(recording, this.language));
      }
    } catch (error) {
      this.onProblem(error.message);
    } finally {
      this.#show("idle");
    }
  }

  #show(state) {
    this.#state = state;
    this.#button.dataset.state = state;
    this.#button.setAttribute("aria-pressed", String(state === "recording"));
    write(this.#button.querySelector(".word"), WORDS[state]);
  }
}

/** Send a recording; return its transcript, language and id, or throw a sentence for the visitor. */
async function understood(recording, language) {
  const form = new FormData();
  form.append("file", recording, "question");
  form.append("language_code", language);
  let response;
  try {
    response = await fetch("/v1/stt", { method: "POST", body: form });
  } catch {
    throw new Error("The water can't be reached. Please try again in a moment.");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Error(answer.detail ?? "The water did not hear that. Please try again.");
  }
  return {
    transcript: answer.transcript,
    language: answer.language_code,
    recordingId: answer.stt_session_id,
  };
}
