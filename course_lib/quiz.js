// The front end of quiz.py. Texts arrive cut into [kind, words] and are put in as text, never as HTML.

const STYLE = `
.course-quiz { max-width: 46em; margin: 0.6em 0; line-height: 1.5; color: var(--jp-content-font-color1, inherit); }
.course-quiz fieldset { border: 1px solid #8888; border-radius: 6px; margin: 0; padding: 0.4em 1em 0.8em; }
.course-quiz legend { font-weight: 600; padding: 0 0.4em; }
.course-quiz label { display: flex; align-items: baseline; gap: 0.6em; padding: 0.2em 0; cursor: pointer; }
.course-quiz input, .course-quiz button { font: inherit; accent-color: #0072b2; }
.course-quiz input[type="text"] { width: 9em; padding: 0.2em 0.4em; }
.course-quiz input[type="text"], .course-quiz button {
  color: inherit; background: transparent; border: 1px solid currentColor; border-radius: 4px;
}
.course-quiz button { margin-top: 0.6em; padding: 0.2em 1em; cursor: pointer; }
.course-quiz :focus-visible { outline: 3px solid #0072b2; outline-offset: 2px; }
.course-quiz code { font-family: var(--jp-code-font-family, monospace); font-size: 0.95em; }
.course-quiz .mark { font-weight: 600; white-space: nowrap; }
.course-quiz .verdict > * { margin: 0.6em 0 0; padding: 0.1em 0 0.1em 0.8em; border-left: 5px solid #8888; }
.course-quiz .verdict > .right { border-color: #009e73; }
.course-quiz .verdict > .wrong { border-color: #d55e00; }
.course-quiz summary { cursor: pointer; }
`;

let views = 0;

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  // JupyterLab and Notebook take arrow keys, Space and Enter for themselves without this.
  if (["input", "button", "summary"].includes(tag)) made.dataset.lmSuppressShortcuts = "true";
  made.append(...children);
  return made;
}

function words(pieces) {
  const tags = { code: "code", bold: "strong", line: "br" };
  return pieces.map(([kind, text]) =>
    kind in tags ? element(tags[kind], { textContent: kind === "line" ? "" : text }) : text,
  );
}

function paragraph(kind, start, pieces = []) {
  return element("p", { className: kind }, element("strong", {}, start), " ", ...words(pieces));
}

function fold(title, ...children) {
  return element("details", {}, element("summary", {}, title), ...children);
}

// ---------------------------------------------------------------- one answer, or several, to choose

function choice(content, name) {
  const type = content.kind === "many" ? "checkbox" : "radio";
  const rows = content.options.map((option) => {
    const input = element("input", { type, name });
    const mark = element("span", { className: "mark" });
    const label = element("label", {}, input, element("span", {}, ...words(option.text)), mark);
    return { ...option, input, mark, label };
  });

  function verdict(chosen) {
    const taken = rows.filter((row) => chosen.includes(row.key));
    const missing = rows.filter((row) => row.right && !taken.includes(row)).length;
    const correct = missing === 0 && taken.every((row) => row.right);
    const because = (row) => [...row.text, ["text", ": "], ...row.why];
    const explain = (row) => paragraph(row.right ? "right" : "wrong", row.right ? "✓" : "✗", because(row));
    const others = rows.filter((row) => !taken.includes(row));
    if (correct) {
      const rest = others.length ? [fold("Why not the other answers?", ...others.map(explain))] : [];
      return [paragraph("right", "✓ Right."), ...taken.map(explain), ...rest];
    }
    const incomplete = taken.every((row) => row.right);
    const head = incomplete ? "✗ Right so far, but something is missing." : "✗ Not right.";
    return [paragraph("wrong", head, [["text", "Try again."]]), ...taken.map(explain)];
  }

  return {
    body: rows.map((row) => row.label),
    hint: content.kind === "many" ? " (Choose all that apply.)" : "",
    empty: "Choose an answer first.",
    read: () => rows.filter((row) => row.input.checked).map((row) => row.key),
    write: (chosen) => {
      for (const row of rows) {
        row.input.checked = chosen.includes(row.key);
        row.mark.textContent = row.input.checked ? (row.right ? "✓ right" : "✗ wrong") : "";
      }
    },
    isEmpty: (chosen) => chosen.length === 0,
    verdict,
  };
}

// ------------------------------------------------------------------------------ a number to type

// "1,234,567" and "1 234 567" are whole numbers, "2,5" is 2.5; null is not a number.
export function readNumber(text) {
  let plain = text.replace(/%\s*$/, "").replace(/[\s_\u00a0\u2009\u202f']/g, "").replace("\u2212", "-");
  if (/^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$/.test(plain)) plain = plain.replaceAll(",", "");
  plain = plain.replace(",", ".");
  return /\d/.test(plain) && Number.isFinite(Number(plain)) ? Number(plain) : null;
}

function number(content) {
  const input = element("input", { type: "text", inputMode: "decimal", autocomplete: "off" });
  const solution = [...content.shown, ["text", ": "], ...content.why];

  function verdict(chosen) {
    if (Math.abs(chosen - content.answer) <= content.tolerance) {
      return [paragraph("right", "✓ Right.", solution)];
    }
    const hint = content.hints.find(({ value }) => Math.abs(value - chosen) <= 1e-9 * Math.abs(value));
    return [
      paragraph("wrong", `✗ Not ${chosen}.`, [...(hint?.why ?? []), ["text", " Try again."]]),
      fold("Show the answer", paragraph("right", "✓", solution)),
    ];
  }

  return {
    body: [element("label", {}, "Your answer: ", input)],
    hint: "",
    empty: "Type a number first, for example 41 or 0.5.",
    read: () => readNumber(input.value),
    write: (chosen) => {
      if (readNumber(input.value) !== chosen) input.value = chosen ?? "";
    },
    isEmpty: (chosen) => chosen === null,
    verdict,
  };
}

// -------------------------------------------------------------------------------------- the view

function render({ model, el }) {
  const content = model.get("content");
  const view = content.kind === "number" ? number(content) : choice(content, `course-quiz-${(views += 1)}`);
  const legend = element("legend", {}, ...words(content.question), view.hint);
  const button = element("button", { type: "submit" }, "Check");
  const verdict = element("div", { className: "verdict" });
  verdict.setAttribute("role", "status"); // read out when it changes
  verdict.setAttribute("aria-live", "polite");
  const form = element(
    "form",
    { className: "course-quiz", noValidate: true },
    element("style", {}, STYLE),
    element("fieldset", {}, legend, ...view.body, button),
    verdict,
  );

  function show() {
    const chosen = model.get("chosen");
    view.write(chosen);
    verdict.replaceChildren(...(view.isEmpty(chosen) ? [] : view.verdict(chosen)));
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = view.read();
    if (view.isEmpty(chosen)) {
      verdict.replaceChildren(paragraph("empty", view.empty));
      return;
    }
    model.set("chosen", chosen); // the verdict needs no kernel; Python hears of it where there is one
    model.save_changes();
    show();
  });
  // Browsers do this by themselves, but not for a text field in JupyterLab.
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.ctrlKey || event.target.tagName !== "INPUT") return;
    event.preventDefault();
    form.requestSubmit();
  });
  model.on("change:chosen", show);
  el.append(form);
  show();
  return () => model.off("change:chosen", show);
}

export default { render };
