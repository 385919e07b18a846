// The view of a decision tree. It shows the traits and sends intents; it decides nothing.

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function button(label, act, attributes = {}) {
  const made = element("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", act);
  return made;
}

function evidence(model) {
  const { rows = [], told, problem } = model.get("evidence");
  const box = element("div", { class: "dwcp-evidence" });
  if (!rows.length && !problem) return box;
  const body = rows.map(([name, value]) =>
    element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, value)));
  box.append(element("table", {}, element("caption", {}, "What the cluster shows"), ...body));
  box.append(element("p", {}, problem || `So the answer is “${told}”.`));
  return box;
}

function standing(model, send) {
  const leaf = model.get("leaf");
  if (leaf.do) {
    return [
      element("h4", { tabindex: "-1", class: "dwcp-focus" }, `Do: ${leaf.do}`),
      element("p", {}, `Verify: ${leaf.verify}`),
    ];
  }
  const question = model.get("questions").find((row) => row.id === model.get("current"));
  if (!question) return [];
  const told = model.get("evidence").told;
  const answers = question.answers.map(({ text }) =>
    button(text === told ? `${text} (as the cluster shows)` : text, () => send("answer", text)));
  const look = model.get("can_look") ? [button("Look at the cluster", () => send("look"), { class: "dwcp-look" })] : [];
  return [
    element("h4", { tabindex: "-1", class: "dwcp-focus" }, `${question.id}. ${question.ask}`),
    element("p", {}, "Look with ", element("code", {}, question.look)),
    element("p", {}, ...look),
    evidence(model),
    element("p", { role: "group", "aria-label": "Answers" }, ...answers),
  ];
}

function path(model) {
  const steps = model.get("path");
  if (!steps.length) return [];
  const items = steps.map(({ question, answer, told, at_s }) => {
    const when = at_s === null ? "" : ` at ${at_s.toFixed(1)} s`;
    const differs = told !== null && told !== answer ? `, the signal said “${told}”` : "";
    return element("li", {}, `${question}: ${answer}${differs}${when}`);
  });
  return [element("p", {}, "Your path so far"), element("ol", {}, ...items)];
}

function map(model) {
  const taken = Object.fromEntries(model.get("path").map(({ question, answer }) => [question, answer]));
  const items = model.get("questions").map(({ id, ask, answers }) => {
    const here = id === model.get("current");
    const rows = answers.map(({ text, leads }) =>
      element("li", {}, `${taken[id] === text ? "taken: " : ""}${text}: ${leads}`));
    const mark = here ? "You are here: " : "";
    const item = element("li", { class: here ? "dwcp-here" : "" }, `${mark}${id}. ${ask}`, element("ul", {}, ...rows));
    if (here) item.setAttribute("aria-current", "step");
    return item;
  });
  return element("details", { class: "dwcp-map" },
    element("summary", {}, "The whole tree"), element("ul", {}, ...items));
}

function render({ model, el }) {
  const root = element("section", { class: "dwcp-tree", "aria-label": model.get("title"), "data-lm-suppress-shortcuts": "true" });
  // JupyterLab's own shortcuts (Enter, arrows) must not take the keys that are meant for a button.
  root.addEventListener("keydown", (event) => event.stopPropagation());
  const live = element("p", { role: "status", class: "dwcp-note" });
  const now = element("div", { class: "dwcp-now" });
  const after = element("div", { class: "dwcp-path" });
  const whole = element("div");
  let moved = null; // what the reader did last, to put the focus where it is wanted next

  const send = (intent, text) => {
    moved = intent;
    model.send(text === undefined ? { intent } : { intent, text });
  };
  const steps = element("p", { class: "dwcp-steps" },
    button("Back", () => send("back")), button("Start again", () => send("restart")));

  const draw = () => {
    const open = whole.querySelector("details")?.open ?? false;
    now.replaceChildren(...standing(model, send));
    after.replaceChildren(...path(model));
    whole.replaceChildren(map(model));
    whole.querySelector("details").open = open;
    live.textContent = model.get("note");
    if (moved === "look") now.querySelector(".dwcp-look")?.focus();
    else if (moved) now.querySelector(".dwcp-focus")?.focus();
    moved = moved && { look: "look" }[moved];
  };

  root.append(element("h3", {}, model.get("title")), now, live, steps, after, whole);
  el.append(root);
  // Several traits change in one step; draw once, when all of them are here.
  let waiting = false;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => { waiting = false; draw(); });
  };
  for (const trait of ["current", "leaf", "path", "evidence", "note"]) model.on(`change:${trait}`, soon);
  draw();
  return () => model.off(null, soon);
}

export default { render };
