// The view of a diagnosis under time. The clock is the cluster's; it moves when one looks.

function render({ model, el }) {
  let outcome = "";
  return panel({
    model, el, name: "timed", traits: ["readings", "left_s", "verdict"], moves: ["conclude"],
    draw: (send) => {
      const ended = model.get("verdict");
      const select = element("select", { "data-key": "outcome" }, element("option", { value: "" }, "choose"),
        ...model.get("outcomes").map((text) => element("option", { value: text }, text)));
      select.value = outcome;
      select.addEventListener("change", () => { outcome = select.value; });
      return [
        model.get("told") ? element("p", {}, model.get("told")) : null,
        element("p", {}, `${model.get("left_s")} s of ${model.get("limit_s")} s are left. Only looking takes time.`),
        ended ? null : element("p", { role: "group", "aria-label": "Look at" },
          ...model.get("looks").map((what) => button(what, () => send("look", { what })))),
        table("Seen so far", model.get("readings")),
        ended ? element("p", { class: "dwcp-said dwcp-focus", tabindex: "-1", "data-key": "focus" }, ended)
          : element("p", {}, element("label", {}, "What is to be done ", select), button("That is it", () => send("conclude", { outcome }))),
      ];
    },
  });
}

export default { render };
