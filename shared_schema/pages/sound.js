// The shape of a WAV, and one player for all of them: what begins to play silences what played.

import { drawn, element } from "./dom.js";

const COLUMNS = 140;
const HALF = 50;

const audio = new Audio();
let playing = null;

/** Return the loudest sample of each column, 0 to 1, of a 16-bit PCM WAV. */
export function peaks(buffer, columns = COLUMNS) {
  const view = new DataView(buffer);
  const name = (at) => String.fromCharCode(...new Uint8Array(buffer, at, 4));
  if (buffer.byteLength < 44 || name(0) !== "RIFF") throw new Error("not a WAV");
  let channels = 1;
  for (let at = 12; at + 8 <= buffer.byteLength; ) {
    const size = view.getUint32(at + 4, true);
    if (name(at) === "fmt ") {
      if (view.getUint16(at + 22, true) !== 16) throw new Error("not 16-bit PCM");
      channels = view.getUint16(at + 10, true);
    }
    if (name(at) === "data") {
      const end = Math.min(at + 8 + size, buffer.byteLength);
      return loudest(view, at + 8, end, channels, columns);
    }
    at += 8 + size + (size % 2);
  }
  throw new Error("no sound in it");
}

function loudest(view, begin, end, channels, columns) {
  const frames = Math.floor((end - begin) / 2 / channels);
  const found = new Array(columns).fill(0);
  for (let frame = 0; frame < frames; frame += 1) {
    const value = Math.abs(view.getInt16(begin + frame * 2 * channels, true)) / 32768;
    const column = Math.floor((frame * columns) / frames);
    if (value > found[column]) found[column] = value;
  }
  return found;
}

/** Return the outline of peaks as an SVG path, mirrored like a shore in water. */
export function outline(values) {
  const most = Math.max(...values, 0.02);
  const heights = values.map((value) => Math.max((value / most) * HALF * 0.94, 0.8));
  const above = heights.map((height, x) => `${x},${(HALF - height).toFixed(1)}`);
  const below = heights.map((height, x) => `${x},${(HALF + height).toFixed(1)}`);
  return `M${above.join("L")}L${below.reverse().join("L")}Z`;
}

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) {
      seen.unobserve(entry.target);
      entry.target.dispatchEvent(new Event("seen"));
    }
  }
});

/** Return a sound: a button that plays the file at `path`, and its shape. `what` names it. */
export function sound(path, word, what) {
  const url = `/v1/audio/${path.split("/").map(encodeURIComponent).join("/")}`;
  const shape = drawn("svg", { viewBox: `0 0 ${COLUMNS} ${2 * HALF}`, preserveAspectRatio: "none" });
  shape.setAttribute("aria-hidden", "true");
  const button = element(
    "button",
    { type: "button", "aria-pressed": "false", "aria-label": `${word}: ${what}` },
    word,
  );
  const whole = element("div", { class: "sound" }, button, shape);
  button.addEventListener("click", () => toggle(whole, button, url));
  whole.addEventListener("seen", () => draw(shape, url), { once: true });
  seen.observe(whole);
  return whole;
}

async function draw(shape, url) {
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`the file is gone (${response.status})`);
    const d = outline(peaks(await response.arrayBuffer()));
    shape.replaceChildren(
      drawn("path", { class: "shape", d }),
      drawn("path", { class: "played", d }),
    );
    shape.dataset.drawn = "";
  } catch (error) {
    shape.dataset.problem = error.message;
  }
}

function toggle(whole, button, url) {
  if (playing?.button === button) {
    stop();
    return;
  }
  play(url, { whole, button });
}

/** Play a file; the promise is kept when it is over: false if it was silenced for another, or none. */
export function play(url, shown) {
  stop();
  return new Promise((done) => {
    const mine = { ...shown, done };
    playing = mine;
    shown.button.setAttribute("aria-pressed", "true");
    audio.src = url;
    // A file that is silenced before it has begun fails as well, when another may play.
    audio.play().catch(() => playing === mine && finish(true));
  });
}

/** Be silent. */
export function stop() {
  audio.pause();
  finish(false);
}

function finish(over) {
  const was = playing;
  playing = null;
  was?.button.setAttribute("aria-pressed", "false");
  was?.whole.style.setProperty("--played", "0%");
  was?.done(over);
}

audio.addEventListener("ended", () => finish(true));
audio.addEventListener("error", () => finish(true));
audio.addEventListener("timeupdate", () => {
  const played = audio.duration ? (audio.currentTime / audio.duration) * 100 : 0;
  playing?.whole.style.setProperty("--played", `${played.toFixed(1)}%`);
});
