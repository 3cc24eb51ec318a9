// Standard texts while one writes: ".alias" and Tab becomes its text. An unknown alias leaves Tab as it is.

const ALIAS = /(?:^|[\s([{"'«„“])\.([\p{L}\p{N}_-]+)$/u; // "3.5" and "e.g.this" are none
const LONGEST_ALIAS = 64;
const MOST_MATCHES = 8;
const BLANK = "___"; // what the study doesn't say

const normalised = (alias) => alias.normalize("NFC").toLowerCase();

// The alias that ends at the caret, without its dot; "" for none.
function aliasBeforeCaret(field) {
  const end = field.selectionStart;
  if (end !== field.selectionEnd) return "";
  const before = field.value.slice(Math.max(0, end - LONGEST_ALIAS - 2), end);
  return ALIAS.exec(before)?.[1] ?? "";
}

function insert(field, from, text) {
  field.setSelectionRange(from, field.selectionEnd);
  // The old command is the only one that undo knows, and it tells of the input itself
  if (document.execCommand("insertText", false, text)) return;
  field.setRangeText(text, from, field.selectionEnd, "end");
  field.dispatchEvent(new InputEvent("input", { bubbles: true, inputType: "insertReplacementText", data: text }));
}

// The first blank is where one goes on writing.
function chooseBlank(field, from, length) {
  const at = field.value.slice(from, from + length).indexOf(BLANK);
  if (at !== -1) field.setSelectionRange(from + at, from + at + BLANK.length);
}

function expand(field, typed, text) {
  const from = field.selectionStart - typed.length - 1;
  const length = text.length;
  insert(field, from, text);
  chooseBlank(field, from, length);
}

function makeStatus() {
  const status = document.createElement("p");
  status.className = "visually-hidden";
  status.setAttribute("role", "status");
  document.body.append(status);
  return (words) => {
    if (status.textContent !== words) status.textContent = words; // it is read aloud
  };
}

// What is offered below a field. Only a help for eyes and mouse: the keyboard has Tab, and ears have the status.
function makeList(choose) {
  const list = document.createElement("ul");
  list.className = "alias-list";
  list.setAttribute("aria-hidden", "true");
  list.hidden = true;
  list.addEventListener("mousedown", (event) => {
    event.preventDefault(); // the field keeps the focus
    const item = event.target.closest("li");
    if (item) choose(item.dataset.alias);
  });
  return list;
}

function makeItem(alias, text) {
  const item = document.createElement("li");
  item.dataset.alias = alias;
  const name = document.createElement("span");
  name.className = "alias";
  name.textContent = `.${alias}`;
  const start = document.createElement("span");
  start.className = "alias-text";
  start.textContent = text.slice(0, 120);
  item.append(name, start);
  return item;
}

class Expander {
  #url;
  #texts = null;
  #say = makeStatus();
  #list = makeList((alias) => this.#choose(alias));
  #field = null;

  constructor(url) {
    this.#url = url;
  }

  // Again whenever the page is looked at: somebody may have edited them meanwhile, or the server was away.
  async load() {
    try {
      const response = await fetch(this.#url, { headers: { Accept: "application/json" } });
      if (response.ok) this.#texts = new Map(Object.entries(await response.json()));
    } catch { /* what was loaded before still expands */ }
  }

  attach(field) {
    field.addEventListener("keydown", (event) => this.#onKey(event, field));
    field.addEventListener("input", () => this.#offer(field));
    field.addEventListener("blur", () => this.#close());
    field.addEventListener("click", () => this.#close());
  }

  #onKey(event, field) {
    if (event.key === "Escape" && !this.#list.hidden) {
      event.stopPropagation();
      this.#close();
    }
    if (event.key !== "Tab" || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const typed = aliasBeforeCaret(field);
    const text = this.#texts?.get(normalised(typed));
    if (typed === "" || text === undefined) return;
    event.preventDefault();
    this.#expand(field, typed, text);
  }

  #expand(field, typed, text) {
    expand(field, typed, text);
    this.#close();
    this.#say(`.${typed} is expanded.`);
  }

  #choose(alias) {
    const field = this.#field;
    const typed = aliasBeforeCaret(field);
    if (typed !== "") this.#expand(field, typed, this.#texts.get(alias));
  }

  #offer(field) {
    const typed = normalised(aliasBeforeCaret(field));
    const found = typed === "" ? [] : [...(this.#texts ?? [])].filter(([alias]) => alias.startsWith(typed));
    if (found.length === 0) {
      this.#close();
      return;
    }
    this.#field = field;
    const shown = found.slice(0, MOST_MATCHES);
    this.#list.replaceChildren(...shown.map(([alias, text]) => makeItem(alias, text)));
    if (this.#list.previousElementSibling !== field) field.after(this.#list);
    this.#list.hidden = false;
    this.#say(`Standard texts: ${shown.map(([alias]) => alias).join(", ")}. Tab expands what is typed in full.`);
  }

  #close() {
    this.#list.hidden = true;
    this.#say("");
  }
}

// Makes ".alias" and Tab expand in these text areas; `url` answers { alias: text } for the open study.
export function expandOnTab(textareas, url) {
  const expander = new Expander(url);
  for (const field of textareas) expander.attach(field);
  expander.load();
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) expander.load();
  });
}
