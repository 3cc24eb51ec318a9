// The forms of templates and standard texts: placeholders by a click, and no typed text lost by leaving.

const form = document.getElementById("prepared-form");
const areas = [...form.querySelectorAll("[data-prepared]")];
let last = areas.find((area) => area.name === "findings") ?? areas[0];

function insert(text) {
  last.focus();
  // The old command is the only one that undo knows
  if (!document.execCommand("insertText", false, text)) last.setRangeText(text, last.selectionStart, last.selectionEnd, "end");
}

for (const area of areas) area.addEventListener("focus", () => { last = area; });
for (const button of document.querySelectorAll("[data-inserts]")) {
  button.addEventListener("click", () => insert(button.dataset.inserts));
}

const content = () => JSON.stringify([...new FormData(form)]);
const original = content();
let isSent = false;
form.addEventListener("submit", () => { isSent = true; });
addEventListener("beforeunload", (event) => {
  if (!isSent && content() !== original) event.preventDefault();
});
