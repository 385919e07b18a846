// The view of an incident console. The clock ticks here, once a second while it runs.

const PACES = [1, 10, 60];

function clock(model, send, drafts) {
  const { now_s, at_s } = model.get("snapshot");
  const past = at_s < now_s;
  const where = past ? `You are looking at ${at_s.toFixed(0)} s; it is ${now_s.toFixed(0)} s now. What you type here does not count.`
    : `${now_s.toFixed(0)} s since the page. The clock ${model.get("running") ? "runs" : "stands"}.`;
  const pace = element("select", { "data-key": "pace" },
    ...PACES.map((s) => element("option", { value: s }, `${s} s each second`)));
  pace.value = drafts.pace;
  pace.addEventListener("change", () => {
    drafts.pace = Number(pace.value);
    if (model.get("running")) send("run", { pace_s: drafts.pace });
  });
  const turn = model.get("running") ? button("Pause", () => send("pause"), { "data-key": "run" })
    : button("Run", () => send("run", { pace_s: drafts.pace }), { "data-key": "run" });
  return element("div", { role: "group", "aria-label": "Clock" },
    element("p", { class: past ? "dwcp-note" : null }, element("b", {}, where)),
    element("p", {}, turn, element("label", {}, "Pace ", pace),
      button("Step 10 s", () => send("step", { seconds: 10 })), button("Step 60 s", () => send("step", { seconds: 60 })),
      button("Back 10 s", () => send("back", { at_s: Math.max(0, at_s - 10) })),
      button("Back 60 s", () => send("back", { at_s: Math.max(0, at_s - 60) })),
      past ? button("Return to now", () => send("back", { at_s: now_s })) : null));
}

// Steps, as counts are: a value holds until the next one.
function curve({ name, points }) {
  const values = points.map(([, value]) => value);
  const [least, most, last] = [Math.min(...values), Math.max(...values), values.at(-1)];
  const text = `${name}: ${last} now, ${least} to ${most} so far`;
  const [from, to] = [points[0][0], points.at(-1)[0]];
  const x = (s) => (to > from ? 4 + (292 * (s - from)) / (to - from) : 4);
  const y = (value) => (most > least ? 36 - (32 * (value - least)) / (most - least) : 20);
  let path = `M${x(from)} ${y(values[0])}`;
  for (const [s, value] of points.slice(1)) path += `H${x(s)}V${y(value)}`;
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 300 40");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  for (const [key, value] of Object.entries({ d: `${path}H296`, fill: "none", stroke: "currentColor", "stroke-width": "2" })) line.setAttribute(key, value);
  svg.append(line);
  return element("div", {}, element("p", {}, text), svg);
}

function terminal(model, send, drafts) {
  const rows = model.get("typed").map(({ s, line, code, text }) => element("div", {},
    element("p", {}, element("code", {}, `${s} s $ ${line}`), code ? ` (exit code ${code})` : ""),
    element("pre", {}, text)));
  const input = element("input", { type: "text", size: 44, "data-key": "line", autocomplete: "off", spellcheck: "false" });
  input.value = drafts.line;
  const give = () => {
    if (drafts.line.trim()) drafts.lines.push(drafts.line);
    const line = drafts.line;
    drafts.line = "";
    drafts.at = drafts.lines.length;
    input.value = "";
    send("type", { line });
  };
  input.addEventListener("input", () => { drafts.line = input.value; });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") give();
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    drafts.at = Math.min(drafts.lines.length, Math.max(0, drafts.at + step));
    drafts.line = input.value = drafts.lines[drafts.at] ?? "";
  });
  return element("div", {}, element("h4", {}, "Terminal"),
    element("div", { class: "dwcp-scroll", role: "region", "aria-label": "Terminal output", tabindex: "0", "data-scroll": "typed", "data-key": "typed" }, ...rows),
    element("p", {}, element("label", {}, "dwcp-cli ", input), button("Enter", give)));
}

function speaking(model, send, drafts) {
  if (!model.get("choices").length) return null;
  const say = (kind, text = "") => send("say", { kind, text });
  const update = element("input", { type: "text", size: 44, "data-key": "update" });
  update.value = drafts.update;
  update.addEventListener("input", () => { drafts.update = update.value; });
  const diagnosis = element("select", { "data-key": "diagnosis" },
    element("option", { value: "" }, "choose"), ...model.get("choices").map((text) => element("option", { value: text }, text)));
  diagnosis.value = drafts.diagnosis;
  diagnosis.addEventListener("change", () => { drafts.diagnosis = diagnosis.value; });
  return element("div", { role: "group", "aria-label": "What you say" }, element("h4", {}, "What you say"),
    element("p", {}, button("Acknowledge the page", () => say("acknowledge")), button("It is over", () => say("done"))),
    element("p", {}, element("label", {}, "Update for the others ", update), button("Send the update", () => say("update", drafts.update))),
    element("p", {}, element("label", {}, "What is wrong ", diagnosis), button("Say it", () => say("diagnose", drafts.diagnosis))));
}

function ending(model) {
  const { incident, wrong, points, reasons } = model.get("verdict");
  if (!incident) return null;
  return element("div", { class: "dwcp-said" }, element("h4", {}, `It was: ${incident}`), element("p", {}, wrong),
    table("Points", points), element("ul", {}, ...reasons.map((text) => element("li", {}, text))));
}

function render({ model, el }) {
  const drafts = { pace: model.get("pace_s"), line: "", lines: [], at: 0, update: "", diagnosis: "" };
  let ticking = null;
  const beat = (send) => {
    if (model.get("running") && !ticking) ticking = setTimeout(() => { ticking = null; send("tick"); }, 1000);
    if (!model.get("running")) { clearTimeout(ticking); ticking = null; }
  };
  const stop = panel({
    model, el, name: "console", traits: ["snapshot", "typed", "running", "verdict"],
    draw: (send) => {
      beat(send);
      const seen = model.get("snapshot");
      return [
        clock(model, send, drafts),
        element("div", { role: "region", "aria-label": "Pages" }, element("h4", {}, "Pages"),
          element("ul", {}, ...seen.pages.map(({ s, page }) => element("li", {}, `${s.toFixed(0)} s: ${page}`)))),
        ending(model),
        element("div", { class: "dwcp-beside" },
          terminal(model, send, drafts),
          element("div", {}, element("h4", {}, "Dashboard"), ...seen.series.map(curve),
            ...seen.panels.map(({ title, rows }) => table(title, rows)))),
        speaking(model, send, drafts),
        element("div", {}, element("h4", {}, "Logs"),
          element("div", { class: "dwcp-scroll", role: "region", "aria-label": "Logs", tabindex: "0", "data-scroll": "logs", "data-key": "logs" }, table("Events", seen.logs))),
      ];
    },
  });
  return () => { clearTimeout(ticking); stop(); };
}

export default { render };
