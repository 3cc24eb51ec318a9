// The form of a facility or a node: what would be generated is shown while typing, and a connection can be tested.

const TYPING_MILLISECONDS = 250;

const form = document.getElementById("facility-form");
const field = (name) => form.elements.namedItem(name);
const output = document.getElementById("finding");

// Proposals

const PROPOSED = ["ae_title", "port"];
let waiting = null;
let asking = null;

function isTheirOwn(name) {
  const value = field(name).value.trim();
  return document.activeElement === field(name) || (value !== "" && value !== field(`proposed_${name}`).value);
}

function propose(proposal) {
  for (const name of PROPOSED) {
    const isOwn = isTheirOwn(name);
    field(`proposed_${name}`).value = proposal[name];
    if (!isOwn) field(name).value = proposal[name];
  }
}

async function askForProposal() {
  asking?.abort();
  asking = new AbortController();
  const name = field("name").value.trim();
  if (name === "") {
    propose({ ae_title: "", port: "" });
    return;
  }
  const address = `${form.dataset.proposal}?${new URLSearchParams({ name })}`;
  try {
    const response = await fetch(address, { headers: { Accept: "application/json" }, signal: asking.signal });
    if (response.ok) propose(await response.json());
  } catch { /* typed on, or no connection: what is empty is generated at saving */ }
}

function prepareProposals() {
  field("name").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(askForProposal, TYPING_MILLISECONDS);
  });
  for (const name of PROPOSED) {
    field(name).addEventListener("blur", () => {
      if (field(name).value.trim() === "") field(name).value = field(`proposed_${name}`).value;
    });
  }
  if (field("name").value === "") {
    field("time_zone").value = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
    field("name").focus();
  } else askForProposal(); // the form came back: what is still empty gets its proposal
}

// The test

function say(outcome, text) {
  const finding = document.createElement("span");
  finding.className = `finding finding-${outcome}`;
  finding.textContent = text;
  output.replaceChildren(finding);
}

async function test(button) {
  button.disabled = true;
  output.textContent = "asking…";
  try {
    const response = await fetch(button.dataset.tests, { method: "POST", body: typed(), headers: { Accept: "application/json" } });
    const answer = await response.json();
    if (response.ok) say(answer.outcome, answer.text);
    else say("untested", `not tested: ${answer.message}`);
    if (answer.field) field(answer.field)?.focus();
  } catch {
    say("untested", "not tested: this server doesn't answer");
  }
  button.disabled = false;
}

function typed() {
  const data = new FormData(form);
  data.delete("logo");
  return data;
}

function prepareTest(button) {
  button.addEventListener("click", (event) => {
    event.preventDefault();
    test(button);
  });
  for (const name of ["ae_title", "host", "port", "local_ae_title", "uses_tls"]) {
    field(name).addEventListener("input", () => output.replaceChildren());
  }
}

// Small help

function prepareLogo(logo) {
  logo.addEventListener("change", () => {
    const isLarge = logo.files.length > 0 && logo.files[0].size > Number(logo.dataset.largest);
    logo.setCustomValidity(isLarge ? `This file is too large: at most ${Number(logo.dataset.largest) / 1000} kB.` : "");
    logo.reportValidity();
  });
}

function prepareNodeSwitch(box) {
  const show = () => { document.getElementById("node-fields").hidden = !box.checked; };
  box.addEventListener("change", show);
  show();
}

if (form.dataset.proposal) prepareProposals();
const button = form.querySelector("[data-tests]");
if (button) prepareTest(button);
if (field("logo")) prepareLogo(field("logo"));
if (field("has_node")) prepareNodeSwitch(field("has_node"));
