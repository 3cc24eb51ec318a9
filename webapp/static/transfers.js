// The transfer log's pages while they are open: what comes is announced, what is open gets its end.

import { exchangeRow, focusRow, parseRow, prepareFilters, prepareKeys } from "./list.js";
import { follow } from "./news.js";
import { localTime, showLocalTimes, store } from "./page.js";

const POLL_MILLISECONDS = 1000;
const MOST_FOLLOWED = 40;
const MOST_KEYS = 100;
const ROWS = "tr[data-key]";

const filters = document.getElementById("filters");
const news = document.getElementById("news");
const detail = document.querySelector("[data-follow]");

// Times, to the second

const two = (number) => String(number).padStart(2, "0");

function showSeconds(root) {
  const today = localTime(new Date().toISOString()).slice(0, 10);
  for (const element of root.querySelectorAll("time[data-seconds]")) {
    const text = `${localTime(element.dateTime)}:${two(new Date(element.dateTime).getSeconds())}`;
    element.textContent = element.closest(".log-row") && text.startsWith(today) ? text.slice(11) : text;
  }
}

// A chart's times of day
function showClocks() {
  for (const label of document.querySelectorAll("[data-clock]")) label.textContent = localTime(label.dataset.clock).slice(11);
}

function showTimes(root) {
  showLocalTimes(root);
  showSeconds(root);
}

// The form shows and takes the viewer's time; addresses hold instants.
function prepareTimeFields(form) {
  const fields = [form.elements.from, form.elements.to];
  for (const field of fields.filter((one) => one.dataset.instant)) {
    field.value = field.defaultValue = localTime(field.dataset.instant).replace(" ", "T");
  }
  form.addEventListener("formdata", (event) => {
    for (const field of fields.filter((one) => one.value)) {
      event.formData.set(field.name, new Date(field.value).toISOString());
    }
  });
}

// News of the list

const keysOf = (selector) => [...document.querySelectorAll(selector)].map((row) => row.dataset.key);
const shown = new Set(keysOf(ROWS));
const announced = new Set();
const instantOf = (key) => Number(key.split("-")[0]);
// What is older than the last row of a full page belongs on the next one.
const oldest = document.querySelector("a[rel=next]") ? Math.min(...[...shown].map(instantOf)) : 0;

function newsAddress(at) {
  const address = new URL(news.dataset.newsUrl, location.href);
  if (at) address.searchParams.set("since", at.toISOString());
  address.searchParams.set("open", keysOf(`${ROWS}.open`).slice(0, MOST_FOLLOWED).join("."));
  return address;
}

function announce(keys) {
  const fresh = keys.filter((key) => !shown.has(key) && instantOf(key) >= oldest);
  for (const key of fresh) announced.add(key);
  const count = fresh.length === MOST_KEYS ? `${announced.size}+` : String(announced.size);
  const link = news.querySelector(".news-link");
  link.textContent = `${count} new`;
  link.hidden = announced.size === 0;
  document.title = announced.size === 0 ? "Transfers · Noctis" : `(${count}) Transfers · Noctis`;
}

function showNews({ keys, rows, alarms }) {
  announce(keys);
  for (const { key, html } of rows) {
    const fresh = parseRow(html);
    showTimes(fresh);
    exchangeRow(document.querySelector(`tr[data-key="${key}"]`), fresh);
  }
  const place = document.getElementById("alarms");
  const fresh = document.createElement("div");
  fresh.innerHTML = alarms;
  showTimes(fresh);
  if (fresh.innerHTML.trim() !== place.innerHTML.trim()) place.replaceChildren(...fresh.childNodes); // it is read aloud
}

// An open association: the server has the words, what changed is taken out of a fresh copy of this page.
async function refreshDetail() {
  const response = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  showTimes(fresh);
  detail.dataset.version = fresh.querySelector(".log-detail").dataset.version ?? "";
  for (const element of detail.querySelectorAll("[data-live]")) {
    const part = fresh.querySelector(`[data-live="${element.dataset.live}"]`);
    if (part && part.innerHTML !== element.innerHTML) element.innerHTML = part.innerHTML;
  }
}

// The way back

function rememberPlace() {
  store.set(sessionStorage, "noctis-transfers", location.pathname + location.search);
  document.getElementById("rows")?.addEventListener("click", (event) => {
    const row = event.target.closest(ROWS);
    if (row) store.set(sessionStorage, "noctis-transfer", row.dataset.key);
  });
  const last = document.querySelector(`tr[data-key="${store.get(sessionStorage, "noctis-transfer") ?? ""}"]`);
  if (last && /\/transfers\/(associations|operations)\//.test(document.referrer)) focusRow(last);
}

function leadBack() {
  const address = store.get(sessionStorage, "noctis-transfers");
  if (!address?.startsWith("/transfers")) return;
  for (const link of document.querySelectorAll("a[data-log-link]")) link.href = address;
}

showSeconds(document);
showClocks();
prepareKeys(ROWS);
leadBack();
if (filters) {
  prepareFilters(filters, filters.dataset.times);
  prepareTimeFields(filters);
  rememberPlace();
}
if (news?.dataset.newsUrl) follow(newsAddress, POLL_MILLISECONDS, showNews);
if (detail) {
  follow(() => detail.dataset.follow, POLL_MILLISECONDS, ({ version }) => {
    if (version !== detail.dataset.version) refreshDetail().catch(() => {}); // the next answer brings it again
  });
}
