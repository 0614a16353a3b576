// The sea at the head of the page: slow swells, and a ring for everything that happens.

const SWELLS = [
  { height: 0.1, length: 1.3, speed: 0.16, at: 0.66, alpha: 0.1 },
  { height: 0.075, length: 0.8, speed: -0.22, at: 0.76, alpha: 0.16 },
  { height: 0.055, length: 0.55, speed: 0.3, at: 0.86, alpha: 1 },
];
const FRAME_MS = 1000 / 30;
const RING_S = 5;

const still = matchMedia("(prefers-reduced-motion: reduce)");

/** Paint the sea on a canvas; return `ring`, which lets a drop fall. */
export function sea(canvas) {
  const pen = canvas.getContext("2d");
  const rings = [];
  let last = 0;

  function paint(now) {
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    const dense = Math.min(devicePixelRatio, 2);
    if (canvas.width !== Math.round(width * dense)) canvas.width = Math.round(width * dense);
    if (canvas.height !== Math.round(height * dense)) canvas.height = Math.round(height * dense);
    pen.setTransform(dense, 0, 0, dense, 0, 0);
    pen.clearRect(0, 0, width, height);
    paintRings(width, height, now);
    const shore = getComputedStyle(document.body).backgroundColor;
    for (const swell of SWELLS) paintSwell(swell, width, height, now, shore);
  }

  function paintRings(width, height, now) {
    for (const ring of rings) {
      const age = (now - ring.begun) / 1000 / RING_S;
      for (let echo = 0; echo < 3; echo += 1) {
        const grown = age - echo * 0.09;
        if (grown <= 0 || grown >= 1) continue;
        pen.strokeStyle = `rgba(217, 241, 242, ${0.5 * (1 - grown) ** 2})`;
        pen.lineWidth = 1.5;
        pen.beginPath();
        const radius = grown * Math.max(width * 0.28, 160);
        pen.ellipse(ring.x * width, ring.y * height, radius, radius * 0.34, 0, 0, 2 * Math.PI);
        pen.stroke();
      }
    }
    while (rings.length && now - rings[0].begun > RING_S * 1000) rings.shift();
  }

  function paintSwell(swell, width, height, now, shore) {
    const long = Math.max(width, 700) * swell.length;
    pen.beginPath();
    pen.moveTo(0, height);
    for (let x = 0; x <= width + 8; x += 8) {
      const phase = (x / long) * 2 * Math.PI + (now / 1000) * swell.speed * 2;
      const lift = Math.sin(phase) + 0.35 * Math.sin(phase * 2.3 + 1);
      pen.lineTo(x, height * swell.at + lift * Math.min(height, 260) * swell.height);
    }
    pen.lineTo(width + 8, height);
    pen.closePath();
    pen.fillStyle = swell.alpha === 1 ? shore : `rgba(217, 241, 242, ${swell.alpha})`;
    pen.fill();
  }

  function frame(now) {
    if (now - last >= FRAME_MS && !document.hidden) {
      last = now;
      paint(now);
    }
    if (!still.matches) requestAnimationFrame(frame);
  }

  function begin() {
    paint(performance.now());
    if (!still.matches) requestAnimationFrame(frame);
  }

  new ResizeObserver(() => paint(performance.now())).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", begin);
  still.addEventListener("change", begin);
  begin();

  return {
    /** Let a drop fall at a slot's place, or anywhere. */
    ring(slot = 1 + Math.floor(Math.random() * 6)) {
      if (still.matches) return;
      rings.push({ x: 0.3 + slot * 0.1, y: 0.28 + (slot % 3) * 0.14, begun: performance.now() });
      if (rings.length > 24) rings.shift();
    },
  };
}
