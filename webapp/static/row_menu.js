// A row's menu and its keys: the report, its print, how soon a study is to be read and by whom.

const TOAST_MILLISECONDS = 6000;

const menu = document.getElementById("row-menu");
const form = document.getElementById("flags");
const toast = document.getElementById("toast");
let row = null; // whose menu is open
let waiting = null;

const buttonOf = (one) => one.querySelector(".row-menu-button");
const studyOf = (one) => one.querySelector(".c-name a").href;

function say(text) {
  clearTimeout(waiting);
  toast.textContent = text;
  toast.hidden = false;
  waiting = setTimeout(() => { toast.hidden = true; }, TOAST_MILLISECONDS);
}

// Answers what the server says, null when it wasn't saved.
async function post(address, values) {
  const data = new FormData();
  data.set("csrf_token", form.elements.csrf_token.value);
  for (const [name, value] of Object.entries(values)) data.set(name, value);
  try {
    const response = await fetch(address, { method: "POST", body: data, headers: { Accept: "application/json" } });
    if (response.ok || response.status === 409) return await response.json();
    say("Not saved: reload the page, please");
  } catch {
    say("Not saved: this server doesn't answer");
  }
  return null;
}

async function change(address, values, refresh) {
  const answer = await post(address, values);
  if (!answer) return;
  refresh(answer.row);
  if (answer.message) say(answer.message);
}

function place(button) {
  const { right, bottom, top } = button.getBoundingClientRect();
  const height = menu.offsetHeight;
  menu.style.left = `${Math.max(8, right - menu.offsetWidth)}px`;
  menu.style.top = `${bottom + height + 8 > innerHeight ? Math.max(8, top - height - 4) : bottom + 4}px`;
}

function open(one) {
  row = one;
  const { assignee, assigneeName, priority, printable } = buttonOf(row).dataset;
  menu.querySelector("[data-leads-to=report]").href = `${studyOf(row)}/report`;
  const print = menu.querySelector("[data-leads-to=print]");
  print.href = `${studyOf(row)}/report/print`;
  print.hidden = printable === undefined;
  const mine = menu.querySelector("[data-assigns-to=me]");
  if (mine) {
    mine.hidden = assignee === form.dataset.user;
    mine.firstChild.textContent = assignee === "" ? "Assign to me " : `Take over from ${assigneeName} `;
    menu.querySelector("[data-assigns-to=nobody]").hidden = assignee === "";
  }
  for (const one of menu.querySelectorAll("[data-prioritises]")) {
    one.setAttribute("aria-pressed", String(one.dataset.prioritises === priority));
  }
  menu.showPopover();
  place(buttonOf(row));
}

function assign(one, assignee, refresh) {
  return change(`${studyOf(one)}/assignment`, { assignee, seen: buttonOf(one).dataset.assignee }, refresh);
}

function assignByKey(one, refresh) {
  const { assignee, assigneeName } = buttonOf(one).dataset;
  if (assignee === "") assign(one, "me", refresh);
  else if (assignee === form.dataset.user) assign(one, "nobody", refresh);
  else say(`Assigned to ${assigneeName}: the row's menu (⋯) takes it over`);
}

function printByKey(one) {
  if (buttonOf(one).dataset.printable === undefined) say("There is no final report to print");
  else location.assign(`${studyOf(one)}/report/print`);
}

// `refresh` exchanges a row by what the server has rendered. Answers the actions of keys.
export function prepareRowMenu(refresh) {
  document.getElementById("rows")?.addEventListener("click", (event) => {
    const button = event.target.closest(".row-menu-button");
    if (button) open(button.closest("tr"));
  });
  menu.addEventListener("toggle", (event) => {
    if (event.newState === "closed") row?.querySelector(".c-name a").focus({ preventScroll: true });
  });
  form.addEventListener("click", (event) => {
    const { assignsTo, prioritises } = event.target.closest("button")?.dataset ?? {};
    if (!assignsTo && !prioritises) return;
    menu.hidePopover();
    if (assignsTo) assign(row, assignsTo, refresh);
    else change(`${studyOf(row)}/priority`, { priority: prioritises }, refresh);
  });
  return {
    r: (one) => location.assign(`${studyOf(one)}/report`),
    p: printByKey,
    ...(form.dataset.assigns ? { a: (one) => assignByKey(one, refresh) } : {}),
  };
}
