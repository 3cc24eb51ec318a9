// The worklist's life: news without a reshuffle, and the way back to where one was.

import { exchangeRow, focusRow, parseRow, prepareFilters, prepareKeys } from "./list.js";
import { follow } from "./news.js";
import { showLocalTimes, store } from "./page.js";
import { prepareRowMenu } from "./row_menu.js";

const POLL_MILLISECONDS = 1000;

const news = document.getElementById("news");
const newsLink = news.querySelector(".news-link");
const rows = [...document.querySelectorAll("tr[data-study]")];
const rowOf = new Map(rows.map((row) => [Number(row.dataset.study), row]));

// News

const address = new URL(news.dataset.newsUrl, location.href);
address.searchParams.set("shown", [...rowOf.keys()].join("."));

// A lock that ends leaves no trace: the server is told which rows show one.
function newsAddress() {
  const locked = rows.filter((row) => row.querySelector("[data-locked]"));
  address.searchParams.set("locked", locked.map((row) => row.dataset.study).join("."));
  return address;
}

function announce(text, total) {
  const words = total === 1 ? "1 new study" : `${text} new studies`;
  if (newsLink.textContent !== words) newsLink.textContent = words;
  newsLink.hidden = total === 0;
  document.title = total === 0 ? "Worklist · Noctis" : `(${text}) Worklist · Noctis`;
}

function refresh({ id, html }) {
  const fresh = parseRow(html);
  showLocalTimes(fresh);
  exchangeRow(rowOf.get(id), fresh);
}

function count(counts) {
  for (const element of document.querySelectorAll("[data-count]")) element.textContent = counts[element.dataset.count];
}

function showNews({ new: text, total, counts, rows: differing, changed, reported, flagged }) {
  announce(text, total);
  count(counts);
  differing.forEach(refresh);
  for (const [name, value] of Object.entries({ changed, reported, flagged })) address.searchParams.set(name, value);
}

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

prepareFilters(document.getElementById("filters"), "date");
prepareKeys("tr[data-study]", prepareRowMenu(refresh));
rememberPlace();
follow(newsAddress, POLL_MILLISECONDS, showNews);
