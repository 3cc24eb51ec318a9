// Prior studies beside a report: the text of one is fetched when its line is opened.

import { showLocalTimes } from "./page.js";

async function load(prior) {
  const place = prior.querySelector("[data-text]");
  place.textContent = "asking…";
  try {
    const response = await fetch(prior.dataset.report, { headers: { Accept: "text/html" } });
    // A redirect leads to the sign-in: that is no report
    if (!response.ok || response.redirected) throw new Error(String(response.status));
    const template = document.createElement("template");
    template.innerHTML = await response.text();
    showLocalTimes(template.content);
    place.replaceChildren(template.content);
    prior.dataset.report = "";
  } catch {
    place.textContent = "The report can't be read at the moment: close this line and open it again.";
  }
}

for (const prior of document.querySelectorAll("details[data-report]")) {
  prior.addEventListener("toggle", () => {
    if (prior.open && prior.dataset.report !== "") load(prior);
  });
}
