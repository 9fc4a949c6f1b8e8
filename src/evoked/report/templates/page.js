"use strict";
// The timeline: lanes drawn on canvases, one playhead over them, a video that leads and follows.
// Nothing here writes HTML: names come from users and go in as text only.
(() => {
  const find = (id) => document.getElementById(id);
  const index = JSON.parse(find("index").textContent);
  const lanes = find("lanes");
  if (!lanes || !index.contents.length) return;

  const video = find("video"), playhead = find("playhead"), cross = find("cross"), tip = find("tip"), pan = find("pan");
  const canvases = [...lanes.querySelectorAll("canvas[data-lane]")];
  const parsed = new Map();
  const state = { content: -1, series: null, length: 1, from: 0, span: 1, time: 0, own: false, url: "", dragging: false };
  const SHORTEST = 10; // seconds: no closer look than this

  const clamp = (v, low, high) => Math.min(high, Math.max(low, v));
  const clock = (t, digits = 0) => {
    const whole = Math.floor(t + 1e-6), h = Math.floor(whole / 3600), m = Math.floor(whole / 60) % 60, s = whole % 60;
    const tail = digits ? "." + Math.floor((t + 1e-6 - whole) * 10) : "";
    const two = (n) => String(n).padStart(2, "0");
    return (h ? h + ":" + two(m) : m) + ":" + two(s) + tail;
  };
  const series = (i) => {
    if (!parsed.has(i)) parsed.set(i, JSON.parse(find("series-" + i).textContent));
    return parsed.get(i);
  };
  const predicted = (k, t) => {
    const row = state.series.prediction && state.series.prediction[k];
    return row && t < row.length && row[t] !== null ? row[t] / 1000 : null;
  };
  const labelled = (k, t) => { // true, false, or null where nobody can say
    const labels = state.series.labels;
    return labels && labels.valid[t] === "1" ? labels.on[k][t] === "1" : null;
  };
  const viewersAt = (t) => (state.series.labels && t < state.series.labels.viewers.length ? state.series.labels.viewers[t] : null);

  // --- choosing a content ---------------------------------------------------------------------
  function pick(i) {
    if (i === state.content || !index.contents[i]) return;
    state.content = i;
    state.series = series(i);
    state.length = Math.max(1, state.series.seconds);
    state.from = 0; state.span = state.length; state.time = 0;
    const known = index.contents[i], has = state.series;
    find("content-name").textContent = known.name;
    const parts = [clock(has.seconds) + " long"];
    if (has.labels) {
      const valid = [...has.labels.valid].filter((v) => v === "1").length;
      parts.push("valid labels for " + Math.round(100 * valid / Math.max(1, has.labels.valid.length)) + " % of it");
    }
    if (!has.labels) parts.push("no labels");
    if (!has.prediction) parts.push("no predictions");
    find("content-facts").textContent = parts.join(", ");
    for (const button of document.querySelectorAll("[data-pick]")) button.setAttribute("aria-pressed", String(Number(button.dataset.pick) === i));
    if (find("pick")) find("pick").value = String(i);
    for (const item of document.querySelectorAll(".legend [data-for]")) {
      const need = item.dataset.for;
      item.hidden = (need !== "prediction" && !has.labels) || (need !== "labels" && !has.prediction);
    }
    find("viewers-lane").hidden = !has.labels;
    lanes.classList.toggle("labels-only", !has.prediction);
    lanes.classList.toggle("many", index.expressions.length > 8);
    lanes.setAttribute("aria-valuemax", String(state.length));
    load(i, known);
    draw();
    moved();
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
  const across = (t, width) => (t - state.from) / state.span * width;

  function ready(canvas) {
    const box = canvas.getBoundingClientRect(), dots = window.devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(box.width * dots));
    canvas.height = Math.max(1, Math.round(box.height * dots));
    const pen = canvas.getContext("2d");
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    const style = getComputedStyle(canvas);
    const ink = (name) => style.getPropertyValue(name).trim();
    return { pen, width: box.width, height: box.height, ink };
  }

  function runs(test, paint) { // paint(start, end) over every run of visible seconds that pass
    const last = Math.min(state.length, Math.ceil(state.from + state.span));
    let start = -1;
    for (let t = Math.floor(state.from); t <= last; t++) {
      const on = t < last && test(t);
      if (on && start < 0) start = t;
      if (!on && start >= 0) { paint(start, t); start = -1; }
    }
  }

  function hatched(pen, colour, x, width, height) {
    pen.save();
    pen.beginPath(); pen.rect(x, 0, width, height); pen.clip();
    pen.strokeStyle = colour; pen.lineWidth = 1.2; pen.beginPath();
    for (let d = Math.floor((x - height) / 6) * 6; d < x + width; d += 6) { pen.moveTo(d, height); pen.lineTo(d + height, 0); }
    pen.stroke(); pen.restore();
  }

  function steps(pen, value, top, bottom, scale, width) { // outline of a step curve; broken where value is null
    const line = new Path2D(), area = new Path2D();
    const up = (v) => bottom - clamp(v / scale, 0, 1) * (bottom - top);
    runs((t) => value(t) !== null, (start, end) => {
      area.moveTo(across(start, width), bottom);
      for (let t = start; t < end; t++) {
        const y = up(value(t)), x = across(t, width), next = across(t + 1, width);
        if (t === start) line.moveTo(x, y); else line.lineTo(x, y);
        line.lineTo(next, y); area.lineTo(x, y); area.lineTo(next, y);
      }
      area.lineTo(across(end, width), bottom); area.closePath();
    });
    return { line, area };
  }

  function drawLane(canvas, k) {
    const { pen, width, height, ink } = ready(canvas), colour = ink("--c"), has = state.series;
    const band = has.labels ? (has.prediction ? 7 : height - 4) : 0;
    const bottom = height - (band ? band + 4 : 0) - 1, top = 2;
    pen.fillStyle = ink("--panel");
    pen.fillRect(0, 0, width, height);
    if (has.labels) runs((t) => labelled(k, t) === null, (a, b) => hatched(pen, ink("--hatch"), across(a, width), across(b, width) - across(a, width), height));
    const peak = has.prediction ? Math.max(0.001, ...has.prediction[k].map((v) => (v || 0) / 1000)) : 1;
    const scale = state.own ? peak : 1;
    if (has.prediction) {
      const mark = index.share[k];
      pen.globalAlpha = 0.18; pen.fillStyle = colour;
      runs((t) => labelled(k, t) === true, (a, b) => pen.fillRect(across(a, width), 0, across(b, width) - across(a, width), bottom));
      const { line, area } = steps(pen, (t) => predicted(k, t), top, bottom, scale, width);
      pen.globalAlpha = has.labels ? 0.1 : 0.2; pen.fill(area);
      pen.globalAlpha = 1; pen.strokeStyle = colour; pen.lineWidth = 1.75; pen.lineJoin = "round"; pen.stroke(line);
      if (has.labels && mark !== null && mark <= scale) {
        const y = Math.round(bottom - mark / scale * (bottom - top)) + 0.5;
        pen.strokeStyle = ink("--muted"); pen.lineWidth = 1; pen.setLineDash([4, 3]);
        pen.beginPath(); pen.moveTo(0, y); pen.lineTo(width, y); pen.stroke(); pen.setLineDash([]);
      }
    }
    pen.fillStyle = colour;
    if (has.labels) runs((t) => labelled(k, t) === true, (a, b) => pen.fillRect(across(a, width), height - band - 1, Math.max(1, across(b, width) - across(a, width)), band));
    lanes.querySelector(`[data-scale="${k}"]`).textContent = has.prediction ? (state.own ? "0 to " + peak.toFixed(2) : "0 to 1") : "";
  }

  function drawViewers(canvas) {
    const { pen, width, height, ink } = ready(canvas);
    pen.fillStyle = ink("--panel"); pen.fillRect(0, 0, width, height);
    if (!state.series.labels) return;
    const most = Math.max(1, ...state.series.labels.viewers);
    runs((t) => state.series.labels.valid[t] !== "1", (a, b) => hatched(pen, ink("--hatch"), across(a, width), across(b, width) - across(a, width), height));
    const { line, area } = steps(pen, viewersAt, 2, height - 1, most, width);
    pen.fillStyle = pen.strokeStyle = ink("--c");
    pen.globalAlpha = 0.25; pen.fill(area); pen.globalAlpha = 1; pen.lineWidth = 1.5; pen.stroke(line);
    lanes.querySelector('[data-scale="viewers"]').textContent = "0 to " + most;
  }

  function drawAxis() {
    const { pen, width, height, ink } = ready(find("axis"));
    const room = Math.max(2, Math.floor(width / 72));
    const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].find((s) => state.span / s <= room) || 7200;
    pen.fillStyle = pen.strokeStyle = ink("--muted");
    pen.font = "12px " + getComputedStyle(document.body).fontFamily;
    for (let t = Math.ceil(state.from / step) * step; t <= state.from + state.span + 1e-6; t += step) {
      const x = across(t, width), text = clock(t), wide = pen.measureText(text).width;
      pen.fillText(text, clamp(x - wide / 2, 0, width - wide), 12);
      pen.fillRect(clamp(Math.round(x), 0, width - 1), height - 6, 1, 6);
    }
  }

  function draw() {
    if (!state.series) return;
    drawAxis();
    for (const canvas of canvases) {
      if (canvas.dataset.lane === "viewers") drawViewers(canvas); else drawLane(canvas, Number(canvas.dataset.lane));
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
    const width = lanes.clientWidth, x = across(state.time, width);
    playhead.hidden = x < -1 || x > width + 1;
    playhead.style.transform = `translateX(${clamp(x, 0, width)}px)`;
  }

  function second(t) { return clamp(Math.floor(t + 1e-6), 0, Math.max(0, state.length - 1)); }

  function moved() {
    const t = second(state.time), said = [clock(state.time)];
    find("now").textContent = clock(state.time, 1);
    index.expressions.forEach((name, k) => {
      const p = predicted(k, t), on = labelled(k, t);
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
    const box = lanes.getBoundingClientRect(), at = timeAt(event), t = second(at);
    cross.hidden = tip.hidden = false;
    cross.style.transform = `translateX(${across(at, box.width)}px)`;
    const title = document.createElement("b"), table = document.createElement("table");
    title.textContent = clock(t);
    const row = (...cells) => { const tr = table.insertRow(); for (const text of cells) tr.insertCell().textContent = text; };
    index.expressions.forEach((name, k) => {
      const p = predicted(k, t), on = labelled(k, t);
      row(name, p === null ? "–" : p.toFixed(2), state.series.labels ? (on === null ? "not valid" : on ? "label" : "") : "");
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
  const named = () => { // #content-3 chooses a content from anywhere on the page, or from a link to it
    const match = /^#content-(\d+)$/.exec(location.hash);
    if (match && index.contents[Number(match[1])]) { pick(Number(match[1])); find("timeline").scrollIntoView(); }
    return match;
  };
  window.addEventListener("hashchange", named);
  new ResizeObserver(draw).observe(lanes);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  if (!named()) pick(0);
  if (state.content < 0) pick(0);
})();
