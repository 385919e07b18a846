// The view of a tree to fill in: a selection for each answer, and a table of the last run.

function turn(model, send, question, [place, text]) {
  const select = element("select", { "data-key": place, "aria-label": `Question ${question}, answer ${text}, leads to` },
    element("option", { value: "" }, "choose"),
    ...model.get("choices").map(([key, words]) => element("option", { value: key }, words)));
  select.value = model.get("filled")[place] ?? "";
  select.addEventListener("change", () => send("fill", { place, to: select.value }));
  return element("li", {}, element("b", {}, text), " leads to ", select);
}

function render({ model, el }) {
  return panel({
    model, el, name: "blank", traits: ["filled", "results"],
    draw: (send) => [
      element("ul", {}, ...model.get("questions").map(({ id, ask, answers }) =>
        element("li", {}, `${id}. ${ask}`, element("ul", {}, ...answers.map((row) => turn(model, send, id, row)))))),
      element("p", {}, button("Run it against the faults", () => send("run")), button("Empty all", () => send("clear"))),
      model.get("results").length ? table("The last run", model.get("results").map((row) => ({ ...row, right: row.right ? "yes" : "no" }))) : null,
    ],
  });
}

export default { render };
