// What the views of all widgets share; it stands before each widget's own file.
// A view shows the traits and sends intents. It decides nothing, and all of it works by keyboard.

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

function button(label, act, attributes = {}) {
  const made = element("button", { type: "button", "data-key": label, ...attributes }, label);
  made.addEventListener("click", act);
  return made;
}

// Texts of the catalogue mark commands and names with backquotes.
function marked(text) {
  return String(text).split("`").map((part, i) => (i % 2 ? element("code", {}, part) : part));
}

function table(caption, rows) {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  if (!rows.length) return element("p", {}, `${caption}: none.`);
  const cell = (row, name, i) => element(i ? "td" : "th", i ? {} : { scope: "row" }, String(row[name] ?? ""));
  return element("table", { tabindex: "0" },
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...names.map((name, i) => cell(row, name, i))))));
}

const WORKING_MS = 800;
const PATIENCE_MS = 20000;

// One panel: `draw(send)` returns what stands in it now. It is drawn anew when a trait of `traits`
// changes; the focus stays on the control with the same data-key, or goes to `.dwcp-focus` after an
// intent in `moves`.
function panel({ model, el, name, traits, moves = [], draw }) {
  const root = element("section", { class: `dwcp dwcp-${name}`, "aria-label": model.get("title"), "data-lm-suppress-shortcuts": "true" });
  // JupyterLab's own shortcuts (Enter, arrows) must not take the keys that are meant for a button.
  root.addEventListener("keydown", (event) => event.stopPropagation());
  const body = element("div");
  const live = element("p", { role: "status", class: "dwcp-note" });
  let sent = null;
  let waiting = null;

  const send = (intent, more = {}) => {
    sent = intent;
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      live.textContent = "Working ...";
      waiting = setTimeout(() => {
        live.textContent = "Nothing answers. If the kernel was restarted, run this cell again; if it is busy, wait.";
      }, PATIENCE_MS);
    }, WORKING_MS);
    try {
      model.send({ intent, ...more });
    } catch { // after a restart the model's connection takes no messages
      clearTimeout(waiting);
      live.textContent = "The kernel behind this has ended. Run this cell again to go on.";
    }
  };

  const keep = () => {
    const here = root.contains(document.activeElement) ? document.activeElement : null;
    const scrolled = [...body.querySelectorAll("[data-scroll]")].map((box) => [box.dataset.scroll, box.scrollTop, box.scrollHeight - box.scrollTop - box.clientHeight < 4]);
    const open = new Set([...body.querySelectorAll("details[open]")].map((one) => one.dataset.open));
    return { key: here?.dataset.key, at: here?.selectionStart, scrolled, open };
  };

  const restore = ({ key, at, scrolled, open }) => {
    for (const one of body.querySelectorAll("details")) if (open.has(one.dataset.open)) one.open = true;
    for (const [name, top, wasAtEnd] of scrolled) {
      const box = body.querySelector(`[data-scroll="${name}"]`);
      if (box) box.scrollTop = wasAtEnd ? box.scrollHeight : top;
    }
    const wanted = moves.includes(sent) ? body.querySelector(".dwcp-focus") : key && body.querySelector(`[data-key="${CSS.escape(key)}"]`);
    sent = null;
    if (!wanted || (wanted === document.activeElement)) return;
    wanted.focus();
    if (at !== null && at !== undefined && wanted.setSelectionRange) wanted.setSelectionRange(at, at);
  };

  // Also for a change that stays in the view: `key` then has the focus, `said` is announced.
  let heard = null; // the note that was announced, and after which intent
  const redraw = (key, said) => {
    const kept = { ...keep(), ...(key ? { key } : {}) };
    body.replaceChildren(...draw(send, redraw).flat().filter(Boolean));
    const note = `${model.get("answered")} ${model.get("note")}`;
    if (said) live.textContent = said;
    else if (note !== heard) live.textContent = model.get("note");
    heard = note;
    restore(kept);
  };

  // Several traits change in one step; draw once, when all of them are here.
  let due = false;
  const soon = () => {
    clearTimeout(waiting);
    if (due) return;
    due = true;
    queueMicrotask(() => { due = false; redraw(); });
  };
  const watched = [...traits, "note", "answered"];
  for (const trait of watched) model.on(`change:${trait}`, soon);
  root.append(element("h3", {}, model.get("title")), live, body);
  el.append(root);
  redraw();
  return () => { clearTimeout(waiting); for (const trait of watched) model.off(`change:${trait}`, soon); };
}
