// What this tab remembers of a report: the open page's token, and text that isn't saved yet.
//
// Session storage belongs to the tab: it survives a reload and a sign-in, not the tab itself.

import { store } from "./page.js";

function read(name) {
  try {
    return JSON.parse(store.get(sessionStorage, name)) ?? {};
  } catch {
    return {};
  }
}

export class Memory {
  #name;

  constructor(element) {
    this.#name = `noctis-report-${element.dataset.user}-${element.dataset.study}`;
  }

  #write(values) {
    store.set(sessionStorage, this.#name, JSON.stringify(values));
  }

  // A reload goes on as the same page. A copy of the tab doesn't: its page was never left.
  open(token) {
    const { wasLeft, ...remembered } = read(this.#name);
    const own = wasLeft ? remembered.token : token;
    this.#write({ ...remembered, token: own });
    return own;
  }

  leave() {
    this.#write({ ...read(this.#name), wasLeft: true });
  }

  // { purpose, revision, base, texts, lost }; undefined when all was saved.
  get unsaved() {
    return read(this.#name).unsaved;
  }

  keep(unsaved) {
    this.#write({ ...read(this.#name), unsaved });
  }

  // Unsaved text that can't be written here any more; it stays until somebody says that it may go.
  get leftover() {
    return read(`${this.#name}-leftover`).text ?? "";
  }

  setAside({ texts, base }) {
    const typed = Object.entries(texts).filter(([name, text]) => text.trim() !== "" && text !== base[name]).map(([, text]) => text);
    const text = [this.leftover, ...typed].filter(Boolean).join("\n\n");
    store.set(sessionStorage, `${this.#name}-leftover`, JSON.stringify({ text }));
    this.keep(undefined);
  }

  forgetLeftover() {
    store.set(sessionStorage, `${this.#name}-leftover`, JSON.stringify({}));
  }
}
