// The rater's page. Answers go through an outbox that survives a reload: each is sent again, with the same name, until
// the server says that it has it.

const $ = (id) => document.getElementById(id);
const OUTBOX = "evoked-rating-outbox";
const RETRY_MS = 2000, LONGEST_MS = 30000;
const videos = [$("video-0"), $("video-1")];

let texts, state, active = 0, queue = [], shownAt = 0, sending = false, feedbackOf = null, silent = true, timer = 0;
let outbox = JSON.parse(localStorage.getItem(OUTBOX) || "[]");

const say = (key, values = {}) => texts[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
const keep = () => localStorage.setItem(OUTBOX, JSON.stringify(outbox));
const named = (id) => state.expressions.find((e) => e.id === id)?.name ?? texts.expressions[id]?.[0] ?? id;

function unique() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

class Refused extends Error {
  constructor(status, detail) { super(detail); this.status = status; }
}

async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const answer = await fetch(path, { ...options, credentials: "same-origin" });
  const text = await answer.text();
  if (!answer.ok) {
    let detail = text;
    try { detail = JSON.parse(text).detail; } catch { /* a proxy's page */ }
    throw new Refused(answer.status, typeof detail === "string" ? detail : `status ${answer.status}`);
  }
  return text ? JSON.parse(text) : null;
}

function show(section) {
  for (const id of ["message", "welcome", "rating"]) $(id).hidden = id !== section;
}

function end(key, values) {
  for (const video of videos) { video.pause(); }
  $("message-text").textContent = say(key, values);
  show("message");
}

function stumble(error) {
  if (error instanceof Refused && error.status === 401) end("closed");
  else if (error instanceof Refused) end("problem", { reason: error.message });
  else setTimeout(refill, RETRY_MS); // no connection
}

// ---- texts -----------------------------------------------------------------------------------------------------------

async function readTexts() {
  const wanted = new URLSearchParams(location.search).get("lang") ?? navigator.language;
  const language = wanted.toLowerCase().startsWith("de") ? "de" : "en";
  texts = await (await fetch(`static/texts.${language}.json`)).json();
  document.documentElement.lang = language;
  document.title = texts.title;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = texts[element.dataset.text];
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function fill() {
  $("consent-text").textContent = state.consent_text ?? texts.consent_text;
  for (const [key, meaning] of texts.keys) {
    const line = document.createElement("li");
    line.append(element("kbd", key), ` ${meaning}`);
    $("keys").append(line);
  }
  state.expressions.forEach((expression, k) => {
    const definition = expression.definition ?? texts.expressions[expression.id]?.[1] ?? "";
    $("definitions").append(element("dt", named(expression.id)), element("dd", definition));
    const label = document.createElement("label"), box = document.createElement("input");
    box.type = "checkbox";
    box.value = expression.id;
    box.addEventListener("change", mark);
    label.title = definition;
    label.append(box, element("span", named(expression.id)));
    if (k < 9) { const key = element("kbd", String(k + 1)); key.setAttribute("aria-hidden", "true"); label.append(key); }
    $("choices").append(label);
  });
}

const boxes = () => [...$("choices").querySelectorAll("input")];
const ticked = () => boxes().filter((box) => box.checked).map((box) => box.value);

function mark() {
  $("next").textContent = ticked().length ? texts.next : texts.none;
}

// ---- clips -----------------------------------------------------------------------------------------------------------

function merge(held) {
  const answered = new Set(outbox.map((entry) => entry.clip));
  const known = new Map(queue.map((clip) => [clip.clip, clip])); // an address is used as long as the clip is here
  queue = held.clips.filter((clip) => !answered.has(clip.clip)).map((clip) => known.get(clip.clip) ?? clip);
  state.answered = held.answered;
}

function load(video, clip) {
  if (video.dataset.clip === String(clip.clip)) return;
  video.dataset.clip = String(clip.clip);
  video.src = clip.address;
}

function present() {
  if (!queue.length) {
    if (!outbox.length) end("done");
    else stage(say("loading"));
    return;
  }
  show("rating");
  const clip = queue[0];
  const front = videos[active].dataset.clip === String(clip.clip) ? active : 1 - active;
  if (videos[front].dataset.clip !== String(clip.clip) || front !== active || videos[front].hidden) {
    videos[active].pause();
    active = front;
    load(videos[active], clip);
    videos.forEach((video, k) => { video.hidden = k !== active; });
    videos[active].currentTime = 0;
    for (const box of boxes()) box.checked = false;
    shownAt = performance.now();
  }
  stage(videos[active].error ? say("broken") : "");
  play();
  mark();
  if (queue[1]) load(videos[1 - active], queue[1]);
  const before = state.answered + outbox.length;
  $("progress").textContent = clip.training
    ? say("training", { n: before + 1, total: state.training })
    : say("progress", { n: before + 1 - state.training });
  $("undo").disabled = before === 0;
}

// A clip did not come: there is no connection, or its address is too old. It is asked for again, less and less often.
function failed(video) {
  const clip = video.dataset.clip;
  if (!clip) return;
  if (video === videos[active]) stage(say("broken"));
  const wait = Math.min(Number(video.dataset.wait || RETRY_MS), LONGEST_MS);
  video.dataset.wait = String(2 * wait);
  setTimeout(async () => {
    try {
      const fresh = (await ask("api/clips", {})).clips.find((held) => String(held.clip) === clip);
      if (!fresh || video.dataset.clip !== clip) return;
      queue = queue.map((held) => (held.clip === fresh.clip ? fresh : held));
      video.src = fresh.address;
    } catch (error) {
      if (error instanceof Refused && error.status === 401) end("closed");
      else failed(video);
    }
  }, wait);
}

function loaded(video) {
  video.dataset.wait = "";
  if (video !== videos[active] || $("rating").hidden) return;
  stage("");
  play();
}

function stage(text) {
  $("stage-text").textContent = text;
  $("stage-text").hidden = !text;
}

function play() {
  videos[active].muted = silent;
  videos[active].play().catch(() => { /* the browser wants a gesture: the button is there */ }).finally(playing);
}

function playing() {
  $("play").textContent = videos[active].paused ? texts.play : texts.pause;
}

async function refill() {
  try {
    merge(await ask("api/clips", {}));
    present();
  } catch (error) { stumble(error); }
}

// ---- answers ---------------------------------------------------------------------------------------------------------

function answer(cannotTell) {
  if (!queue.length || feedbackOf !== null || $("rating").hidden) return;
  const clip = queue.shift();
  const seconds = Math.round(performance.now() - shownAt) / 1000;
  const present_ = cannotTell ? [] : ticked();
  outbox.push({ clip: clip.clip, submission: unique(), present: present_, cannot_tell: cannotTell, seconds });
  keep();
  if (clip.training) feedbackOf = clip.clip; // the next clip waits until it was read
  else present();
  send();
}

async function send() {
  if (sending) return;
  sending = true;
  clearTimeout(timer);
  try {
    while (outbox.length) {
      const entry = outbox[0];
      let held = null;
      try {
        held = await ask("api/ratings", entry);
      } catch (error) {
        if (!(error instanceof Refused) || error.status === 408 || error.status === 503 || error.status >= 500) throw error;
        if (error.status === 401) { end("closed"); return; }
        $("network").textContent = error.status === 409 ? say("taken") : error.message;
      }
      outbox.shift();
      keep();
      if (held === null) held = await ask("api/clips", {});
      else $("network").textContent = "";
      const current = queue[0]?.clip;
      merge(held);
      if (feedbackOf === entry.clip) explain(entry, held.feedback);
      else if (feedbackOf === null && (queue[0]?.clip !== current || current === undefined)) present();
      else if (queue[1]) load(videos[1 - active], queue[1]);
    }
  } catch {
    $("network").textContent = say("offline", { n: outbox.length });
    timer = setTimeout(send, RETRY_MS);
  } finally {
    sending = false;
  }
}

function explain(entry, expected) {
  if (expected === null || expected === undefined) { proceed(); return; }
  const same = !entry.cannot_tell && [...expected].sort().join() === [...entry.present].sort().join();
  const names = expected.map(named).join(", ") || texts.nothing;
  $("feedback-text").textContent = same ? texts.right : say("expected", { names });
  $("feedback").hidden = false;
  $("continue").focus();
}

function proceed() {
  feedbackOf = null;
  $("feedback").hidden = true;
  present();
}

async function undo() {
  if (feedbackOf !== null || $("undo").disabled) return;
  await send();
  if (outbox.length) return; // no connection: what is not sent cannot be taken back
  try {
    merge(await ask("api/undo", { submission: unique() }));
    videos[active].dataset.clip = "";
    videos[active].hidden = true;
    present();
  } catch (error) { stumble(error); }
}

// ---- keys and buttons ------------------------------------------------------------------------------------------------

function pause() {
  if (videos[active].paused) play();
  else { videos[active].pause(); playing(); }
}

function toggleSound() {
  silent = !silent;
  $("sound").setAttribute("aria-pressed", String(!silent));
  videos[active].muted = silent;
}

function pressed(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || $("rating").hidden) return;
  const onButton = event.target instanceof HTMLButtonElement, onBox = event.target instanceof HTMLInputElement;
  if (feedbackOf !== null) return; // its button has the focus
  const box = /^[1-9]$/.test(event.key) ? boxes()[Number(event.key) - 1] : undefined;
  if (box) { box.checked = !box.checked; mark(); }
  else if (event.key === "0") answer(true);
  else if (event.key === "Enter" && !onButton) answer(false);
  else if (event.key === " " && !onButton && !onBox) pause();
  else if (event.key === "Backspace") undo();
  else if (event.key === "m") toggleSound();
  else return;
  event.preventDefault();
}

function listen() {
  document.addEventListener("keydown", pressed);
  $("form").addEventListener("submit", (event) => { event.preventDefault(); answer(false); });
  $("cannot").addEventListener("click", () => answer(true));
  $("undo").addEventListener("click", undo);
  $("play").addEventListener("click", pause);
  $("sound").addEventListener("click", toggleSound);
  $("continue").addEventListener("click", proceed);
  $("agree").addEventListener("click", agree);
  window.addEventListener("online", send);
  for (const video of videos) {
    video.addEventListener("error", () => failed(video));
    video.addEventListener("loadeddata", () => loaded(video));
  }
}

async function agree() {
  try {
    await ask("api/consent", { version: state.consent_version });
    begin();
  } catch (error) { stumble(error); }
}

function begin() {
  show("rating");
  stage(say("loading"));
  mark();
  send().then(refill);
}

async function start() {
  await readTexts();
  listen();
  try {
    const token = location.hash.slice(1);
    if (token) {
      await ask("api/session", { token });
      history.replaceState(null, "", location.pathname + location.search); // the link is not left in the address bar
    }
    state = await ask("api/state");
  } catch (error) {
    if (error instanceof Refused && error.status === 401) end("closed");
    else end("problem", { reason: error.message });
    return;
  }
  fill();
  if (state.consented) begin();
  else show("welcome");
}

start();
