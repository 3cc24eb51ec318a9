// Long lists with filters above them: filters that apply themselves, rows that change, and the keyboard.

import { isPlainKey, isTyping, shortcutsAreOn } from "./page.js";

// `times` is the name of the radio buttons that stand for a span of time; "from" and "to" exclude them.
export function prepareFilters(form, times) {
  const more = document.getElementById("more-filters");
  more.addEventListener("click", () => {
    const isOpen = document.getElementById("filter-fields").classList.toggle("open");
    more.setAttribute("aria-expanded", String(isOpen));
  });

  form.addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
  });
  form.addEventListener("change", (event) => {
    const field = event.target;
    const ends = [form.elements.from, form.elements.to];
    if (field.name === times) for (const end of ends) end.value = "";
    if (ends.includes(field)) for (const radio of form.elements[times]) radio.checked = radio.value === "";
    if (field.name === times || field.tagName === "SELECT" || (ends.includes(field) && event.isTrusted && field.validity.valid && document.activeElement !== field)) form.requestSubmit();
  });
  for (const search of form.querySelectorAll("input[type=search]")) {
    search.addEventListener("search", () => {
      if (search.value === "" && search.defaultValue !== "") form.requestSubmit();
    });
  }
}

export function parseRow(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.querySelector("tr");
}

// The row as the server renders it now. Only what differs is exchanged, and no link: one may have the focus.
export function exchangeRow(row, fresh) {
  row.className = fresh.className;
  [...fresh.cells].forEach((cell, at) => {
    if (cell.isEqualNode(row.cells[at])) return;
    const holder = (one) => one.querySelector("a") ?? one;
    holder(row.cells[at]).replaceChildren(...holder(cell).childNodes);
  });
}

const isSeen = (row) => row.offsetParent !== null;

export function focusRow(row) {
  row.querySelector("a").focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function move(selector, step) {
  const shown = [...document.querySelectorAll(selector)].filter(isSeen);
  if (shown.length === 0) return;
  const current = shown.indexOf(document.activeElement.closest?.(selector));
  const wanted = current === -1 ? (step > 0 ? 0 : shown.length - 1) : current + step;
  focusRow(shown[Math.min(Math.max(wanted, 0), shown.length - 1)]);
}

// `selector` finds the rows; "/" leads to the search field, where there is one. `onRow` has further keys, whose
// actions get the row that has the focus.
export function prepareKeys(selector, onRow = {}) {
  const search = document.getElementById("search");
  const actions = {
    j: () => move(selector, 1),
    k: () => move(selector, -1),
  };
  if (search) {
    actions["/"] = () => {
      search.focus();
      search.select();
    };
    search.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && search.value === "") search.blur();
    });
  }
  for (const [key, action] of Object.entries(onRow)) {
    actions[key] = () => {
      const row = document.activeElement.closest?.(selector);
      if (row) action(row);
    };
  }
  document.addEventListener("keydown", (event) => {
    const action = actions[event.key];
    if (!action || isTyping(event) || !isPlainKey(event) || !shortcutsAreOn()) return;
    event.preventDefault();
    action();
  });
}
