// What every page does: local times, light and dark, menus, the help dialog and its switch.

export const store = {
  get(area, name) {
    try { return area.getItem(name); } catch { return null; }
  },
  set(area, name, value) {
    try { area.setItem(name, value); } catch { /* private mode: nothing is remembered */ }
  },
};

const two = (number) => String(number).padStart(2, "0");

export function localTime(text) {
  const at = new Date(text);
  return Number.isNaN(at.getTime())
    ? text
    : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

// In the viewer's zone; in dense lists what came today shows its time only.
export function showLocalTimes(root = document) {
  const today = localTime(new Date().toISOString()).slice(0, 10);
  for (const element of root.querySelectorAll("time[datetime]")) {
    const text = localTime(element.dateTime);
    element.title = `${text} here, ${element.textContent}`;
    element.textContent = element.closest(".study-row") && text.startsWith(today) ? text.slice(11) : text;
  }
}

// A study is "receiving" until nothing came for a while; the server says until when. Only a fresh answer of
// the server may end it, by the server's clock: `now` is that answer's Date.
export function settleArrivals(now) {
  for (const element of document.querySelectorAll("[data-arrives]")) {
    const until = element.dataset.arrives;
    const isReceiving = until !== "" && !(new Date(until) <= now);
    element.hidden = !isReceiving;
    const arrived = element.parentElement.querySelector(".arrived");
    if (arrived) arrived.hidden = isReceiving;
  }
}

// As webapp/report_status.py has it.
function waitingTime(seconds) {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (minutes >= 2880) return `${Math.floor(minutes / 1440)} d ${hours % 24} h`;
  return hours > 0 ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}

// How long studies wait, by the server's clock as well.
export function runClocks(now) {
  for (const element of document.querySelectorAll("[data-since]")) {
    const seconds = Math.max(0, (now - new Date(element.dataset.since)) / 1000);
    const text = waitingTime(seconds);
    if (element.textContent !== text) element.textContent = text;
    element.classList.toggle("is-late", seconds > Number(element.dataset.limit));
  }
}

function switchTheme() {
  const root = document.documentElement;
  const systemIsDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const isDark = (root.dataset.theme ?? (systemIsDark ? "dark" : "light")) === "dark";
  root.dataset.theme = isDark ? "light" : "dark";
  store.set(localStorage, "noctis-theme", root.dataset.theme);
}

export const shortcutsAreOn = () => store.get(localStorage, "noctis-shortcuts") !== "off";

export function isTyping(event) {
  const target = event.target;
  return target instanceof Element && (target.closest("input, select, textarea, dialog[open]") !== null || target.isContentEditable);
}

export const isPlainKey = (event) => !event.ctrlKey && !event.metaKey && !event.altKey && !event.isComposing;

function prepareShortcuts() {
  const dialog = document.getElementById("shortcuts");
  if (!dialog) return;
  const box = document.getElementById("shortcuts-on");
  box.checked = shortcutsAreOn();
  box.addEventListener("change", () => store.set(localStorage, "noctis-shortcuts", box.checked ? "on" : "off"));
  for (const button of document.querySelectorAll("[data-opens=shortcuts]")) {
    button.addEventListener("click", () => dialog.showModal());
  }
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "?" || isTyping(event) || !isPlainKey(event) || !shortcutsAreOn()) return;
    event.preventDefault();
    dialog.showModal();
  });
}

function closeMenusFromOutside() {
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
}

function leadBackToTheSameList() {
  const address = store.get(sessionStorage, "noctis-worklist");
  if (!address || !address.startsWith("/worklist") || document.body.classList.contains("worklist-page")) return;
  for (const link of document.querySelectorAll("a[data-worklist-link]")) link.href = address;
}

showLocalTimes();
prepareShortcuts();
closeMenusFromOutside();
leadBackToTheSameList();
document.getElementById("theme-switch")?.addEventListener("click", switchTheme);
