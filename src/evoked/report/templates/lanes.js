// Lanes: how one expression is drawn, by any pen. `box` is {x, y, width, height}, `look` {ink, colour}: CSS colours.
const COMPARED = ["--e1", "--e4", "--e2", "--e3", "--e0", "--e5", "--e6", "--e7"];
const CURVE = 1000; // the page holds thousandths

const predicted = (k, t) => {
  const row = state.series.prediction && state.series.prediction[k];
  return row && t < row.length && row[t] !== null ? row[t] / CURVE : null;
};
const labelled = (k, t) => { // true, false, or null where nobody can say
  const labels = state.series.labels;
  return labels && labels.valid[t] === "1" ? labels.on[k][t] === "1" : null;
};
const viewersAt = (t) => (state.series.labels && t < state.series.labels.viewers.length ? state.series.labels.viewers[t] : null);
const at = (rows, k, t) => (rows && rows[k] && t < rows[k].length && rows[k][t] !== null ? rows[k][t] / CURVE : null);
const has = (name) => Boolean(state.series[name] && state.series[name].length);
const shown = (name) => state.layers[name] && has(name);
const curvesShown = () => (shown("curves") ? state.curves.map((i) => state.series.curves[i]) : []);
const linesShown = () => {
  if (!shown("lines")) return [];
  const chosen = state.curves.map((i) => state.series.curves[i]);
  return state.series.lines.filter((line) => chosen.some((c) => !c.column || line.about[c.column] === c.value));
};

function scaleOf(ks) { // the end of the axis: what is shown of these expressions, rounded up
  if (!has("curves")) return state.own && has("prediction") ? Math.max(0.001, ...ks.flatMap((k) => state.series.prediction[k].map((v) => (v || 0) / CURVE))) : 1;
  let top = 0;
  const see = (rows) => { for (const k of ks) for (const v of (rows && rows[k]) || []) if (v > top) top = v; };
  for (const curve of curvesShown()) { see(curve.mean); see(curve.high); }
  for (const line of linesShown()) see(line.scores);
  if (shown("share")) see(state.series.share);
  if (shown("prediction")) see(state.series.prediction);
  return [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1].find((end) => top <= end * CURVE) || 1;
}

const across = (t, box) => box.x + (t - state.from) / state.span * box.width;
const inside = (t, box) => clamp(across(t, box), box.x, box.x + box.width);

function runs(test, paint) { // paint(start, end) over every run of visible seconds that pass
  const last = Math.min(state.length, Math.ceil(state.from + state.span));
  let start = -1;
  for (let t = Math.floor(state.from); t <= last; t++) {
    const on = t < last && test(t);
    if (on && start < 0) start = t;
    if (!on && start >= 0) { paint(start, t); start = -1; }
  }
}

function hatched(pen, colour, x, y, width, height) {
  const parts = [];
  for (let d = Math.floor((x - height) / 6) * 6; d < x + width; d += 6) { // from (d, bottom) to (d + height, top), cut to the box
    const from = Math.max(d, x), to = Math.min(d + height, x + width);
    if (to > from) parts.push([[from, y + height - (from - d)], [to, y + height - (to - d)]]);
  }
  pen.line(parts, colour, 1.2);
}

function steps(value, up, box) { // outline of a step curve, and the area under it; broken where value is null
  const line = [], area = [];
  runs((t) => value(t) !== null, (start, end) => {
    const part = [];
    for (let t = start; t < end; t++) part.push([inside(t, box), up(value(t))], [inside(t + 1, box), up(value(t))]);
    line.push(part);
    area.push([[inside(start, box), up(0)], ...part, [inside(end, box), up(0)]]);
  });
  return { line, area };
}

function smooth(value, up, box) { // a line through the middles of the seconds; broken where value is null
  const parts = [];
  runs((t) => value(t) !== null, (start, end) => {
    const part = [];
    for (let t = start; t < end; t++) part.push([inside(t + 0.5, box), up(value(t))]);
    parts.push(end - start > 1 ? part : [[inside(start, box), part[0][1]], [inside(end, box), part[0][1]]]);
  });
  return parts;
}

function interval(curve, k, up, box) {
  const parts = [];
  runs((t) => at(curve.low, k, t) !== null, (start, end) => {
    const low = [], high = [];
    for (let t = start; t < end; t++) { low.push([inside(t + 0.5, box), up(at(curve.low, k, t))]); high.unshift([inside(t + 0.5, box), up(at(curve.high, k, t))]); }
    parts.push([...low, ...high]);
  });
  return parts;
}

function drawLane(pen, box, k, scale, look) {
  const { ink, colour } = look, series = state.series, labels = shown("labels");
  const band = labels ? (has("curves") || has("prediction") ? 7 : box.height - 4) : 0;
  const bottom = box.y + box.height - (band ? band + 4 : 0) - 1, top = box.y + 2;
  const up = (v) => bottom - clamp(v / scale, 0, 1) * (bottom - top);
  const spanOf = (a, b) => [inside(a, box), inside(b, box) - inside(a, box)];
  pen.rect(box.x, box.y, box.width, box.height, ink("--panel"));
  if (labels) runs((t) => labelled(k, t) === null, (a, b) => { const [x, width] = spanOf(a, b); hatched(pen, ink("--hatch"), x, box.y, width, box.height); });
  if (labels && (has("curves") || has("prediction"))) runs((t) => labelled(k, t) === true, (a, b) => { const [x, width] = spanOf(a, b); pen.rect(x, box.y, width, bottom - box.y, colour, 0.18); });
  for (const line of linesShown()) {
    const one = state.person === "" || state.person === line.who;
    pen.line(smooth((t) => at(line.scores, k, t), up, box), one ? ink("--ink") : ink("--muted"), state.person && one ? 1.75 : 0.8, state.person ? (one ? 0.9 : 0.15) : 0.3);
  }
  if (shown("prediction")) {
    const { line, area } = steps((t) => predicted(k, t), up, box);
    if (!has("curves")) { pen.area(area, colour, has("labels") ? 0.1 : 0.2); pen.line(line, colour, 1.75); } else pen.line(line, ink("--ink"), 1.2, 0.75, [2, 3]);
    const mark = state.index.share[k];
    if (has("labels") && mark !== null && mark <= scale) pen.line([[[box.x, Math.round(up(mark)) + 0.5], [box.x + box.width, Math.round(up(mark)) + 0.5]]], ink("--muted"), 1, 1, [6, 4]);
  }
  if (shown("share")) pen.line(steps((t) => at(series.share, k, t), up, box).line, colour, 1.1, 0.8, [1, 2]);
  const curves = curvesShown();
  curves.forEach((curve, i) => pen.area(interval(curve, k, up, box), curves.length > 1 ? ink(COMPARED[i % 8]) : colour, 0.22));
  curves.forEach((curve, i) => pen.line(smooth((t) => at(curve.mean, k, t), up, box), curves.length > 1 ? ink(COMPARED[i % 8]) : colour, 2));
  if (labels) runs((t) => labelled(k, t) === true, (a, b) => { const [x, width] = spanOf(a, b); pen.rect(x, box.y + box.height - band - 1, Math.max(1, width), band, colour); });
  for (const t of series.peaks[k]) if (t >= state.from && t <= state.from + state.span) { const x = inside(t + 0.5, box); pen.area([[[x - 4, box.y], [x + 4, box.y], [x, box.y + 6]]], ink("--ink")); }
}

function drawViewers(pen, box, look) {
  const { ink } = look, most = Math.max(1, ...state.series.labels.viewers);
  pen.rect(box.x, box.y, box.width, box.height, ink("--panel"));
  runs((t) => state.series.labels.valid[t] !== "1", (a, b) => hatched(pen, ink("--hatch"), inside(a, box), box.y, inside(b, box) - inside(a, box), box.height));
  const { line, area } = steps(viewersAt, (v) => box.y + box.height - 1 - v / most * (box.height - 3), box);
  pen.area(area, ink("--muted"), 0.25);
  pen.line(line, ink("--muted"), 1.5);
  return most;
}

function drawAxis(pen, box, look, wide = 72) {
  const room = Math.max(2, Math.floor(box.width / wide));
  const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].find((s) => state.span / s <= room) || 7200;
  const muted = look.ink("--muted"), end = box.x + box.width;
  for (let t = Math.ceil(state.from / step) * step; t <= state.from + state.span + 1e-6; t += step) {
    const x = inside(t, box), anchor = x - box.x < 16 ? "start" : end - x < 16 ? "end" : "middle";
    pen.text(anchor === "start" ? x + 5 : x, box.y + 12, clock(t), muted, { anchor }); // beside the playhead at the beginning
    pen.rect(clamp(Math.round(x), box.x, end - 1), box.y + 18, 1, 6, muted);
  }
}
