// The worklist's life: news without a reshuffle, and the way back to where one was.

import { exchangeRow, focusRow, parseRow, prepareFilters, prepareKeys } from "./list.js";
import { follow } from "./news.js";
import { showLocalTimes, store } from "./page.js";

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

function refresh({ id, html }) {
  const fresh = parseRow(html);
  showLocalTimes(fresh);
  exchangeRow(rowOf.get(id), fresh);
}

function showNews({ new: text, total, rows: changed, changed: until }) {
  announce(text, total);
  changed.forEach(refresh);
  newsAddress.searchParams.set("changed", until);
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
prepareKeys("tr[data-study]");
rememberPlace();
follow(() => newsAddress, POLL_MILLISECONDS, showNews);
