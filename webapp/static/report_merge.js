// Two texts of one section: side by side, and a choice. Nothing is chosen for whoever changed what another changed.

const CHOICES = { mine: "Keep mine", theirs: "Take theirs", both: "Both" };

export function combine(choice, mine, theirs) {
  if (choice === "mine") return mine;
  if (choice === "theirs") return theirs;
  return [theirs, mine].filter((text) => text.trim() !== "").join("\n\n");
}

function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  Object.assign(element, properties);
  element.append(...children);
  return element;
}

const column = (title, text) => make("div", {}, make("span", { className: "muted", textContent: title }), make("p", { className: "report-text", dir: "auto", textContent: text || "(empty)" }));

function radio(name, value, isChosen) {
  const input = make("input", { type: "radio", name: `choice-${name}`, value, required: true, defaultChecked: isChosen });
  return make("label", { className: "check" }, input, CHOICES[value]);
}

// What only one of the two changed is proposed.
function proposed({ base, mine, theirs }) {
  if (mine === base) return "theirs";
  return theirs === base ? "mine" : "";
}

function fieldset(section, author) {
  const choices = Object.keys(CHOICES).map((value) => radio(section.name, value, value === proposed(section)));
  return make("fieldset", { className: "merge-section" },
    make("legend", { textContent: section.title }),
    make("div", { className: "merge-pair" }, column("Mine, not saved", section.mine), column(`${author}'s, saved`, section.theirs)),
    make("div", { className: "merge-choices" }, ...choices));
}

// The sections in which the fields differ from `theirs`.
export function differences(fields, base, theirs) {
  return fields
    .filter(({ name, value }) => value !== theirs[name])
    .map(({ name, value, labels }) => ({ name, title: labels[0].textContent, base: base[name], mine: value, theirs: theirs[name] }));
}

// `sections`: [{ name, title, base, mine, theirs }]. The chosen texts by name, or null: back to the text as it was.
export function merge(dialog, author, sections) {
  dialog.querySelector("[data-who]").textContent = `${author} has changed this report meanwhile. Of each section that differs you see both texts: choose what is kept.`;
  dialog.querySelector("[data-sections]").replaceChildren(...sections.map((section) => fieldset(section, author)));
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      if (dialog.returnValue !== "merge") return resolve(null);
      const chosen = new FormData(dialog.querySelector("form"));
      resolve(Object.fromEntries(sections.map(({ name, mine, theirs }) => [name, combine(chosen.get(`choice-${name}`), mine, theirs)])));
    }, { once: true });
  });
}
