// The text of a report while it is written: what is saved, what isn't, and that nothing typed is ever lost.
//
// `base` is the text as the server has it at `revision`; what differs from it is unsaved. An answer that comes late
// changes `base`, never what stands in a field.

import { localTime } from "./page.js";
import { merge } from "./report_merge.js";
import { postJSON } from "./report_requests.js";

const IDLE_MILLISECONDS = 5000;
const FIRST_RETRY_MILLISECONDS = 1000;
const SLOWEST_RETRY_MILLISECONDS = 15000;
const MOST_LOST = 100;
const LARGEST_FAREWELL = 60000; // what a page may still send while it is left

const clock = (at) => `${localTime(at).slice(11)}:${String(new Date(at).getSeconds()).padStart(2, "0")}`;

export class Editor {
  #form;
  #lock;
  #memory;
  #dialog = document.getElementById("merge-dialog");
  #line = document.getElementById("save-state");
  #voice = document.getElementById("save-news");
  #timer = null;
  #saving = null;
  #delay = FIRST_RETRY_MILLISECONDS;
  #unsavedSince = null;
  #savedAt;
  #base;
  #lost = []; // texts sent without an answer: the server may have them
  #problem = ""; // why it isn't saved; empty: it will be in a moment
  #isAbandoned = false;
  onSaved = () => {};

  constructor(form, lock, memory) {
    this.#form = form;
    this.#lock = lock;
    this.#memory = memory;
    this.fields = [...form.querySelectorAll("textarea")];
    this.purpose = form.elements.purpose.value;
    this.token = form.elements.token.value;
    this.#savedAt = this.#line.dataset.savedAt;
    this.#base = Object.fromEntries(this.fields.map(({ name, defaultValue }) => [name, "isTyped" in form.dataset ? null : defaultValue]));
    for (const field of this.fields) {
      field.value = field.defaultValue; // not what a browser restores: that is the memory's
      field.addEventListener("input", () => this.#onInput(field));
      field.addEventListener("blur", () => this.isDirty && !this.#problem && this.save());
    }
    this.#show();
  }

  get revision() {
    return Number(this.#form.elements.based_on.value);
  }

  get texts() {
    return Object.fromEntries(this.fields.map(({ name, value }) => [name, value]));
  }

  get isDirty() {
    return !this.#isAbandoned && this.fields.some(({ name, value }) => value !== this.#base[name]);
  }

  get isSaving() {
    return this.#saving !== null;
  }

  // Text of this tab that wasn't saved before a reload.
  restore({ revision, base, texts, lost }) {
    this.#setRevision(revision);
    this.#base = base;
    this.#lost = lost;
    this.#put(texts);
    if (this.isDirty) this.save();
    else this.#settle();
  }

  // What somebody else saved, while nothing of this page is unsaved.
  adopt({ revision, texts, saved_at: savedAt }) {
    this.#setRevision(revision);
    this.#savedAt = savedAt;
    this.#put(texts);
    this.#base = this.texts;
    this.#settle();
  }

  // The text isn't wanted: nothing of it is kept or sent any more.
  abandon() {
    this.#isAbandoned = true;
    clearTimeout(this.#timer);
    this.#memory.keep(null);
  }

  #put(texts) {
    for (const field of this.fields) {
      if (field.name in texts && field.value !== texts[field.name]) field.value = texts[field.name];
      field.dispatchEvent(new Event("grow"));
    }
  }

  #setRevision(revision) {
    for (const field of document.querySelectorAll("input[name=based_on]")) field.value = String(revision);
  }

  #onInput(field) {
    this.#complain(field.name, "");
    this.#problem = "";
    this.#remember();
    this.#lock.take();
    this.#show();
    this.#saveIn(IDLE_MILLISECONDS);
  }

  #remember() {
    this.#unsavedSince = this.isDirty ? this.#unsavedSince ?? new Date() : null;
    this.#memory.keep(this.isDirty ? { purpose: this.purpose, revision: this.revision, base: this.#base, texts: this.texts, lost: this.#lost } : null);
  }

  #saveIn(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.save(), milliseconds);
  }

  // True when everything is saved. One request at a time; what is typed meanwhile goes with the next.
  save() {
    this.#saving ??= this.#save().finally(() => { this.#saving = null; });
    return this.#saving;
  }

  // As it stands on the screen, and says so: for whoever asked.
  async saveAll() {
    while (await this.save()) {
      if (!this.isDirty) {
        this.#say(this.#words());
        return true;
      }
    }
    this.#say(this.#words());
    return false;
  }

  async #save() {
    clearTimeout(this.#timer);
    if (!this.isDirty) {
      this.#settle();
      return true;
    }
    if (this.#dialog.open) return false;
    const sent = Object.fromEntries(Object.entries(this.texts).filter(([name, text]) => text !== this.#base[name]));
    this.#line.textContent = this.#problem ? this.#words() : "Saving…";
    const { status, answer } = await postJSON(this.#form, this.#form.action, this.#request(sent));
    return this.#take(status, answer, sent);
  }

  #request(sent) {
    return { ...sent, based_on: this.revision, purpose: this.purpose, token: this.token };
  }

  #take(status, answer, sent) {
    if (status === 200) return this.#accept(answer, sent);
    if (answer.kind === "conflict") return this.#meet(answer);
    if (answer.kind === "locked") {
      this.#lock.lose(answer.holder);
      return this.#refuse(`${answer.message} It is kept in this tab`);
    }
    if (answer.kind === "field") this.#complain(answer.field, answer.message);
    if (answer.kind) return this.#refuse(answer.message);
    if (status === 401) return this.#fail("you are signed out. Sign in again in another tab; it is kept in this one");
    if (status > 0 && status < 500) return this.#refuse(answer.message ?? "the server refused it");
    return this.#lose(sent);
  }

  #accept(answer, sent) {
    this.#setRevision(answer.revision);
    Object.assign(this.#base, sent);
    this.#savedAt = answer.saved_at;
    this.#lock.confirm();
    this.#settle();
    this.onSaved(answer);
    return true;
  }

  #settle() {
    const hadProblem = this.#problem !== "";
    this.#problem = "";
    this.#lost = [];
    this.#delay = FIRST_RETRY_MILLISECONDS;
    this.#unsavedSince = null;
    this.#remember();
    if (this.isDirty) this.#saveIn(IDLE_MILLISECONDS);
    this.#show();
    if (hadProblem) this.#say(this.#words());
  }

  #lose(sent) {
    this.#lost.push({ ...this.#base, ...sent });
    if (this.#lost.length > MOST_LOST) this.#lost.splice(1, 1); // the first is the likeliest to have arrived
    return this.#fail("the server does not answer");
  }

  // It will be tried again.
  #fail(problem) {
    this.#refuse(`${problem}, retrying`);
    this.#saveIn(this.#delay);
    this.#delay = Math.min(this.#delay * 2, SLOWEST_RETRY_MILLISECONDS);
    return false;
  }

  // Somebody has to do something first.
  #refuse(problem) {
    const isNew = this.#problem !== problem;
    this.#problem = problem;
    this.#remember();
    this.#show();
    if (isNew) this.#say(this.#words());
    return false;
  }

  retrySoon() {
    if (this.isDirty && this.#problem) this.#saveIn(0);
  }

  // Another revision is there: an own one whose answer got lost, the same text, or really another.
  async #meet(answer) {
    const isTheirs = (texts) => this.fields.every(({ name }) => texts[name] === answer.texts[name]);
    if (!answer.is_open) return this.#refuse(`${answer.message} Your text can't be added to it any more. Load the page: your text will be shown there`);
    if (this.#lost.some(isTheirs) || isTheirs(this.texts)) return this.#rebase(answer);
    const differing = this.fields.filter(({ name, value }) => value !== answer.texts[name]);
    const sections = differing.map(({ name, value, labels }) => ({ name, title: labels[0].textContent, base: this.#base[name], mine: value, theirs: answer.texts[name] }));
    this.#refuse("somebody else has changed the report meanwhile");
    const chosen = await merge(this.#dialog, answer.author, sections);
    if (!chosen) return false;
    this.#put(chosen);
    return this.#rebase(answer);
  }

  // What is unsaved is now what differs from the newest; it goes at once.
  #rebase(answer) {
    this.#setRevision(answer.revision);
    this.#base = Object.fromEntries(this.fields.map(({ name }) => [name, answer.texts[name]]));
    this.#savedAt = answer.saved_at;
    this.#lost = [];
    return this.#save();
  }

  #complain(name, words) {
    const field = this.fields.find((one) => one.name === name);
    if (!field) return;
    field.toggleAttribute("aria-invalid", words !== "");
    document.getElementById(`${name}-error`).textContent = words;
  }

  #words() {
    if (this.isDirty && this.#problem) return `Not saved since ${clock(this.#unsavedSince)}: ${this.#problem}.`;
    if (this.isDirty) return "Not saved yet";
    return this.#savedAt ? `Saved ${clock(this.#savedAt)}` : "Nothing written yet";
  }

  #show() {
    this.#line.textContent = this.#words();
    this.#line.classList.toggle("save-problem", this.isDirty && this.#problem !== "");
  }

  // Read aloud: only what one must know.
  #say(words) {
    if (this.#voice.textContent !== words) this.#voice.textContent = words;
  }

  // The page is left: one last try, which also gives the lock back.
  leave() {
    if (this.isDirty) this.#remember();
    this.#memory.leave();
    const request = this.#request(this.texts);
    const isSmall = JSON.stringify(request).length < LARGEST_FAREWELL;
    if (this.isDirty && !this.#lock.isElsewhere) postJSON(this.#form, `${this.#form.action}?then=leave`, request, { keepalive: isSmall });
    else this.#lock.leave();
  }
}
