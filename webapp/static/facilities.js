// The facilities' pages while they are open: states follow the bridge, connections are tested in place.

import { follow } from "./news.js";
import { localTime, showLocalTimes } from "./page.js";

const POLL_MILLISECONDS = 1000;
const COPIED_MILLISECONDS = 2000;

const page = document.querySelector("[data-news]");

// What happened today shows its time only; the title has the rest.
function shortenTimes(root) {
  const today = localTime(new Date().toISOString()).slice(0, 10);
  for (const element of root.querySelectorAll("time")) {
    if (element.textContent.startsWith(today)) element.textContent = element.textContent.slice(11);
  }
}

// The server has the words: what changed is taken out of a fresh copy of this page.
async function refresh() {
  const response = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  showLocalTimes(fresh);
  shortenTimes(fresh);
  page.dataset.version = fresh.querySelector("[data-news]")?.dataset.version ?? "";
  for (const element of page.querySelectorAll("[data-live]")) {
    const news = fresh.querySelector(`[data-live="${element.dataset.live}"]`);
    if (news && news.innerHTML !== element.innerHTML) element.innerHTML = news.innerHTML;
  }
}

function take({ version }) {
  if (version !== page.dataset.version) refresh().catch(() => {}); // the next answer brings it again
}

async function test(form) {
  const button = form.querySelector("button");
  const result = form.closest("article").querySelector("[data-result]");
  button.disabled = true;
  result.textContent = "asking…";
  const { outcome, text } = await ask(form);
  const finding = document.createElement("span");
  finding.className = `finding finding-${outcome}`;
  finding.textContent = text;
  result.replaceChildren(finding);
  button.disabled = false;
  button.focus();
}

async function ask(form) {
  try {
    const response = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } });
    const answer = await response.json();
    return response.ok ? answer : { outcome: "untested", text: `not tested: ${answer.message}` };
  } catch {
    return { outcome: "untested", text: "not tested: this server doesn't answer" };
  }
}

async function copy(button) {
  const text = button.dataset.copies;
  try {
    await navigator.clipboard.writeText(text);
  } catch { // without HTTPS browsers have no clipboard for scripts, but the old command
    getSelection().selectAllChildren(button.closest("header").querySelector("h3"));
    document.execCommand("copy");
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, COPIED_MILLISECONDS);
}

for (const form of document.querySelectorAll("[data-tester] form")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    test(form);
  });
}
for (const button of document.querySelectorAll("[data-copies]")) button.addEventListener("click", () => copy(button));
for (const button of document.querySelectorAll("[data-prints]")) button.addEventListener("click", () => print());
if (page) {
  shortenTimes(page);
  follow(() => page.dataset.news, POLL_MILLISECONDS, take);
}
