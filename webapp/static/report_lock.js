// Who is writing: the lock that this page holds, with its heart, or the words about who else does.

import { localTime } from "./page.js";
import { postForm } from "./report_requests.js";

export class Lock {
  #form;
  #token;
  #note = document.getElementById("lock-note");
  #isAsking = false;
  isHeld = false;
  isElsewhere = false;
  onChange = () => {};

  constructor(form, token) {
    this.#form = form;
    this.#token = token;
    setInterval(() => this.#beat(), Number(form.dataset.beatSeconds) * 1000);
    document.addEventListener("visibilitychange", () => !document.hidden && this.#beat()); // hidden pages' hearts are slow
    document.getElementById("take-over").addEventListener("click", () => this.#ask("/take-over"));
  }

  // At the first change.
  take() {
    if (!this.isHeld && !this.#isAsking) this.#ask("");
  }

  #beat() {
    if (this.isHeld) this.#ask("");
  }

  async #ask(what) {
    this.#isAsking = true;
    const { status, answer } = await postForm(this.#form, this.#form.dataset.lock + what, { token: this.#token });
    this.#isAsking = false;
    if (status === 200) this.confirm();
    if (status === 423) this.lose(answer.holder);
  }

  confirm() {
    this.isHeld = true;
    this.#settle(false, "");
  }

  lose(holder) {
    this.isHeld = false;
    const who = holder.is_me ? "You are writing this report in another page" : `${holder.name} is writing this report`;
    this.#settle(true, `${who} since ${localTime(holder.since).slice(11)}.`);
  }

  // News may be older than what this page knows: the server is asked, not believed to have meant another moment.
  hear(holder) {
    if (holder && !holder.is_me && this.isHeld) this.#beat();
    else if (!this.isHeld && holder?.is_me) this.take();
    else if (!this.isHeld && holder) this.lose(holder);
    else if (!this.isHeld) this.#settle(false, "");
  }

  #settle(isElsewhere, words) {
    const hasChanged = this.isElsewhere !== isElsewhere;
    this.isElsewhere = isElsewhere;
    this.#note.hidden = !isElsewhere;
    const text = this.#note.querySelector("[data-words]");
    if (text.textContent !== words) text.textContent = words;
    if (hasChanged) this.onChange();
  }

  leave() {
    if (this.isHeld) postForm(this.#form, `${this.#form.dataset.lock}/release`, { token: this.#token }, { keepalive: true });
  }
}
