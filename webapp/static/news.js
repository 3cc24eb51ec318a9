// Following the server: one address asked again and again, cheap while nothing changes, honest about silence.

import { localTime, runClocks, settleArrivals } from "./page.js";

const SLOWEST_MILLISECONDS = 30000;
const PATIENCE_MILLISECONDS = 10000;

const connection = document.getElementById("connection");

function say(text) {
  if (connection.textContent !== text) connection.textContent = text; // it is read aloud
}

// Asks `address(at)` so many milliseconds after each answer, less often while there is none, never while the page
// is hidden. `onNews` gets each answer that differs from the one before; `at` is the last answer's time by the
// server's clock, null before the first.
export function follow(address, milliseconds, onNews) {
  let etag = null;
  let delay = milliseconds;
  let heardAt = new Date();
  let answeredAt = null;
  let timer = null;
  let isAsking = false;

  async function ask() {
    const headers = { Accept: "application/json" };
    if (etag) headers["If-None-Match"] = etag;
    const response = await fetch(address(answeredAt), { headers, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MILLISECONDS) });
    if (response.status === 401) return { isSignedOut: true };
    if (response.status !== 304 && !response.ok) throw new Error(String(response.status));
    const news = response.ok ? await response.json() : null;
    etag = response.headers.get("ETag");
    return { news, at: new Date(response.headers.get("Date")) };
  }

  function take({ news, at }) {
    heardAt = new Date();
    answeredAt = at;
    say("");
    if (news) onNews(news);
    settleArrivals(at);
    runClocks(at);
  }

  async function turn() {
    if (document.hidden || isAsking) return;
    isAsking = true;
    const answer = await ask().catch(() => null);
    isAsking = false;
    if (answer?.isSignedOut) {
      say("Signed out: reload the page");
      return;
    }
    delay = answer ? milliseconds : Math.min(delay * 2, SLOWEST_MILLISECONDS);
    timer = setTimeout(turn, delay);
    if (answer) take(answer);
    else say(`Not updated since ${localTime(heardAt).slice(11)}`);
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    turn();
  });
  turn();
}
