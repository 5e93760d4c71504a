/** Two predictions and their guided sum as arrows in the plane that the two span; on the right, where they end, enlarged. */

const COLOURS = { unconditional: "#6f6a75", conditional: "#2f6fb2", guided: "#b8500a" };
const MARGIN = 0.12;
const SHARP = 2; // pixels of the canvas for each that it is drawn in

/**
 * @param {HTMLCanvasElement} canvas
 * @param {{length: number, along: number, across: number}} arrow @param {number} scale
 */
export function arrowsIn(canvas, { length, along, across }, scale) {
  const ends = {
    unconditional: [length, 0],
    conditional: [along, across],
    guided: [length + scale * (along - length), scale * across],
  };
  const pen = canvas.getContext("2d");
  if (!pen) return;
  const [width, height] = [canvas.width / SHARP, canvas.height / SHARP];
  pen.setTransform(SHARP, 0, 0, SHARP, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = "13px sans-serif";
  pen.lineWidth = 2.5;
  panel(pen, 0, width / 2, height, ends, [0, 0]);
  panel(pen, width / 2, width / 2, height, ends, ends.unconditional);
  let left = 10;
  for (const [name, colour] of Object.entries({ ...COLOURS, "their ends, enlarged": "#4d4a56" })) {
    pen.fillStyle = colour;
    pen.fillText(name, name in COLOURS ? left : width / 2 + 20, height - 8);
    left += pen.measureText(name).width + 12;
  }
}

/** Arrows from `start`, as large as they fit. */
function panel(pen, left, width, height, ends, start) {
  const points = [start, ...Object.values(ends)];
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [x0, y0] = [Math.min(...xs), Math.min(...ys)];
  const zoom = (1 - 2 * MARGIN) * Math.min(width / (Math.max(...xs) - x0 || 1), (height - 40) / (Math.max(...ys) - y0 || 1));
  const at = ([x, y]) => [left + MARGIN * width + zoom * (x - x0), height - 34 - zoom * (y - y0)];
  for (const [name, end] of Object.entries(ends)) arrow(pen, at(start), at(end), COLOURS[name]);
}

/** @param {CanvasRenderingContext2D} pen */
function arrow(pen, [x, y], [u, v], colour) {
  const angle = Math.atan2(v - y, u - x);
  pen.strokeStyle = pen.fillStyle = colour;
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(u, v);
  pen.stroke();
  pen.beginPath();
  pen.moveTo(u, v);
  for (const turn of [2.7, -2.7]) pen.lineTo(u + 9 * Math.cos(angle + turn), v + 9 * Math.sin(angle + turn));
  pen.fill();
}
