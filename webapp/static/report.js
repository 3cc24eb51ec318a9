// The report page: the editor's life, where there is one, and news of what others do to the report.

import { follow } from "./news.js";
import { isPlainKey, isTyping, shortcutsAreOn } from "./page.js";
import { Editor } from "./report_editor.js";
import { Lock } from "./report_lock.js";
import { Memory } from "./report_memory.js";
import { postForm } from "./report_requests.js";
import { openConfirmation } from "./report_sign.js";
import { prepareTemplates } from "./report_templates.js";
import { expandOnTab } from "./standard_texts.js";

const POLL_MILLISECONDS = 2000;

const desk = document.querySelector(".desk");
const form = document.getElementById("report-form");
const changed = document.getElementById("report-news");

function announce(words) {
  const text = changed.querySelector("span");
  if (text.textContent !== words) text.textContent = words;
  changed.hidden = words === "";
}

function showStatus(status) {
  document.getElementById("report-status").textContent = status;
}

// Reading

function followAsReader({ revision, status }) {
  const isNew = revision !== Number(desk.dataset.revision) || status !== desk.dataset.status;
  announce(isNew ? `The report is now: ${status}.` : "");
}

// Writing

function prepareEditor() {
  const memory = new Memory(form);
  const token = memory.open(form.elements.token.value);
  for (const field of document.querySelectorAll("input[name=token]")) field.value = token;
  const { unsaved } = memory;
  const lock = new Lock(form, token);
  const editor = new Editor(form, lock, memory);
  editor.fields.forEach(grow);
  expandOnTab(editor.fields, form.dataset.standardTexts);
  const picker = document.getElementById("template-picker");
  if (picker) prepareTemplates(picker, editor.fields, form.dataset.templates);
  lock.onChange = () => showWhoWrites(editor, lock);
  editor.onSaved = ({ state }) => showDiscard(state);
  editor.onSettled = () => considerNewest(editor);
  prepareButtons(editor);
  prepareKeys(editor);
  prepareLeaving(editor);
  if (unsaved?.purpose === editor.purpose) editor.restore(unsaved);
  else editor.begin();
  showLeftover(memory, unsaved?.purpose === editor.purpose ? undefined : unsaved);
  return (news) => hear(news, editor, lock);
}

let newest = null;

function hear(news, editor, lock) {
  newest = news;
  lock.hear(news.holder);
  showStatus(news.status);
  considerNewest(editor);
}

// While something is being saved or unsaved, saving itself finds out what others did.
function considerNewest(editor) {
  if (!newest || newest.revision <= editor.revision || editor.isSaving || editor.isDirty) return;
  if (newest.writing === editor.purpose) editor.adopt(newest);
  else announce(`${newest.author} has changed the report. It is now: ${newest.status}.`);
}

function showWhoWrites(editor, lock) {
  for (const field of editor.fields) field.readOnly = lock.isElsewhere;
  for (const button of document.querySelectorAll("#save, #release, #sign, #discard button")) button.disabled = lock.isElsewhere;
  if (!lock.isElsewhere) editor.retrySoon();
}

// It is there only once there is something to discard.
function showDiscard(state) {
  document.getElementById("discard").hidden = state === null || state === "preliminary";
}

async function release(editor) {
  if (!(await editor.saveAll())) return;
  const { status, answer } = await postForm(form, form.dataset.release, { based_on: editor.revision, token: editor.token });
  if (status === 200) location.assign(answer.location);
  else announce(answer.message ?? "The server does not answer: it was not released.");
}

function prepareButtons(editor) {
  const acts = {
    save: () => editor.saveAll(),
    release: () => release(editor),
    sign: () => openConfirmation(form, editor, announce),
  };
  form.addEventListener("submit", (event) => {
    const act = acts[event.submitter?.id ?? "save"];
    if (!act) return; // "take over and save" of a page that came back
    event.preventDefault();
    act();
  });
  document.getElementById("discard-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    await editor.abandon();
    event.target.submit();
  });
}

function prepareKeys(editor) {
  document.addEventListener("keydown", (event) => {
    const isControl = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
    const button = { s: "save", Enter: "sign" }[event.key];
    if (!isControl || !button || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    document.getElementById(button)?.click();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && editor.fields.includes(event.target)) document.getElementById("stage").focus();
    if (event.key !== "e" || isTyping(event) || !isPlainKey(event) || !shortcutsAreOn()) return;
    event.preventDefault();
    (editor.fields.find(({ name }) => name === "findings") ?? editor.fields[0]).focus();
  });
}

function prepareLeaving(editor) {
  addEventListener("beforeunload", (event) => {
    if (editor.isDirty) event.preventDefault();
  });
  addEventListener("pagehide", () => editor.leave());
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload(); // left for the server already
  });
  addEventListener("online", () => editor.retrySoon());
  document.addEventListener("visibilitychange", () => editor.retrySoon());
}

// A text area as high as its text, where the stylesheet can't say so.
function grow(field) {
  if (CSS.supports("field-sizing", "content")) return;
  const fit = () => {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight + 2}px`;
  };
  field.addEventListener("input", fit);
  field.addEventListener("grow", fit);
  fit();
}

// Unsaved text of something that can't be written here any more: to be read and copied, until it isn't needed.
function showLeftover(memory, unsaved) {
  if (unsaved) memory.setAside(unsaved);
  if (memory.leftover === "") return;
  const place = document.getElementById("leftover");
  place.querySelector(".report-text").textContent = memory.leftover;
  place.hidden = false;
  place.querySelector("button").addEventListener("click", () => {
    memory.forgetLeftover();
    place.hidden = true;
  });
}

function prepareReader() {
  const memory = new Memory(desk);
  showLeftover(memory, memory.unsaved);
  return followAsReader;
}

follow(() => desk.dataset.news, POLL_MILLISECONDS, form ? prepareEditor() : prepareReader());
