// The text of a report while it is written: what is saved, what isn't, and that nothing typed is ever lost.
//
// `base` is the text as the server has it at `revision`; what differs from it is unsaved. An answer that comes late
// changes `base`, never what stands in a field.

import { differences, merge } from "./report_merge.js";
import { getJSON, postJSON } from "./report_requests.js";
import { SaveState } from "./report_state.js";

const IDLE_MILLISECONDS = 5000;
const LONGEST_UNSAVED_MILLISECONDS = 30000; // for those who never pause
const FIRST_RETRY_MILLISECONDS = 1000;
const SLOWEST_RETRY_MILLISECONDS = 15000;
const MOST_LOST = 10;
const LARGEST_FAREWELL = 60000; // what a page may still send while it is left

export class Editor {
  #form;
  #lock;
  #memory;
  #dialog = document.getElementById("merge-dialog");
  #state = new SaveState();
  #timer = null;
  #saving = null;
  #delay = FIRST_RETRY_MILLISECONDS;
  #base;
  #lost = []; // changes sent without an answer: the server may have them
  #isAbandoned = false;
  onSaved = () => {};
  onSettled = () => {};

  constructor(form, lock, memory) {
    this.#form = form;
    this.#lock = lock;
    this.#memory = memory;
    this.fields = [...form.querySelectorAll("textarea")];
    this.purpose = form.elements.purpose.value;
    this.token = form.elements.token.value;
    this.#base = Object.fromEntries(this.fields.map(({ name, defaultValue }) => [name, "isTyped" in form.dataset ? null : defaultValue]));
    for (const field of this.fields) {
      field.addEventListener("input", () => this.#onInput(field));
      field.addEventListener("blur", () => this.isDirty && !this.#state.problem && this.save());
    }
    this.#state.show();
  }

  // What was typed before this script ran, or came back with a form, is unsaved.
  begin() {
    if (!this.isDirty) return;
    this.#remember();
    this.#lock.take();
    this.#saveIn(0);
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

  get #unsaved() {
    return Object.fromEntries(Object.entries(this.texts).filter(([name, text]) => text !== this.#base[name]));
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
    this.#state.savedAt = savedAt;
    this.#put(texts);
    this.#base = this.texts;
    this.#settle();
  }

  // The text isn't wanted: what is under way ends, nothing more of it is kept or sent.
  async abandon() {
    this.#isAbandoned = true;
    await this.#saving;
    clearTimeout(this.#timer);
    this.#memory.keep(undefined);
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
    this.#remember();
    if (!this.#state.problem) this.#lock.take();
    this.#state.show();
    const isLong = this.isDirty && new Date() - this.#state.unsavedSince > LONGEST_UNSAVED_MILLISECONDS;
    this.#saveIn(isLong && !this.#state.problem ? 0 : IDLE_MILLISECONDS);
  }

  #remember() {
    this.#state.unsavedSince = this.isDirty ? this.#state.unsavedSince ?? new Date() : null;
    this.#memory.keep(this.isDirty ? { purpose: this.purpose, revision: this.revision, base: this.#base, texts: this.texts, lost: this.#lost } : undefined);
  }

  #saveIn(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.save(), milliseconds);
  }

  // True when everything is saved. One request at a time; what is typed meanwhile goes with the next.
  save() {
    this.#saving ??= this.#save().finally(() => {
      this.#saving = null;
      this.onSettled();
    });
    return this.#saving;
  }

  // As it stands on the screen, and says so: for whoever asked.
  async saveAll() {
    while (await this.save()) {
      if (!this.isDirty) {
        this.#state.say();
        return true;
      }
    }
    this.#state.say();
    return false;
  }

  async #save() {
    clearTimeout(this.#timer);
    if (!this.isDirty) {
      this.#settle();
      return true;
    }
    const sent = this.#unsaved;
    this.#state.showSaving();
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
    this.#state.savedAt = answer.saved_at;
    this.#lock.confirm();
    this.#settle();
    this.onSaved(answer);
    return true;
  }

  #settle() {
    const hadProblem = this.#state.problem !== "";
    this.#state.problem = "";
    this.#lost = [];
    this.#delay = FIRST_RETRY_MILLISECONDS;
    this.#state.unsavedSince = null;
    this.#remember();
    if (this.isDirty) this.#saveIn(IDLE_MILLISECONDS);
    this.#state.show();
    if (hadProblem) this.#state.say();
  }

  #lose(sent) {
    this.#lost.push(sent);
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
    const isNew = this.#state.problem !== problem;
    this.#state.problem = problem;
    this.#remember();
    this.#state.show();
    if (isNew) this.#state.say();
    return false;
  }

  retrySoon() {
    if (this.isDirty && this.#state.problem) this.#saveIn(0);
  }

  // Another revision is there: an own one whose answer got lost, the same text, or really another.
  async #meet(answer) {
    const next = this.#lost.length === 0 || answer.revision === this.revision + 1 ? answer : await this.#fetchNext();
    if (next && this.#lost.some((sent) => this.#areSame({ ...this.#base, ...sent }, next.texts))) return this.#rebase(next);
    if (!answer.is_open) return this.#refuse(`${answer.message} Your text can't be added to it any more. Load the page: your text will be shown there`);
    if (this.#areSame(this.texts, answer.texts)) return this.#rebase(answer);
    this.#refuse("somebody else has changed the report meanwhile; Save shows both texts");
    const chosen = await merge(this.#dialog, answer.author, differences(this.fields, this.#base, answer.texts));
    if (!chosen) return false;
    this.#put(chosen);
    return this.#rebase(answer);
  }

  // The one that follows on what this page is based on: its own, if what it sent has arrived after all.
  #fetchNext() {
    return getJSON(`${this.#form.dataset.page}/history/${this.revision + 1}`);
  }

  #areSame(some, others) {
    return this.fields.every(({ name }) => some[name] === others[name]);
  }

  // What is unsaved is now what differs from the newest; it goes at once.
  #rebase(answer) {
    this.#setRevision(answer.revision);
    this.#base = Object.fromEntries(this.fields.map(({ name }) => [name, answer.texts[name]]));
    this.#state.savedAt = answer.saved_at;
    this.#lost = [];
    return this.#save();
  }

  #complain(name, words) {
    const field = this.fields.find((one) => one.name === name);
    if (!field) return;
    field.setAttribute("aria-invalid", String(words !== ""));
    document.getElementById(`${name}-error`).textContent = words;
  }

  // The page is left: one last try, whose answer nobody hears, and which also gives the lock back.
  leave() {
    if (this.isDirty && !this.#lock.isElsewhere) this.#sayFarewell();
    else this.#lock.leave();
    this.#memory.leave();
  }

  #sayFarewell() {
    const request = this.#request(this.#unsaved);
    this.#lost.push(this.#unsaved);
    this.#remember();
    postJSON(this.#form, `${this.#form.action}?then=leave`, request, { keepalive: JSON.stringify(request).length < LARGEST_FAREWELL });
  }
}
