// Before anything is painted: light or dark as last chosen. A plain, blocking script on purpose.
"use strict";
(() => {
  document.documentElement.classList.add("scripted");
  const read = () => {
    try { return localStorage.getItem("noctis-theme"); } catch { return null; }
  };
  const chosen = read();
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
