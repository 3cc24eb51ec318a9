// Templates: a choice that fills the sections of a report. What stands there already stays, above what is put in.

function option(template) {
  const element = document.createElement("option");
  element.value = String(template.id);
  element.textContent = template.name;
  return element;
}

function group(label, templates) {
  const element = document.createElement("optgroup");
  element.label = label;
  element.append(...templates.map(option));
  return element;
}

function append(field, text) {
  const added = field.value.trim() === "" ? text : `\n\n${text}`;
  field.focus();
  field.setSelectionRange(field.value.trim() === "" ? 0 : field.value.length, field.value.length);
  // The old command is the only one that undo knows, and it tells of the input itself
  if (document.execCommand("insertText", false, added)) return;
  field.setRangeText(added, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new InputEvent("input", { bubbles: true, inputType: "insertReplacementText", data: added }));
}

function fill(fields, sections) {
  const filled = fields.filter(({ name }) => sections[name]?.trim());
  for (const field of filled) append(field, sections[field.name]);
  (filled.find(({ name }) => name === "findings") ?? filled[0])?.focus();
}

// `picker` holds a select, hidden until there is something to choose; `url` answers the templates for this study.
export async function prepareTemplates(picker, fields, url) {
  const response = await fetch(url, { headers: { Accept: "application/json" } }).catch(() => null);
  const { templates } = response?.ok ? await response.json() : { templates: [] };
  const select = picker.querySelector("select");
  const groups = [["For this study", templates.filter((one) => one.fits)], ["Others", templates.filter((one) => !one.fits)]];
  select.append(...groups.filter(([, some]) => some.length > 0).map(([label, some]) => group(label, some)));
  picker.hidden = templates.length === 0;
  select.addEventListener("change", () => {
    const chosen = templates.find(({ id }) => String(id) === select.value);
    select.value = "";
    if (chosen && !fields[0].readOnly) fill(fields, chosen.sections);
  });
}
