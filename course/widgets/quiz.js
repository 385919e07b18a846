// The view of a quiz: a form for each question. What is not sent yet is a draft and stays here.

const LETTERS = "ABCDEF";

function choices(row, draft, several) {
  return Object.entries(row.options).map(([letter, text]) => {
    const input = element("input", {
      type: several ? "checkbox" : "radio", name: `q${row.number}-${draft.id}`, value: letter,
      "data-key": `${row.number}${letter}`,
    });
    input.checked = draft.letters.includes(letter);
    input.addEventListener("change", () => {
      const others = several ? draft.letters.filter((one) => one !== letter) : [];
      draft.letters = input.checked ? [...others, letter].sort() : others;
    });
    return element("label", { class: "dwcp-option" }, input, ` ${letter}. `, ...marked(text));
  });
}

function ordering(row, draft, redraw) {
  const move = (from, to, key) => {
    const letters = [...draft.letters];
    letters.splice(to, 0, ...letters.splice(from, 1));
    draft.letters = letters;
    redraw(key, `Step ${to + 1} of ${letters.length}.`);
  };
  const items = draft.letters.map((letter, i) => {
    const text = row.options[letter];
    const mover = (label, to) => {
      const key = `${row.number}${letter}${label}`;
      const there = to >= 0 && to < draft.letters.length;
      return button(label, () => there && move(i, to, key),
        { "data-key": key, "aria-label": `${label}: ${text}`, "aria-disabled": there ? null : "true" });
    };
    return element("li", {}, ...marked(text), " ", mover("Up", i - 1), mover("Down", i + 1));
  });
  return [element("ol", {}, ...items)];
}

function matching(row, draft) {
  const list = element("ul", {}, ...Object.entries(row.options).map(([letter, text]) =>
    element("li", {}, `${letter}. `, ...marked(text))));
  const picks = row.prompts.map((prompt, i) => {
    const select = element("select", { "data-key": `${row.number}-${i}` },
      element("option", { value: "" }, "choose"),
      ...Object.entries(row.options).map(([letter, text]) =>
        element("option", { value: letter }, `${letter}. ${text}`)));
    select.value = draft.letters[i] ?? "";
    select.addEventListener("change", () => { draft.letters[i] = select.value; });
    return element("label", { class: "dwcp-option" }, ...marked(prompt), ": ", select);
  });
  return [list, ...picks];
}

function line(row, draft, send) {
  const label = row.unit ? `Your answer, in ${row.unit}` : "Your command";
  const input = element("input", { type: "text", size: row.unit ? 14 : 50, "data-key": `${row.number}line`, autocomplete: "off", spellcheck: "false" });
  input.value = draft.text;
  input.addEventListener("input", () => { draft.text = input.value; });
  input.addEventListener("keydown", (event) => event.key === "Enter" && send());
  return [element("label", { class: "dwcp-option" }, `${label} `, input)];
}

function verdict(said, key) {
  if (!said) return null;
  const reasons = (said.reasons ?? []).map(([option, why]) =>
    element("li", {}, element("b", {}, ...marked(option)), ": ", ...marked(why)));
  return element("div", { class: "dwcp-said", tabindex: "-1", "data-key": key },
    element("p", {}, element("b", {}, said.right ? "Right. " : "Not right. "), ...marked(said.why)),
    said.key && element("p", {}, "The answer: ", ...marked(said.key), ". ", ...marked(said.fact)),
    reasons.length ? element("ul", {}, ...reasons) : null);
}

function form(model, row, draft, send, redraw) {
  const answered = model.get("given")[row.number];
  const said = model.get("said")[row.number];
  const isLine = ["calculation", "command"].includes(row.type);
  const give = () => send("answer", { number: row.number, given: isLine ? draft.text.trim() : draft.letters.join("") });
  const inner = isLine ? line(row, draft, give)
    : row.type === "ordering" ? ordering(row, draft, redraw)
    : row.type === "matching" ? matching(row, draft)
    : choices(row, draft, row.type === "multiple");
  const kept = answered !== undefined && !said ? element("p", {}, `Kept: ${answered}. You may change it.`) : null;
  const steps = [button("Answer", give, { "data-key": `${row.number}answer`, "aria-label": `Answer question ${row.number}` })];
  if (said && !said.key) {
    steps.push(button("Show the answer", () => send("show", { number: row.number }),
      { "data-key": `${row.number}show`, "aria-label": `Show the answer to question ${row.number}` }));
  }
  return element("fieldset", { "data-number": row.number },
    element("legend", {}, `${row.number}. `, ...marked(row.stem)),
    row.exhibit && element("pre", { tabindex: "0", "aria-label": "Exhibit" }, row.exhibit),
    element("p", {}, row.ask),
    ...inner, element("p", {}, ...steps), kept, verdict(said, `${row.number}said`));
}

function letters(row, given) {
  if (typeof given === "string" && /^[A-F]+$/.test(given)) return [...given];
  return row.type === "ordering" ? Object.keys(row.options) : [];
}

// The kernel's clock counts; in between the view counts down by itself. Null without a clock.
function countdown(model) {
  if (model.get("left_s") < 0) return null;
  const shown = element("p", { role: "timer", class: "dwcp-timer" });
  let ends = 0;
  const set = () => { ends = performance.now() + model.get("left_s") * 1000; tick(); };
  const tick = () => {
    const left = Math.max(0, Math.round((ends - performance.now()) / 1000));
    shown.textContent = left ? `Time left: ${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`
      : "The time is up. What you answered is kept; hand in now.";
  };
  set();
  model.on("change:left_s", set);
  const every = setInterval(tick, 1000);
  return { shown, stop: () => { clearInterval(every); model.off("change:left_s", set); } };
}

let quizzes = 0;

function render({ model, el }) {
  quizzes += 1;
  const drafts = {};
  for (const row of model.get("questions")) {
    const given = model.get("given")[row.number];
    drafts[row.number] = { id: quizzes, letters: letters(row, given), text: String(given ?? "") };
  }
  const clock = countdown(model);
  const gone = panel({
    model, el, name: "quiz", traits: ["given", "said", "standing"],
    draw: (send, redraw) => [
      clock?.shown,
      ...model.get("questions").map((row) => form(model, row, drafts[row.number], send, redraw)),
      element("p", {}, model.get("standing")),
    ],
  });
  return () => { clock?.stop(); gone(); };
}

export default { render };
