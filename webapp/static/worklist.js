// The worklist's life: news without a reshuffle, filters that apply themselves, and the keyboard.

import { isPlainKey, isTyping, settleArrivals, shortcutsAreOn, store } from "./page.js";

const POLL_MILLISECONDS = 1000;
const SLOWEST_POLL_MILLISECONDS = 30000;

const news = document.getElementById("news");
const newsLink = news.querySelector(".news-link");
const connection = document.getElementById("connection");
const rows = [...document.querySelectorAll("tr[data-study]")];
const rowOf = new Map(rows.map((row) => [Number(row.dataset.study), row]));

// News

let etag = null;
let delay = POLL_MILLISECONDS;

function newsAddress() {
  const address = new URL(news.dataset.newsUrl, location.href);
  address.searchParams.set("shown", [...rowOf.keys()].join("."));
  return address;
}

function announce({ new: text, total }) {
  const words = total === 1 ? "1 new study" : `${text} new studies`;
  if (newsLink.textContent !== words) newsLink.textContent = words;
  newsLink.hidden = total === 0;
  document.title = total === 0 ? "Worklist · Noctis" : `(${text}) Worklist · Noctis`;
}

function setText(row, name, text) {
  const cell = row.querySelector(`[data-live=${name}]`);
  if (text !== "" && cell.textContent.trim() !== String(text)) cell.textContent = text;
}

function refresh(study) {
  const row = rowOf.get(study.id);
  if (!row) return;
  setText(row, "series", study.series);
  setText(row, "images", study.images);
  setText(row, "modalities", study.modalities);
  row.querySelector("[data-arrives]").dataset.arrives = study.arrives;
  row.classList.toggle("gone", study.gone);
}

async function poll() {
  const headers = { Accept: "application/json" };
  if (etag) headers["If-None-Match"] = etag;
  const response = await fetch(newsAddress(), { headers, cache: "no-store", signal: AbortSignal.timeout(10000) });
  if (response.status === 401) {
    connection.textContent = "Signed out: reload the page";
    return false;
  }
  if (response.status !== 304 && !response.ok) throw new Error(String(response.status));
  if (response.ok) {
    etag = response.headers.get("ETag");
    const answer = await response.json();
    announce(answer);
    answer.shown.forEach(refresh);
  }
  settleArrivals(new Date(response.headers.get("Date")));
  connection.textContent = "";
  return true;
}

async function keepPolling() {
  let goesOn = true;
  if (!document.hidden) {
    try {
      goesOn = await poll();
      delay = POLL_MILLISECONDS;
    } catch {
      delay = Math.min(delay * 2, SLOWEST_POLL_MILLISECONDS);
      connection.textContent = "No connection to the server";
    }
  }
  if (goesOn) setTimeout(keepPolling, delay);
}

// Filters

function prepareFilters() {
  const form = document.getElementById("filters");
  const more = document.getElementById("more-filters");
  more.addEventListener("click", () => {
    const isOpen = document.getElementById("filter-fields").classList.toggle("open");
    more.setAttribute("aria-expanded", String(isOpen));
  });

  form.addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
  });
  form.addEventListener("change", (event) => {
    const field = event.target;
    const dates = [form.elements.from, form.elements.to];
    if (field.name === "date") for (const date of dates) date.value = "";
    if (dates.includes(field)) for (const radio of form.elements.date) radio.checked = radio.value === "";
    if (field.name === "date" || field.tagName === "SELECT" || (dates.includes(field) && event.isTrusted && field.validity.valid && document.activeElement !== field)) form.requestSubmit();
  });
  form.elements.q.addEventListener("search", () => {
    if (form.elements.q.value === "" && form.elements.q.defaultValue !== "") form.requestSubmit();
  });
}

// Keyboard

const isSeen = (row) => row.offsetParent !== null;
const focusRow = (row) => {
  row.querySelector("a").focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
};

function move(step) {
  const shown = rows.filter(isSeen);
  if (shown.length === 0) return;
  const current = shown.indexOf(document.activeElement.closest?.("tr[data-study]"));
  const wanted = current === -1 ? (step > 0 ? 0 : shown.length - 1) : current + step;
  focusRow(shown[Math.min(Math.max(wanted, 0), shown.length - 1)]);
}

const KEYS = {
  "/": () => {
    const search = document.getElementById("search");
    search.focus();
    search.select();
  },
  j: () => move(1),
  k: () => move(-1),
};

document.addEventListener("keydown", (event) => {
  const action = KEYS[event.key];
  if (!action || isTyping(event) || !isPlainKey(event) || !shortcutsAreOn()) return;
  event.preventDefault();
  action();
});

document.getElementById("search").addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.value === "") event.target.blur();
});

// Coming back from a study leads to the row one came from.
function rememberPlace() {
  store.set(sessionStorage, "noctis-worklist", location.pathname + location.search);
  document.getElementById("rows")?.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-study]");
    if (row) store.set(sessionStorage, "noctis-study", row.dataset.study);
  });
  const last = rowOf.get(Number(store.get(sessionStorage, "noctis-study")));
  if (last && document.referrer.includes("/studies/")) focusRow(last);
}

prepareFilters();
rememberPlace();
keepPolling();
