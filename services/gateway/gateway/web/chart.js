// Fair value inside our bid and ask over the life of a market; what is still to come stays empty.

const WINDOW_MS = 300_000;
const POINTS_MAX = 4_000;
const GAP_MS = 3_000;
// Of a price without a highest one, so that a quiet book is no mountain range.
const LEAST_HALF = 0.0005;

/** Points of one market, oldest first: [time in ms, fair, bid, ask], null where there was nothing. */
export class Line {
  constructor(points = []) {
    this.points = points;
  }

  add(point) {
    const last = this.points.at(-1);
    if (last && point[0] <= last[0]) return;
    this.points.push(point);
    if (this.points.length > POINTS_MAX) this.points.splice(0, POINTS_MAX / 4);
  }
}

/** Draw one market: `fills` are [time in ms, price on its axis, 'bid' or 'ask'], `highest` is null without a highest price. */
export function draw(canvas, points, { fromMs, toMs, nowMs, fills, highest }, colour) {
  const box = canvas.getBoundingClientRect();
  const ratio = window.devicePixelRatio || 1;
  const width = Math.round(box.width), height = Math.round(box.height);
  if (!width || !height) return;
  if (canvas.width !== width * ratio || canvas.height !== height * ratio) {
    canvas.width = width * ratio;
    canvas.height = height * ratio;
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);

  const start = fromMs ?? nowMs - WINDOW_MS, end = toMs ?? nowMs;
  const shown = points.filter((point) => point[0] >= start && point[0] <= end);
  const [low, high] = range(shown, highest);
  const area = { left: 4, right: width - (highest === null ? 54 : 38), top: 6, bottom: height - 18 };
  const x = (ms) => area.left + ((ms - start) / (end - start)) * (area.right - area.left);
  const y = (price) => area.bottom - ((price - low) / (high - low)) * (area.bottom - area.top);

  grid(pen, area, low, high, y, colour);
  clock(pen, area, start, end, x, colour);
  for (const part of parts(shown)) {
    band(pen, part, x, y, colour);
    trace(pen, part, 2, x, y, colour("--bid"), 1.2);
    trace(pen, part, 3, x, y, colour("--ask"), 1.2);
    trace(pen, part, 1, x, y, colour("--fair"), 2);
  }
  if (nowMs > start && nowMs < end) rule(pen, x(nowMs), area, colour("--quiet"));
  for (const [ms, price, side] of fills) {
    if (ms >= start && ms <= end && price >= low && price <= high) mark(pen, x(ms), y(price), side, colour);
  }
}

function range(points, highest) {
  let low = Infinity, high = -Infinity;
  for (const [, ...prices] of points) {
    for (const price of prices) {
      if (price === null) continue;
      low = Math.min(low, price);
      high = Math.max(high, price);
    }
  }
  if (low > high) return [0, 1];
  const middle = (low + high) / 2, least = highest === null ? middle * LEAST_HALF : 0.06;
  const half = Math.max(least, ((high - low) / 2) * 1.15);
  return [Math.max(0, middle - half), Math.min(highest ?? Infinity, middle + half)];
}

// A pause in what we know is a gap in the line, never a straight stroke across it.
function parts(points) {
  const found = [];
  let part = [];
  for (const point of points) {
    if (part.length && point[0] - part.at(-1)[0] > GAP_MS) {
      found.push(part);
      part = [];
    }
    part.push(point);
  }
  if (part.length) found.push(part);
  return found;
}

function grid(pen, area, low, high, y, colour) {
  const step = stepOf(high - low);
  pen.font = "11px system-ui, sans-serif";
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  for (let price = Math.ceil(low / step) * step; price <= high + 1e-9; price += step) {
    pen.strokeStyle = colour("--line");
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(area.left, Math.round(y(price)) + 0.5);
    pen.lineTo(area.right, Math.round(y(price)) + 0.5);
    pen.stroke();
    pen.fillStyle = colour("--quiet");
    pen.fillText(price.toFixed(step < 1 ? 2 : 0), area.right + 6, y(price));
  }
}

// 1, 2 or 5 times a power of ten, so that there are at most six lines and a bit.
function stepOf(span) {
  for (let power = 0.01; power < span; power *= 10) {
    for (const times of [1, 2, 5]) if (span / (times * power) <= 6) return times * power;
  }
  return Math.max(0.01, span);
}

function clock(pen, area, start, end, x, colour) {
  const step = end - start > 180_000 ? 60_000 : 30_000;
  pen.fillStyle = colour("--quiet");
  pen.textAlign = "center";
  pen.textBaseline = "alphabetic";
  for (let ms = Math.ceil(start / step) * step; ms <= end; ms += step) {
    const at = Math.min(area.right - 16, Math.max(area.left + 16, x(ms)));
    pen.fillText(new Date(ms).toISOString().slice(11, 16 + (step < 60_000 ? 3 : 0)), at, area.bottom + 14);
  }
}

function band(pen, part, x, y, colour) {
  const both = part.filter((point) => point[2] !== null && point[3] !== null);
  if (both.length < 2) return;
  pen.fillStyle = colour("--band");
  pen.beginPath();
  both.forEach((point, index) => (index ? pen.lineTo(x(point[0]), y(point[3])) : pen.moveTo(x(point[0]), y(point[3]))));
  for (const point of both.toReversed()) pen.lineTo(x(point[0]), y(point[2]));
  pen.closePath();
  pen.fill();
}

function trace(pen, part, column, x, y, stroke, lineWidth) {
  pen.strokeStyle = stroke;
  pen.lineWidth = lineWidth;
  pen.lineJoin = "round";
  pen.beginPath();
  let drawing = false;
  for (const point of part) {
    const price = point[column];
    if (price !== null) drawing ? pen.lineTo(x(point[0]), y(price)) : pen.moveTo(x(point[0]), y(price));
    drawing = price !== null;
  }
  pen.stroke();
}

function rule(pen, at, area, stroke) {
  pen.strokeStyle = stroke;
  pen.lineWidth = 1;
  pen.setLineDash([2, 3]);
  pen.beginPath();
  pen.moveTo(Math.round(at) + 0.5, area.top);
  pen.lineTo(Math.round(at) + 0.5, area.bottom);
  pen.stroke();
  pen.setLineDash([]);
}

// A fill of our bid points up (we bought YES), one of our ask down.
function mark(pen, at, level, side, colour) {
  const tip = side === "bid" ? -5 : 5;
  pen.fillStyle = colour(side === "bid" ? "--bid" : "--ask");
  pen.strokeStyle = colour("--panel");
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(at, level + tip);
  pen.lineTo(at - 4.5, level - tip * 0.7);
  pen.lineTo(at + 4.5, level - tip * 0.7);
  pen.closePath();
  pen.fill();
  pen.stroke();
}
