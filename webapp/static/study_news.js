// An open study or report page's life: what the server says of counts and arrival, without disturbing the reader.

import { follow } from "./news.js";

const POLL_MILLISECONDS = 3000;

const news = document.getElementById("study-news");
const link = news.querySelector("a");

function show({ series, instances, arrives, state }) {
  const counts = document.getElementById("study-counts"); // not on the report page
  if (counts) counts.textContent = `${series}, ${instances}`;
  for (const element of document.querySelectorAll("[data-arrives]")) element.dataset.arrives = arrives;
  const difference = instances - Number(news.dataset.instances);
  let words = "";
  if (state === "gone") words = "This study is no longer in the archive – reload";
  else if (difference > 0) words = `${difference} new image${difference === 1 ? "" : "s"} – load`;
  else if (difference < 0) words = "Images were taken out of the archive – reload";
  if (link.textContent !== words) link.textContent = words;
  news.hidden = words === "";
}

follow(() => news.dataset.url, POLL_MILLISECONDS, show);
