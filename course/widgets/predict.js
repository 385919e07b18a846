// The view of a prediction: choose or give a number, then commit.

let predictions = 0;

function render({ model, el }) {
  predictions += 1;
  const group = `prediction-${predictions}`;
  const choices = model.get("choices");
  let value = null;
  return panel({
    model, el, name: "predict", traits: ["revealed"],
    draw: (send) => {
      const commit = () => send("commit", { value });
      const options = choices.map((text, i) => {
        const input = element("input", { type: "radio", name: group, "data-key": `choice${i}` });
        input.checked = value === text;
        input.addEventListener("change", () => { value = text; });
        return element("label", { class: "dwcp-option" }, input, " ", text);
      });
      const number = element("input", { type: "number", step: "any", "data-key": "number", "aria-label": model.get("question") });
      if (value !== null) number.value = value;
      number.addEventListener("input", () => { value = number.value === "" ? null : Number(number.value); });
      number.addEventListener("keydown", (event) => event.key === "Enter" && commit());
      const entry = choices.length ? options : [number];
      return [element("fieldset", {}, element("legend", {}, model.get("question")), ...entry,
        model.get("revealed") ? null : element("p", {}, button("Commit", commit)))];
    },
  });
}

export default { render };
