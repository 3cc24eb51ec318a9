// The page of two texts, after a form's save: buttons that put mine, theirs or both on the side that is kept.

import { combine } from "./report_merge.js";

const LABELS = { mine: "Keep mine", theirs: "Take theirs", both: "Both" };

for (const section of document.querySelectorAll(".merge-section")) {
  const field = section.querySelector("[data-mine]");
  const theirs = section.querySelector("[data-theirs]").textContent;
  for (const [choice, label] of Object.entries(LABELS)) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "button button-small", textContent: label });
    button.addEventListener("click", () => { field.value = combine(choice, field.defaultValue, theirs); });
    section.querySelector("[data-choices]").append(button);
  }
}
