// An open study page's life: what the server says of counts and arrival, without disturbing the reader.

const POLL_MILLISECONDS = 3000;
const SLOWEST_POLL_MILLISECONDS = 30000;

const news = document.getElementById("study-news");
const link = news.querySelector("a");
const connection = document.getElementById("connection");
const receiving = document.querySelector("[data-arrives]");
const arrived = document.querySelector(".facts .arrived");

let etag = null;
let delay = POLL_MILLISECONDS;
let heardAt = new Date();

function show({ series, instances, state }) {
  document.getElementById("study-counts").textContent = `${series}, ${instances}`;
  receiving.hidden = state !== "receiving";
  arrived.hidden = state !== "arrived";
  const difference = instances - Number(news.dataset.instances);
  let words = "";
  if (state === "gone") words = "This study is no longer in the archive – reload";
  else if (difference > 0) words = `${difference} new image${difference === 1 ? "" : "s"} – load`;
  else if (difference < 0) words = "Images were taken out of the archive – reload";
  if (link.textContent !== words) link.textContent = words;
  news.hidden = words === "";
}

async function poll() {
  const headers = { Accept: "application/json" };
  if (etag) headers["If-None-Match"] = etag;
  const response = await fetch(news.dataset.url, { headers, cache: "no-store", signal: AbortSignal.timeout(10000) });
  if (response.status === 401) {
    connection.textContent = "Signed out: reload the page";
    return false;
  }
  if (response.status !== 304 && !response.ok) throw new Error(String(response.status));
  if (response.ok) {
    etag = response.headers.get("ETag");
    show(await response.json());
  }
  heardAt = new Date();
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
      const clock = [heardAt.getHours(), heardAt.getMinutes()].map((part) => String(part).padStart(2, "0")).join(":");
      connection.textContent = `Not updated since ${clock}`;
    }
  }
  if (goesOn) setTimeout(keepPolling, delay);
}

keepPolling();
