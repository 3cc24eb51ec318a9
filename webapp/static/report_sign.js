// Signing: the whole text as it will be signed, by its revision, and the password. Nothing unsaved is signed.

import { showLocalTimes } from "./page.js";
import { fetchPage, postForm } from "./report_requests.js";

export async function openConfirmation(form, editor, say) {
  if (!(await editor.saveAll())) return;
  const page = await fetchPage(form.dataset.sign);
  const confirmation = page?.getElementById("confirmation");
  if (!confirmation) {
    say(page?.querySelector(".message-error")?.textContent ?? "The server does not answer: nothing was signed.");
    return;
  }
  if (editor.isDirty) return openConfirmation(form, editor, say); // typed on meanwhile: it is signed as well
  const signing = confirmation.querySelector("form");
  if (Number(signing.elements.based_on.value) !== editor.revision) {
    say("The report has just been changed. Look at it, and sign again.");
    return;
  }
  signing.elements.token.value = editor.token;
  show(form, document.importNode(confirmation, true));
}

function show(form, confirmation) {
  const dialog = document.getElementById("sign-dialog");
  dialog.replaceChildren(...confirmation.childNodes);
  showLocalTimes(dialog);
  const signing = dialog.querySelector("form");
  dialog.querySelector("[data-closes]").addEventListener("click", (event) => {
    event.preventDefault();
    dialog.close();
  });
  signing.addEventListener("submit", (event) => {
    event.preventDefault();
    sign(form, signing);
  });
  dialog.showModal();
}

async function sign(form, signing) {
  const button = signing.querySelector("button[type=submit]");
  button.disabled = true;
  const { csrf_token: _, ...fields } = Object.fromEntries(new FormData(signing));
  const { status, answer } = await postForm(form, signing.action, fields);
  if (status === 200) {
    location.assign(answer.location);
    return;
  }
  button.disabled = false;
  const problem = signing.querySelector("[data-problem]");
  problem.textContent = status === 401 ? "You are signed out: nothing was signed." : answer.message ?? "The server does not answer. Load the page to see whether it was signed.";
  problem.hidden = false;
  const password = signing.elements.password;
  password.focus();
  password.select();
}
