// The timeline: lanes drawn on canvases, one playhead over them, a video that leads and follows.
// Nothing here writes HTML: names come from users and go in as text only.
const find = (id) => document.getElementById(id);
const index = JSON.parse(find("index").textContent);
const lanes = find("lanes");
if (!lanes || !index.contents.length) return;

const video = find("video"), playhead = find("playhead"), cross = find("cross"), tip = find("tip"), pan = find("pan");
const canvases = [...lanes.querySelectorAll("canvas[data-lane]")];
const parsed = new Map();
const state = {
  index, content: -1, series: null, length: 1, from: 0, span: 1, time: 0, own: false, url: "", dragging: false,
  layers: { curves: true, lines: true, share: false, labels: true, prediction: true }, curves: [0], person: "",
};
const SHORTEST = 10; // seconds: no closer look than this

const clamp = (v, low, high) => Math.min(high, Math.max(low, v));
const clock = (t, digits = 0) => {
  const whole = Math.floor(t + 1e-6), h = Math.floor(whole / 3600), m = Math.floor(whole / 60) % 60, s = whole % 60;
  const tail = digits ? "." + Math.floor((t + 1e-6 - whole) * 10) : "";
  const two = (n) => String(n).padStart(2, "0");
  return (h ? h + ":" + two(m) : m) + ":" + two(s) + tail;
};
const series = (i) => {
  if (!parsed.has(i)) {
    const read = JSON.parse(find("series-" + i).textContent);
    if (read.labels) read.labels.length = read.labels.valid.length;
    parsed.set(i, read);
  }
  return parsed.get(i);
};

// --- choosing a content ---------------------------------------------------------------------
function pick(i) {
  if (i === state.content || !index.contents[i]) return;
  state.content = i;
  state.series = series(i);
  state.length = Math.max(1, state.series.seconds);
  state.from = 0; state.span = state.length; state.time = 0;
  const known = index.contents[i], own = state.series;
  find("content-name").textContent = known.name;
  const parts = [clock(own.seconds) + " long"];
  if (own.curves) parts.push(own.curves[0].n + (own.curves[0].n === 1 ? " participant" : " participants"));
  if (own.labels) {
    const valid = [...own.labels.valid].filter((v) => v === "1").length;
    parts.push("valid labels for " + Math.round(100 * valid / Math.max(1, own.labels.valid.length)) + " % of it");
  }
  if (!own.labels) parts.push("no labels");
  if (!own.prediction) parts.push("no predictions");
  find("content-facts").textContent = parts.join(", ");
  for (const button of document.querySelectorAll("[data-pick]")) button.setAttribute("aria-pressed", String(Number(button.dataset.pick) === i));
  if (find("pick")) find("pick").value = String(i);
  own["any-peak"] = own.peaks.flat();
  own.band = own.curves ? own.curves[0].low.flat() : [];
  for (const item of document.querySelectorAll("[data-for]")) item.hidden = !item.dataset.for.split(" ").every(has) || (item.dataset.unless ? has(item.dataset.unless) : false);
  find("viewers-lane").hidden = !own.labels;
  choices(own);
  lanes.classList.toggle("labels-only", !own.prediction && !own.curves);
  lanes.classList.toggle("with-curves", Boolean(own.curves));
  lanes.classList.toggle("many", index.expressions.length > 8);
  lanes.setAttribute("aria-valuemax", String(state.length));
  load(i, known);
  draw();
  moved();
}

// --- whose curves are shown -----------------------------------------------------------------
function choices(own) { // everybody, one value of a column, or the values of a column side by side; and one viewer
  const curves = own.curves || [], who = find("who"), person = find("person");
  const option = (text, value) => { const one = document.createElement("option"); one.textContent = text; one.value = value; return one; };
  const columns = [...new Set(curves.map((c) => c.column).filter(Boolean))];
  who.replaceChildren(
    ...curves.map((c, i) => option(c.column ? `${c.column}: ${c.value} (n = ${c.n})` : `all participants (n = ${c.n})`, String(i))),
    ...columns.map((column) => option(`compare by ${column}`, curves.flatMap((c, i) => (c.column === column && c.n ? [i] : [])).join(" "))),
  );
  state.curves = [0]; state.person = "";
  who.closest("label").hidden = curves.length < 2;
  const people = [...new Set((own.lines || []).map((line) => line.who))];
  person.replaceChildren(option("none", ""), ...people.map((name) => option(name, name)));
  person.closest("label").hidden = !people.length;
}
find("who").addEventListener("change", (event) => { state.curves = event.target.value.split(" ").map(Number); compared(); draw(); moved(); });
find("person").addEventListener("change", (event) => { state.person = event.target.value; draw(); });
for (const box of document.querySelectorAll("[data-layer]")) box.addEventListener("change", () => { state.layers[box.dataset.layer] = box.checked; draw(); });

function compared() { // which colour is which value
  const curves = state.curves.length > 1 ? state.curves.map((i) => state.series.curves[i]) : [];
  find("compared").replaceChildren(...curves.map((curve, i) => {
    const item = document.createElement("li"), key = document.createElement("i");
    key.className = "swatch"; key.style.setProperty("--c", `var(${COMPARED[i % 8]})`);
    item.append(key, `${curve.value} (n = ${curve.n})`);
    return item;
  }));
}

function load(i, known) {
  if (state.url) URL.revokeObjectURL(state.url);
  state.url = "";
  const message = find("no-video");
  video.hidden = known.video === "none";
  message.hidden = known.video !== "none";
  message.textContent = known.reason;
  video.poster = known.poster ? "data:image/jpeg;base64," + known.poster : "";
  if (known.video === "embed") {
    const bytes = Uint8Array.from(atob(find("video-" + i).textContent), (c) => c.charCodeAt(0));
    state.url = URL.createObjectURL(new Blob([bytes], { type: "video/mp4" }));
    video.src = state.url;
  } else if (known.video === "link") video.src = known.url;
  else video.removeAttribute("src");
  video.load();
}

// --- drawing --------------------------------------------------------------------------------
function ready(canvas) { // a pen for a canvas at the screen's resolution, the box of the whole canvas, and its colours
  const box = canvas.getBoundingClientRect(), dots = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(box.width * dots));
  canvas.height = Math.max(1, Math.round(box.height * dots));
  const context = canvas.getContext("2d"), style = getComputedStyle(canvas);
  context.setTransform(dots, 0, 0, dots, 0, 0);
  const ink = (name) => style.getPropertyValue(name).trim();
  return { pen: canvasPen(context, getComputedStyle(document.body).fontFamily), box: { x: 0, y: 0, width: box.width, height: box.height }, look: { ink, colour: ink("--c") } };
}

function draw() {
  if (!state.series) return;
  const axis = ready(find("axis"));
  drawAxis(axis.pen, axis.box, axis.look);
  const common = scaleOf(index.expressions.map((_, k) => k));
  for (const canvas of canvases) {
    const { pen, box, look } = ready(canvas), lane = canvas.dataset.lane, scale = lanes.querySelector(`[data-scale="${lane}"]`);
    if (lane === "viewers") scale.textContent = state.series.labels ? "0 to " + drawViewers(pen, box, look) : "";
    else {
      const end = state.own ? scaleOf([Number(lane)]) : common;
      drawLane(pen, box, Number(lane), end, look);
      scale.textContent = has("prediction") || has("curves") ? "0 to " + Number(end.toFixed(2)) : "";
    }
  }
  const part = state.span < state.length - 1e-6;
  pan.hidden = !part;
  if (part) pan.value = String(Math.round(1000 * state.from / (state.length - state.span)));
  find("zoom-out").disabled = find("zoom-fit").disabled = !part;
  find("zoom-in").disabled = state.span <= Math.min(SHORTEST, state.length) + 1e-6;
  place();
}

// --- the playhead ---------------------------------------------------------------------------
function place() {
  const width = lanes.clientWidth, x = across(state.time, { x: 0, width });
  playhead.hidden = x < -1 || x > width + 1;
  playhead.style.transform = `translateX(${clamp(x, 0, width)}px)`;
}

function second(t) { return clamp(Math.floor(t + 1e-6), 0, Math.max(0, state.length - 1)); }

function moved() {
  const t = second(state.time), said = [clock(state.time)];
  find("now").textContent = clock(state.time, 1);
  index.expressions.forEach((name, k) => {
    const mean = has("curves") ? at(state.series.curves[state.curves[0]].mean, k, t) : null;
    const p = has("curves") ? mean : predicted(k, t), on = labelled(k, t);
    lanes.querySelector(`[data-value="${k}"]`).textContent = p === null ? "" : p.toFixed(2);
    lanes.querySelector(`[data-tag="${k}"]`).classList.toggle("on", on === true);
    if (p !== null || on) said.push(name + (p === null ? "" : " " + p.toFixed(2)) + (on ? " labelled" : ""));
  });
  const seen = viewersAt(t);
  lanes.querySelector('[data-value="viewers"]').textContent = seen === null ? "" : String(seen);
  lanes.setAttribute("aria-valuenow", state.time.toFixed(1));
  lanes.setAttribute("aria-valuetext", said.join(", "));
  if (!state.dragging && (state.time < state.from || state.time > state.from + state.span)) look(state.time - state.span * 0.1, state.span);
  place();
}

function seek(t) {
  const end = video.hidden || !isFinite(video.duration) ? state.length : Math.min(state.length, video.duration);
  state.time = clamp(t, 0, end);
  if (!video.hidden && video.src) video.currentTime = state.time;
  moved();
}

function follow() {
  if (video.paused || video.ended) return;
  state.time = video.currentTime; moved(); requestAnimationFrame(follow);
}
video.addEventListener("play", () => requestAnimationFrame(follow));
for (const event of ["seeked", "pause", "ended", "timeupdate"]) {
  video.addEventListener(event, () => { if (!state.dragging && !video.seeking) { state.time = video.currentTime; moved(); } });
}
video.addEventListener("error", () => {
  if (!video.getAttribute("src")) return;
  const message = find("no-video");
  message.hidden = false;
  message.textContent = "This browser cannot play the video" + (index.contents[state.content].video === "link" ? ": the linked file is not there, or is of a kind it does not know." : ".");
});

// --- zoom -----------------------------------------------------------------------------------
function look(from, span) {
  state.span = clamp(span, Math.min(SHORTEST, state.length), state.length);
  state.from = clamp(from, 0, state.length - state.span);
  draw();
}
function zoom(factor) {
  const held = state.time >= state.from && state.time <= state.from + state.span ? state.time : state.from + state.span / 2;
  const span = clamp(state.span * factor, Math.min(SHORTEST, state.length), state.length);
  look(held - (held - state.from) / state.span * span, span);
}
find("zoom-in").addEventListener("click", () => zoom(1 / 2));
find("zoom-out").addEventListener("click", () => zoom(2));
find("zoom-fit").addEventListener("click", () => look(0, state.length));
pan.addEventListener("input", () => look(Number(pan.value) / 1000 * (state.length - state.span), state.span));
find("own-scale").addEventListener("change", (event) => { state.own = event.target.checked; draw(); });

// --- pointer and keys -----------------------------------------------------------------------
const timeAt = (event) => {
  const box = lanes.getBoundingClientRect();
  return clamp(state.from + (event.clientX - box.left) / box.width * state.span, 0, state.length);
};

function hover(event) {
  const box = lanes.getBoundingClientRect(), when = timeAt(event), t = second(when);
  cross.hidden = tip.hidden = false;
  cross.style.transform = `translateX(${across(when, { x: 0, width: box.width })}px)`;
  const title = document.createElement("b"), table = document.createElement("table");
  title.textContent = clock(t);
  const row = (...cells) => { const tr = table.insertRow(); for (const text of cells) tr.insertCell().textContent = text; };
  const two = (v) => (v === null ? "–" : v.toFixed(2));
  if (has("curves")) row("", "mean", ...(has("prediction") ? ["predicted"] : []), ...(has("share") ? ["share"] : []), "");
  index.expressions.forEach((name, k) => {
    const p = predicted(k, t), on = labelled(k, t), tag = state.series.labels ? (on === null ? "not valid" : on ? "label" : "") : "";
    if (!has("curves")) { row(name, two(p), tag); return; }
    const curve = state.series.curves[state.curves[0]], low = at(curve.low, k, t), high = at(curve.high, k, t);
    row(name, two(at(curve.mean, k, t)) + (low === null ? "" : ` [${two(low)}, ${two(high)}]`), ...(has("prediction") ? [two(p)] : []), ...(has("share") ? [two(at(state.series.share, k, t))] : []), tag);
  });
  if (viewersAt(t) !== null) row("viewers seen", String(viewersAt(t)), "");
  tip.replaceChildren(title, table);
  const wide = tip.offsetWidth, x = event.clientX - box.left;
  tip.style.transform = `translateX(${clamp(x + 16 + wide > box.width ? x - wide - 16 : x + 16, 0, Math.max(0, box.width - wide))}px)`;
}
const leave = () => { cross.hidden = tip.hidden = true; };

lanes.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  state.dragging = true; lanes.setPointerCapture(event.pointerId); seek(timeAt(event));
});
lanes.addEventListener("pointermove", (event) => {
  if (state.dragging) seek(timeAt(event));
  if (event.pointerType === "mouse") hover(event);
});
for (const event of ["pointerup", "pointercancel"]) lanes.addEventListener(event, () => { state.dragging = false; });
lanes.addEventListener("pointerleave", leave);
lanes.addEventListener("keydown", (event) => {
  const jumps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in jumps) seek(state.time + jumps[event.key]);
  else if (event.key === "Home") seek(0);
  else if (event.key === "End") seek(state.length);
  else if (event.key === " " && !video.hidden) video.paused ? video.play() : video.pause();
  else if (event.key === "+" || event.key === "=") zoom(1 / 2);
  else if (event.key === "-") zoom(2);
  else return;
  event.preventDefault();
});

for (const button of document.querySelectorAll("[data-pick]")) button.addEventListener("click", () => pick(Number(button.dataset.pick)));
if (find("pick")) {
  find("pick").addEventListener("change", (event) => pick(Number(event.target.value)));
  find("before").addEventListener("click", () => pick(Math.max(0, state.content - 1)));
  find("after").addEventListener("click", () => pick(Math.min(index.contents.length - 1, state.content + 1)));
}
const whenReady = (act) => (video.hidden || video.readyState > 0 ? act() : video.addEventListener("loadedmetadata", act, { once: true }));
const named = () => { // #content-3 chooses a content from anywhere on the page, or from a link to it
  const match = /^#content-(\d+)(?:@(\d+))?$/.exec(decodeURIComponent(location.hash)); // #content-3@75 also goes to 1:15
  if (match && index.contents[Number(match[1])]) {
    pick(Number(match[1]));
    if (match[2]) { state.time = clamp(Number(match[2]), 0, state.length); whenReady(() => seek(Number(match[2]))); moved(); }
    find("timeline").scrollIntoView();
  }
  return match;
};
window.addEventListener("hashchange", named);
new ResizeObserver(draw).observe(lanes);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
if (!named()) pick(0);
if (state.content < 0) pick(0);
