// What this tab remembers of a report: the open page's token, and text that isn't saved yet.
//
// Session storage belongs to the tab: it survives a reload and a sign-in, not the tab itself.

import { store } from "./page.js";

export class Memory {
  #name;

  constructor(form) {
    this.#name = `noctis-report-${form.dataset.user}-${form.dataset.study}`;
  }

  read() {
    try {
      return JSON.parse(store.get(sessionStorage, this.#name)) ?? {};
    } catch {
      return {};
    }
  }

  #write(values) {
    store.set(sessionStorage, this.#name, JSON.stringify(values));
  }

  // A reload goes on as the same page. A copy of the tab doesn't: its page was never left.
  open(token) {
    const { wasLeft, ...remembered } = this.read();
    const own = wasLeft ? remembered.token : token;
    this.#write({ ...remembered, token: own });
    return own;
  }

  leave() {
    this.#write({ ...this.read(), wasLeft: true });
  }

  // `unsaved`: { purpose, revision, base, texts, lost }; null when all is saved.
  keep(unsaved) {
    const { token } = this.read();
    this.#write(unsaved ? { token, unsaved } : { token });
  }
}
