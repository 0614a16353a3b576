// The microphone: opened when somebody holds the button, closed again when nobody has for a while.

// Between two questions of one visitor it stays open, so that the first word is not lost.
const CLOSE_AFTER_MS = 20_000;
const BIT_RATE = 32_000;
const TYPES = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4"];

/** Why there is no recording; `name` is the browser's word for it, or ours. */
export class NoMicrophone extends Error {
  constructor(name) {
    super(name);
    this.name = name;
  }
}

/** Return why this page can have no microphone at all; empty if it may. */
export function impossible() {
  if (!window.isSecureContext) return "insecure";
  if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) return "unsupported";
  return "";
}

/** One microphone; `onLevel` gets its level, 0 to 1, while it records. */
export class Microphone {
  #onLevel;
  #stream = null;
  #recorder = null;
  #meter = null;
  #closing = 0;

  constructor(onLevel) {
    this.#onLevel = onLevel;
  }

  /** Begin to record; throws NoMicrophone. */
  async start() {
    clearTimeout(this.#closing);
    const why = impossible();
    if (why) throw new NoMicrophone(why);
    if (!this.#stream?.active) {
      try {
        this.#stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
      } catch (error) {
        throw new NoMicrophone(error.name);
      }
    }
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    const chunks = [];
    const recorder = new MediaRecorder(this.#stream, { mimeType, audioBitsPerSecond: BIT_RATE });
    recorder.addEventListener("dataavailable", (event) => chunks.push(event.data));
    const ended = new Promise((done) => recorder.addEventListener("stop", done, { once: true }));
    recorder.start();
    this.#recorder = { recorder, ended, chunks };
    this.#measure();
  }

  /** End the recording and return it. */
  async stop() {
    const { recorder, ended, chunks } = this.#recorder;
    this.#recorder = null;
    this.#still();
    if (recorder.state !== "inactive") recorder.stop();
    await ended;
    this.#closing = setTimeout(() => this.close(), CLOSE_AFTER_MS);
    return new Blob(chunks, { type: recorder.mimeType });
  }

  /** Let go of the microphone. */
  close() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
  }

  #measure() {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    context.createMediaStreamSource(this.#stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const meter = { context, frame: 0 };
    const look = () => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, each) => sum + each * each, 0) / samples.length;
      // From 60 dB below full scale to 10 dB below it.
      this.#onLevel(Math.min(1, Math.max(0, (10 * Math.log10(power + 1e-9) + 60) / 50)));
      meter.frame = requestAnimationFrame(look);
    };
    look();
    this.#meter = meter;
  }

  #still() {
    cancelAnimationFrame(this.#meter.frame);
    this.#meter.context.close();
    this.#meter = null;
    this.#onLevel(0);
  }
}
