// The viewer of the study and report pages: series, images, window, zoom. Pictures come rendered from the server.

import { isPlainKey, isTyping, shortcutsAreOn } from "./page.js";
import { PictureCache } from "./pictures.js";

const byId = (id) => document.getElementById(id);
const stage = byId("stage");
const canvas = byId("canvas");
const slider = byId("slider");
const preset = byId("preset");
const note = byId("stage-note");
const context = canvas.getContext("2d");
const base = document.querySelector(".viewer").dataset.study;
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

const rounded = (value) => (Math.abs(value) < 10 ? Number(value.toPrecision(3)) : Math.round(value));

const NEIGHBOURS = 4;
const SMALLEST_ZOOM = 0.1;
const LARGEST_ZOOM = 20;
const LARGEST_SMOOTH_SCALE = 16; // beyond it, one looks at pixels
const PAN_STEP = 60; // CSS pixels
const PRESET_KEYS = { 1: "", 2: "-600,1500", 3: "450,1800", 4: "40,400", 5: "40,80", 6: "60,160" };

const cache = new PictureCache();
const state = {
  positions: [], // one for each frame: { id, frame, kind, name }
  index: 0,
  window: null, // { center, width }; null is the file's own
  facts: null, // of the series' middle picture; null while the server does not say
  notice: "", // why a window can't be set
  zoom: 1, // 1 fits the stage
  x: 0,
  y: 0,
  tool: "window",
  shown: null, // what is on the canvas: { bitmap, window }
  shownAddress: "", // and where it came from
};

const isPicture = (what) => what?.kind === "picture" || what?.kind === "unknown"; // the unknown are tried

// Addresses

function address(position) {
  const path = `${base}/instances/${position.id}/frames/${position.frame}`;
  const window = state.window ?? state.facts?.window; // files without a window get one for the whole series
  return window ? `${path}?center=${window.center.toFixed(6)}&width=${window.width.toFixed(6)}` : path;
}

async function getJSON(path) {
  const response = await fetch(path, { headers: { Accept: "application/json" } });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.title ?? "The server did not answer as expected");
  return answer;
}

// Drawing

function draw() {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.round(stage.clientWidth * ratio);
  const height = Math.round(stage.clientHeight * ratio);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width, height);
  if (!state.shown) return;
  const { width: columns, height: rows } = state.shown.bitmap;
  const scale = Math.min(width / columns, height / rows) * state.zoom;
  context.setTransform(scale, 0, 0, scale, width / 2 + state.x * ratio, height / 2 + state.y * ratio);
  context.imageSmoothingEnabled = scale < LARGEST_SMOOTH_SCALE;
  context.imageSmoothingQuality = "high";
  context.drawImage(state.shown.bitmap, -columns / 2, -rows / 2);
}

// The window of what is on the canvas, in which the server says it was rendered.
function windowText() {
  if (!state.shown || state.facts?.is_colour) return "";
  const { window } = state.shown;
  return window ? `C ${rounded(window.center)}  W ${rounded(window.width)}` : "All values";
}

function describe() {
  const count = state.positions.length;
  const noun = isPicture(state.positions[state.index]) ? "Image" : "Object";
  const text = count === 0 ? "" : `${noun} ${state.index + 1} of ${count}`;
  const current = state.positions[state.index];
  const isBehind = isPicture(current) && state.shownAddress !== address(current);
  byId("overlay-image").textContent = isBehind ? `${text}, loading` : text;
  byId("position").textContent = count === 0 ? "" : `${state.index + 1} / ${count}`;
  byId("overlay-window").textContent = [
    windowText(),
    state.notice,
    state.zoom === 1 ? "" : `${Math.round(state.zoom * 100)} %`,
  ].filter(Boolean).join("   ");
  const series = document.querySelector(".series-card[aria-pressed=true] .series-title");
  stage.setAttribute("aria-label", [text || "No image", series?.textContent.trim().replace(/\s+/g, " ")].filter(Boolean).join(", "));
  slider.value = String(state.index + 1);
  slider.setAttribute("aria-valuetext", text);
}

function say(title, message, link) {
  note.replaceChildren();
  note.hidden = !title;
  if (!title) return;
  const heading = document.createElement("strong");
  heading.textContent = title;
  const words = document.createElement("p");
  words.textContent = message ?? "";
  note.append(heading, words);
  if (link) note.append(link);
}

function pdfLink(position) {
  const link = document.createElement("a");
  Object.assign(link, { className: "button button-primary", textContent: "Open the PDF", target: "_blank", rel: "noopener", href: `${base}/instances/${position.id}/pdf` });
  return link;
}

// Which picture: the newest request wins, and only one is under way.

let wanted = null;
let isLoading = false;
let drag = null; // what the pointer is doing on the stage

function show() {
  describe();
  const position = state.positions[state.index];
  wanted = isPicture(position) ? position : null;
  if (!position) return clear();
  if (position.kind === "pdf") return clear("This object is a document", position.name, pdfLink(position));
  if (position.kind === "report") return clear("This object is a structured report", position.name);
  if (position.kind === "other") return clear("This object holds no picture", `It is: ${position.name}.`);
  const ready = cache.peek(address(position));
  if (ready) return present(ready, address(position));
  load();
}

function clear(...words) {
  Object.assign(state, { shown: null, shownAddress: "" });
  say(...words);
  draw();
}

function present(picture, from) {
  Object.assign(state, { shown: picture, shownAddress: from });
  say();
  describe();
  draw();
  if (drag?.tool !== "window") prefetch(); // while the window changes, the neighbours' pictures do too
}

function fail(error, from) {
  clear(error.title ?? "The picture can't be loaded", error.message);
  state.shownAddress = from; // what is shown there are words
  describe();
}

async function load() {
  if (isLoading) return;
  isLoading = true;
  stage.classList.add("loading");
  while (wanted) {
    const asked = wanted;
    const path = address(asked);
    try {
      const picture = await cache.get(path);
      // Also when a newer one is wanted already: whoever drags sees how far it is.
      if (wanted && state.positions.includes(asked)) present(picture, path);
    } catch (error) {
      if (wanted === asked) fail(error, path);
    }
    if (wanted === asked && address(asked) === path) break;
  }
  isLoading = false;
  stage.classList.remove("loading");
}

function prefetch() {
  for (let step = 1; step <= NEIGHBOURS; step += 1) {
    for (const index of [state.index + step, state.index - step]) {
      const position = state.positions[index];
      if (isPicture(position)) cache.prefetch(address(position));
    }
  }
}

function goTo(index) {
  const next = clamp(index, 0, Math.max(0, state.positions.length - 1));
  if (next === state.index && state.shown) return;
  state.index = next;
  show();
}

// Series

async function choose(card) {
  for (const other of cards) other.setAttribute("aria-pressed", String(other === card));
  Object.assign(state, { positions: [], index: 0, window: null, facts: null, notice: "" });
  preset.value = "";
  wanted = null;
  fit();
  clear("Loading …");
  try {
    const { kinds, rows } = await getJSON(card.dataset.url);
    if (card.getAttribute("aria-pressed") !== "true") return;
    state.positions = rows.flatMap(([id, frames, at]) =>
      Array.from({ length: isPicture(kinds[at]) ? frames : 1 }, (_, frame) => ({ id, frame, ...kinds[at] })));
    const pictures = state.positions.filter(isPicture);
    if (pictures.length > 0) {
      const middle = pictures[Math.floor(pictures.length / 2)];
      const facts = await getJSON(`${base}/instances/${middle.id}/facts`).catch(() => null);
      if (card.getAttribute("aria-pressed") !== "true") return;
      state.facts = facts;
    }
    for (const option of preset.querySelectorAll("optgroup")) option.disabled = !state.facts?.ct_presets;
    slider.max = String(Math.max(1, state.positions.length));
    slider.disabled = state.positions.length < 2;
    if (state.positions.length === 0) clear("This series has no images left", "");
    show();
  } catch (error) {
    clear("The series can't be loaded", error.message);
  }
}

// Window

function whyNoWindow() {
  if (!state.shown) return "";
  return state.facts?.is_colour ? "Colour pictures have no window" : "Shown over all its values: no window can be set";
}

function notify(text) {
  state.notice = text;
  describe();
}

function setWindow(window) {
  Object.assign(state, { window, notice: "" });
  show();
}

function setPreset(value) {
  if (value.includes(",") && !state.facts?.ct_presets) {
    preset.value = state.window ? "custom" : "";
    return notify(state.shown?.window ? "CT presets are for CT images only" : whyNoWindow());
  }
  preset.value = value;
  if (value === "custom") return;
  const [center, width] = value.split(",").map(Number);
  setWindow(value === "" ? null : { center, width });
}

// Zoom and place

// What lies under `at`, a pointer's place, stays there; without it the middle of the stage does.
function zoomBy(factor, at) {
  const zoom = clamp(state.zoom * factor, SMALLEST_ZOOM, LARGEST_ZOOM);
  const box = stage.getBoundingClientRect();
  const x = at ? at.clientX - box.left - box.width / 2 : 0;
  const y = at ? at.clientY - box.top - box.height / 2 : 0;
  state.x = x + ((state.x - x) * zoom) / state.zoom;
  state.y = y + ((state.y - y) * zoom) / state.zoom;
  state.zoom = zoom;
  describe();
  draw();
}

function moveBy(dx, dy) {
  state.x += dx;
  state.y += dy;
  draw();
}

function fit() {
  Object.assign(state, { zoom: 1, x: 0, y: 0 });
  describe();
  draw();
}

function reset() {
  fit();
  setPreset("");
}

// Pointer: the chosen tool with the main button or one finger, zoom with the right one or two fingers

const pointers = new Map();

function dragTool(event) {
  if (event.button === 2) return "zoom";
  if (event.button === 1 || event.shiftKey) return "pan";
  return state.tool;
}

stage.addEventListener("pointerdown", (event) => {
  if (event.target.closest("a, button")) return;
  stage.focus({ preventScroll: true });
  stage.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, event);
  const tool = pointers.size > 1 ? "pinch" : dragTool(event);
  drag = { tool, x: event.clientX, y: event.clientY, index: state.index, left: state.x, top: state.y, zoom: state.zoom, window: state.shown?.window && (state.window ?? state.shown.window), fingers: fingers() };
  if (tool === "window" && !drag.window) notify(whyNoWindow());
});

// How far apart two fingers are, and the place between them.
function fingers() {
  const [one, other] = [...pointers.values()];
  if (!other) return null;
  return {
    distance: Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY),
    clientX: (one.clientX + other.clientX) / 2,
    clientY: (one.clientY + other.clientY) / 2,
  };
}

function pinch() {
  const now = fingers();
  if (!now || !drag.fingers?.distance) return;
  moveBy(now.clientX - drag.fingers.clientX, now.clientY - drag.fingers.clientY);
  zoomBy(now.distance / drag.fingers.distance, now);
  drag.fingers = now;
}

const DRAGS = {
  scroll: (dx, dy) => goTo(drag.index + Math.round((dy / stage.clientHeight) * Math.max(20, state.positions.length))),
  pan: (dx, dy) => { Object.assign(state, { x: drag.left + dx, y: drag.top + dy }); draw(); },
  zoom: (dx, dy) => zoomBy((drag.zoom * Math.exp(-dy / 200)) / state.zoom),
  pinch,
  window: (dx, dy) => {
    if (!drag.window) return;
    const { center, width } = drag.window;
    const step = width / 300;
    preset.value = "custom";
    setWindow({ center: center + dy * step, width: Math.max(width / 1000, width + dx * step) });
  },
};

stage.addEventListener("pointermove", (event) => {
  if (!drag || !pointers.has(event.pointerId)) return;
  pointers.set(event.pointerId, event);
  DRAGS[drag.tool](event.clientX - drag.x, event.clientY - drag.y);
});

for (const name of ["pointerup", "pointercancel"]) {
  stage.addEventListener(name, (event) => {
    pointers.delete(event.pointerId);
    const hasWindowed = drag?.tool === "window";
    drag = null;
    if (hasWindowed) prefetch();
  });
}

stage.addEventListener("contextmenu", (event) => event.preventDefault());
stage.addEventListener("dblclick", fit);

let turned = 0;
stage.addEventListener("wheel", (event) => {
  event.preventDefault();
  if (event.ctrlKey || event.altKey) return zoomBy(Math.exp(-event.deltaY / 300), event);
  // A notch of a wheel is one image; a touchpad's many small steps add up to one.
  turned += event.deltaMode === 0 ? event.deltaY / 60 : event.deltaY;
  const steps = Math.trunc(turned);
  if (steps === 0) return;
  turned = 0;
  goTo(state.index + (Math.abs(event.deltaY) >= 60 || event.deltaMode ? Math.sign(steps) : steps));
}, { passive: false });

// Keyboard, tools, slider

const KEYS = {
  ArrowUp: () => goTo(state.index - 1),
  ArrowLeft: () => goTo(state.index - 1),
  ArrowDown: () => goTo(state.index + 1),
  ArrowRight: () => goTo(state.index + 1),
  PageUp: () => goTo(state.index - 10),
  PageDown: () => goTo(state.index + 10),
  Home: () => goTo(0),
  End: () => goTo(state.positions.length - 1),
};
const SHIFTED_KEYS = {
  ArrowUp: () => moveBy(0, -PAN_STEP),
  ArrowDown: () => moveBy(0, PAN_STEP),
  ArrowLeft: () => moveBy(-PAN_STEP, 0),
  ArrowRight: () => moveBy(PAN_STEP, 0),
};
const SWITCHABLE_KEYS = {
  "+": () => zoomBy(1.25),
  "=": () => zoomBy(1.25),
  "-": () => zoomBy(0.8),
  0: reset,
  "[": () => chooseNeighbour(-1),
  "]": () => chooseNeighbour(1),
};

// Where the page itself scrolls (narrow screens) and in scrolling panels, arrow keys are the page's own.
const isNarrow = matchMedia("(max-width: 1200px)");
const belongsElsewhere = (event) => event.target !== stage && (isNarrow.matches || isTyping(event) || event.target.closest?.(".facts, .menu"));

function actionOf(event) {
  if (event.shiftKey && event.key in SHIFTED_KEYS) return SHIFTED_KEYS[event.key];
  if (event.key in KEYS || !shortcutsAreOn()) return KEYS[event.key];
  return SWITCHABLE_KEYS[event.key] ?? (event.key in PRESET_KEYS ? () => setPreset(PRESET_KEYS[event.key]) : null);
}

document.addEventListener("keydown", (event) => {
  const isPlain = isPlainKey(event) || event.getModifierState("AltGraph"); // many keyboards have brackets there
  if (!isPlain || belongsElsewhere(event)) return;
  const action = actionOf(event);
  if (!action) return;
  event.preventDefault();
  action();
});

const ACTIONS = { "zoom-in": () => zoomBy(1.25), "zoom-out": () => zoomBy(0.8), fit, reset };
for (const button of document.querySelectorAll("[data-action]")) button.addEventListener("click", ACTIONS[button.dataset.action]);
function chooseTool(tool) {
  state.tool = tool;
  for (const button of document.querySelectorAll("[data-tool]")) button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
}
for (const button of document.querySelectorAll("[data-tool]")) button.addEventListener("click", () => chooseTool(button.dataset.tool));
if (matchMedia("(pointer: coarse)").matches) chooseTool("scroll"); // a finger swipes first of all
preset.addEventListener("change", () => setPreset(preset.value));
slider.addEventListener("input", () => goTo(Number(slider.value) - 1));
new ResizeObserver(draw).observe(stage);

const cards = [...document.querySelectorAll(".series-card")];

function chooseNeighbour(step) {
  const card = cards[cards.findIndex((one) => one.getAttribute("aria-pressed") === "true") + step];
  if (!card) return;
  choose(card);
  card.scrollIntoView({ block: "nearest", inline: "nearest" });
}

for (const card of cards) {
  card.addEventListener("click", () => {
    choose(card);
    if (isNarrow.matches) stage.scrollIntoView({ block: "nearest" });
  });
  const picture = card.querySelector("img");
  const giveUp = () => card.querySelector(".thumb").classList.add("thumb-object");
  picture?.addEventListener("error", giveUp);
  if (picture?.complete && picture.naturalWidth === 0 && picture.currentSrc) giveUp();
}
const first = cards.find((card) => !card.querySelector(".thumb-object")) ?? cards[0];
if (first) choose(first);
else say("No images", "");
