// Elements, made in one call. Text is always text: nothing that came from outside becomes markup.

/** Return an element with attributes (`on…` are listeners, `data` and booleans as expected). */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(made.dataset, value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== null));
  return made;
}

/** Return an SVG element. */
export function drawn(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Write text only if it changes, so that a screen reader does not say it again. */
export function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Return a state, as a word in its colour. */
export function state(name, word = name) {
  return element("span", { class: "state", data: { state: name } }, word);
}

/** Fetch JSON; an answer that is an error becomes an Error with the server's sentence. */
export async function ask(path, options = {}) {
  const response = await fetch(path, options);
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Error(answer.error?.message ?? `the server answered ${response.status}`);
  }
  return answer;
}

/** Take the token out of the address, where others could see it; the page's cookie has it. */
export function hideToken() {
  const url = new URL(location.href);
  if (!url.searchParams.has("token")) return;
  url.searchParams.delete("token");
  history.replaceState(null, "", url);
}

/** Return a moment as a clock shows it here. */
export function clock(moment) {
  return new Date(moment).toLocaleTimeString([], { hour12: false });
}
