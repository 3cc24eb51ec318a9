// The worklist's life: news without a reshuffle, filters that apply themselves, and the keyboard.

import { follow } from "./news.js";
import { isPlainKey, isTyping, shortcutsAreOn, showLocalTimes, store } from "./page.js";

const POLL_MILLISECONDS = 1000;

const news = document.getElementById("news");
const newsLink = news.querySelector(".news-link");
const rows = [...document.querySelectorAll("tr[data-study]")];
const rowOf = new Map(rows.map((row) => [Number(row.dataset.study), row]));

// News

const newsAddress = new URL(news.dataset.newsUrl, location.href);
newsAddress.searchParams.set("shown", [...rowOf.keys()].join("."));

function announce(text, total) {
  const words = total === 1 ? "1 new study" : `${text} new studies`;
  if (newsLink.textContent !== words) newsLink.textContent = words;
  newsLink.hidden = total === 0;
  document.title = total === 0 ? "Worklist · Noctis" : `(${text}) Worklist · Noctis`;
}

// The row as the server renders it now. Only what differs is exchanged, and no link: one may have the focus.
function refresh({ id, html }) {
  const row = rowOf.get(id);
  const template = document.createElement("template");
  template.innerHTML = html;
  const fresh = template.content.querySelector("tr");
  showLocalTimes(fresh);
  row.className = fresh.className;
  [...fresh.cells].forEach((cell, at) => {
    if (cell.isEqualNode(row.cells[at])) return;
    const holder = (one) => one.querySelector("a") ?? one;
    holder(row.cells[at]).replaceChildren(...holder(cell).childNodes);
  });
}

function showNews({ new: text, total, rows: changed, changed: until }) {
  announce(text, total);
  changed.forEach(refresh);
  newsAddress.searchParams.set("changed", until);
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
follow(() => newsAddress, POLL_MILLISECONDS, showNews);
