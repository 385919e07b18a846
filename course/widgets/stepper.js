// The view of a stepper. All frames are here, so that stepping asks nothing of the kernel.

function render({ model, el }) {
  const frames = model.get("frames");
  return panel({
    model, el, name: "stepper", traits: ["at"],
    draw: (send, redraw) => {
      const at = model.get("at");
      const frame = frames[at];
      const go = (to) => {
        if (to < 0 || to >= frames.length || to === at) return;
        model.set("at", to);
        model.save_changes();
        redraw(null, `Step ${to + 1} of ${frames.length}: ${frames[to].title}`);
      };
      const mover = (label, to) => button(label, () => go(to),
        { "aria-disabled": to < 0 || to >= frames.length || to === at ? "true" : null });
      const slider = element("input", { type: "range", min: 0, max: frames.length - 1, step: 1, "data-key": "slider", "aria-label": "Step", "aria-valuetext": `${at + 1} of ${frames.length}: ${frame.title}` });
      slider.value = at;
      slider.addEventListener("input", () => go(Number(slider.value)));
      const picture = element("div", { class: "dwcp-picture" });
      picture.innerHTML = frame.picture; // made by our own figures, never by a learner
      return [
        element("p", { role: "group", "aria-label": "Steps" },
          mover("First", 0), mover("Back", at - 1), mover("Next", at + 1), mover("Last", frames.length - 1), slider),
        element("h4", {}, `${at + 1} of ${frames.length}: ${frame.title}`),
        element("p", {}, frame.text),
        frame.picture ? picture : null,
        ...frame.tables.map(({ title, rows }) => table(title, rows)),
      ];
    },
  });
}

export default { render };
