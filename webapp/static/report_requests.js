// How the report page asks the server: with patience, with the form's token, and with an answer in every case.

const PATIENCE_MILLISECONDS = 10000;
const HEADERS = { Accept: "application/json" };

// Status 0: no answer came, so that nobody knows whether the request arrived.
async function ask(address, options) {
  try {
    const response = await fetch(address, { method: "POST", cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MILLISECONDS), ...options });
    return { status: response.status, answer: await response.json().catch(() => ({})) };
  } catch {
    return { status: 0, answer: {} };
  }
}

const tokenOf = (form) => form.elements.csrf_token.value;

export function postForm(form, address, fields, options = {}) {
  const body = new FormData();
  for (const [name, value] of Object.entries({ csrf_token: tokenOf(form), ...fields })) body.append(name, value);
  return renewing(form, () => {
    body.set("csrf_token", tokenOf(form));
    return ask(address, { body, headers: HEADERS, ...options });
  });
}

export function postJSON(form, address, values, options = {}) {
  const body = JSON.stringify(values);
  return renewing(form, () => {
    const headers = { ...HEADERS, "Content-Type": "application/json", "X-CSRFToken": tokenOf(form) };
    return ask(address, { body, headers, ...options });
  });
}

// Who signed in again has a new token: it is fetched, unless somebody else has signed in.
async function renewing(form, request) {
  const first = await request();
  const isExpired = first.status === 400 && !first.answer.kind;
  return isExpired && (await renewToken(form)) ? request() : first;
}

async function renewToken(form) {
  const fresh = await fetchPage(location.href);
  const isSame = fresh?.querySelector(".desk")?.dataset.user === form.dataset.user;
  const token = fresh?.querySelector("input[name=csrf_token]")?.value;
  if (!isSame || !token) return false;
  for (const field of document.querySelectorAll("input[name=csrf_token]")) field.value = token;
  return true;
}

// null when there is no such thing, or no answer.
export async function getJSON(address) {
  try {
    const response = await fetch(address, { headers: HEADERS, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MILLISECONDS) });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

// null when the server doesn't answer with a page.
export async function fetchPage(address) {
  try {
    const response = await fetch(address, { headers: { Accept: "text/html" }, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MILLISECONDS) });
    return new DOMParser().parseFromString(await response.text(), "text/html");
  } catch {
    return null;
  }
}
