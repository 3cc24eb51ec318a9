// The study page's way to its report: `r`.

import { isPlainKey, isTyping, shortcutsAreOn } from "./page.js";

document.addEventListener("keydown", (event) => {
  if (event.key !== "r" || isTyping(event) || !isPlainKey(event) || !shortcutsAreOn()) return;
  event.preventDefault();
  document.getElementById("report-link").click();
});
