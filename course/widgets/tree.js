// The view of a decision tree: the question at hand, its evidence, the path, the whole tree.

function evidence(model) {
  const { rows = [], told, problem } = model.get("evidence");
  if (!rows.length && !problem) return null;
  const body = rows.map(([name, value]) =>
    element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, value)));
  return element("div", { class: "dwcp-evidence" },
    element("table", {}, element("caption", {}, "What the cluster shows"), element("tbody", {}, ...body)),
    element("p", {}, problem || `So the answer is “${told}”.`));
}

function standing(model, send) {
  const leaf = model.get("leaf");
  if (leaf.do) {
    return [
      element("h4", { tabindex: "-1", class: "dwcp-focus", "data-key": "focus" }, `Do: ${leaf.do}`),
      element("p", {}, leaf.go ? `Verify: ${leaf.verify}` : `Verify within ${leaf.minutes} min: ${leaf.verify}`),
      leaf.go ? null : element("p", {}, `If it does not hold: ${/^T\d+$/.test(leaf.escalate) ? `tree ${leaf.escalate}` : leaf.escalate}`),
    ];
  }
  const question = model.get("questions").find((row) => row.id === model.get("current"));
  if (!question) return [];
  const told = model.get("evidence").told;
  const answers = question.answers.map(({ text }) =>
    button(text === told ? `${text} (as the cluster shows)` : text, () => send("answer", { text })));
  return [
    element("h4", { tabindex: "-1", class: "dwcp-focus", "data-key": "focus" }, `${question.id}. ${question.ask}`),
    element("p", {}, "Look with ", element("code", {}, question.look)),
    model.get("can_look") && element("p", {}, button("Look at the cluster", () => send("look"))),
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
    return element("li", { class: here ? "dwcp-here" : null, "aria-current": here ? "step" : null },
      `${here ? "You are here: " : ""}${id}. ${ask}`, element("ul", {}, ...rows));
  });
  return element("details", { "data-open": "map" },
    element("summary", { "data-key": "map" }, "The whole tree"), element("ul", {}, ...items));
}

function render({ model, el }) {
  return panel({
    model, el, name: "tree", moves: ["answer", "back", "restart"],
    traits: ["current", "leaf", "path", "evidence"],
    draw: (send) => [
      ...standing(model, send),
      element("p", {}, button("Back", () => send("back")), button("Start again", () => send("restart"))),
      ...path(model),
      map(model),
    ],
  });
}

export default { render };
