// What the page says about saving: a line that is always there, and what is read aloud, which is less.

import { localTime } from "./page.js";

const clock = (at) => `${localTime(at).slice(11)}:${String(new Date(at).getSeconds()).padStart(2, "0")}`;

export class SaveState {
  #line = document.getElementById("save-state");
  #voice = document.getElementById("save-news");
  #words = "";
  savedAt = "";
  unsavedSince = null;
  problem = ""; // why it isn't saved; empty: it will be in a moment

  constructor() {
    this.savedAt = this.#line.dataset.savedAt;
  }

  show() {
    this.#words = this.#describe();
    this.#line.textContent = this.#words;
    this.#line.classList.toggle("save-problem", this.unsavedSince !== null && this.problem !== "");
  }

  #describe() {
    if (this.unsavedSince && this.problem) return `Not saved since ${clock(this.unsavedSince)}: ${this.problem.replace(/\.$/, "")}.`;
    if (this.unsavedSince) return "Not saved yet";
    return this.savedAt ? `Saved ${clock(this.savedAt)}` : "Nothing written yet";
  }

  showSaving() {
    if (!this.problem) this.#line.textContent = "Saving…";
  }

  // Read aloud only what one must know: a new problem, its end, and what one has asked for.
  say() {
    if (this.#voice.textContent !== this.#words) this.#voice.textContent = this.#words;
  }
}
