// The backprop stepper: the forward and the backward pass of an expression graph, one node at a time.

const sigmoid = (z) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));

/** For each operation: its value, and for each input the local derivative with the formula that gives it. */
const OPERATIONS = {
  add: { value: ([p, q]) => p + q, sign: "+", local: () => [[1, ""], [1, ""]] },
  sub: { value: ([p, q]) => p - q, sign: "−", local: () => [[1, ""], [-1, ""]] },
  mul: { value: ([p, q]) => p * q, sign: "×", local: ([p, q], o, [P, Q]) => [[q, Q], [p, P]] },
  div: {
    value: ([p, q]) => p / q, sign: "/",
    local: ([p, q], o, [P, Q]) => [[1 / q, `1/${Q}`], [-p / (q * q), `−${P}/${Q}²`]],
  },
  neg: { value: ([p]) => -p, local: () => [[-1, ""]] },
  pow: {
    value: ([p], n) => p ** n,
    local: ([p], o, [P], O, n) => [[n === 0 ? 0 : n * p ** (n - 1), `${short(n)}·${P}^${short(n - 1)}`]],
  },
  tanh: { value: ([p]) => Math.tanh(p), local: (x, o, X, O) => [[1 - o * o, `1 − ${O}²`]] },
  relu: { value: ([p]) => (p > 0 ? p : p === p ? 0 : p), local: ([p], o, [P]) => [[p > 0 ? 1 : 0, `1 if ${P} > 0 else 0`]] },
  exp: { value: ([p]) => Math.exp(p), local: (x, o, X, O) => [[o, O]] },
  log: { value: ([p]) => Math.log(p), local: ([p], o, [P]) => [[1 / p, `1/${P}`]] },
  sigmoid: { value: ([p]) => sigmoid(p), local: (x, o, X, O) => [[o * (1 - o), `${O}·(1 − ${O})`]] },
};

/** Everything that is known after `step` steps; the steps are the results forward, then the results backward. */
export function stateAt(graph, values, step) {
  const results = graph.flatMap((node, i) => (node.inputs.length ? [i] : []));
  const forward = Math.min(step, results.length);
  const state = {
    outputs: graph.map((node) => (node.op === "variable" ? values[node.name] : node.op === "constant" ? node.constant : null)),
    gradients: graph.map(() => null),
    waiting: graph.map((_, i) => graph.reduce((n, reader) => n + reader.inputs.filter((k) => k === i).length, 0)),
    current: -1, total: 2 * results.length, results, added: [],
  };
  for (const i of results.slice(0, forward)) {
    const { op, inputs, constant } = graph[i];
    state.outputs[i] = OPERATIONS[op].value(inputs.map((k) => state.outputs[k]), constant);
    state.current = i;
  }
  if (step > results.length) state.gradients[graph.length - 1] = 1;
  for (const i of results.slice().reverse().slice(0, step - forward)) {
    state.added = backward(graph, state, i);
    state.current = i;
  }
  return state;
}

/** Send the gradient of node i on to its inputs; returns what was added where. */
function backward(graph, state, i) {
  const node = graph[i];
  const { outputs, gradients } = state;
  const incoming = gradients[i];
  const locals = OPERATIONS[node.op].local(
    node.inputs.map((k) => outputs[k]), outputs[i], node.inputs.map((k) => graph[k].name), node.name, node.constant,
  );
  return node.inputs.map((k, position) => {
    const [local, formula] = locals[position];
    const before = gradients[k] ?? 0;
    gradients[k] = before + local * incoming;
    state.waiting[k] -= 1;
    return { to: k, local, formula, incoming, before, after: gradients[k] };
  });
}

/** A number in a few characters: enough digits to follow the arithmetic. */
function digits(value) {
  if (!Number.isFinite(value) || value === 0 || (Math.abs(value) >= 0.1 && Math.abs(value) < 1000)) return number(value);
  return String(Number(value.toPrecision(3))).replace(/-/g, "−");
}
/** The same with more digits, for the sentence: there the reader checks the arithmetic. */
function exact(value) {
  if (!Number.isFinite(value) || value === 0 || Math.abs(value) >= 0.1) return short(value, 4);
  return String(Number(value.toPrecision(4))).replace(/-/g, "−");
}
const factor = (value) => (value < 0 ? `(${exact(value)})` : exact(value));

/** The local rule of the current step, in numbers. */
function story(graph, state, step) {
  const node = graph[state.current];
  const head = `Step ${step} of ${state.total}`;
  if (!node) return `${head}. The inputs are known. Press “Forward one node”.`;
  const value = state.outputs[state.current];
  if (step <= state.results.length) {
    const inputs = node.inputs.map((k) => state.outputs[k]);
    const { sign } = OPERATIONS[node.op];
    const filled = sign
      ? inputs.map((v, k) => (k ? factor(v) : exact(v))).join(` ${sign} `)
      : node.op === "neg" ? `−${factor(inputs[0])}`
      : node.op === "pow" ? `${factor(inputs[0])}^${short(node.constant)}`
      : `${node.op}(${exact(inputs[0])})`;
    const wrong = Number.isFinite(value) ? "" : " That is no finite number: change an input.";
    return `${head}, forward: ${node.label} = ${filled} = ${exact(value)}.${wrong}`;
  }
  const first = step === state.results.length + 1 ? ` Its own gradient is ∂${node.name}/∂${node.name} = 1.` : "";
  const lines = state.added.map(({ to, local, formula, incoming, before, after }) => {
    const name = graph[to].name;
    if (graph[to].op === "constant") return `${name} is a constant: nothing to pass on.`;
    const rule = `∂${node.name}/∂${name} = ${formula ? `${formula} = ` : ""}${exact(local)}`;
    const sum = before === 0 ? "" : ` (${exact(before)} + ${factor(local * incoming)} = ${exact(after)})`;
    return `Local derivative ${rule}, times incoming ${exact(incoming)} gives ${exact(local * incoming)}: ` +
      `added to ${name}.grad${sum}.`;
  });
  return [`${head}, backward through ${node.label}.${first}`, ...lines].join("\n");
}

/** Compare every finished number with PyTorch's. */
function verdict(graph, state, values, autograd, step) {
  if (step < state.total) return "";
  if (Object.keys(values).some((name) => values[name] !== autograd.values[name])) {
    return "PyTorch has not answered yet for these values (it needs a running kernel).";
  }
  let worst = 0;
  for (const [mine, theirs] of [[state.outputs, autograd.outputs], [state.gradients, autograd.gradients]]) {
    mine.forEach((value, i) => {
      if (graph[i].op === "constant") return;
      const bothUndefined = !Number.isFinite(value) && theirs[i] === null;
      worst = Math.max(worst, bothUndefined ? 0 : theirs[i] === null ? Infinity : Math.abs(value - theirs[i]));
    });
  }
  const scale = Math.max(1, ...autograd.gradients.map((g) => Math.abs(g ?? 0)));
  const size = worst === 0 ? "0" : worst.toExponential(1).replace("-", "−");
  return Number.isFinite(worst) && worst <= 1e-9 * scale
    ? `✓ agrees with PyTorch (largest difference ${size})`
    : `✗ differs from PyTorch by up to ${size}`;
}

function build(frame, model) {
  const graph = model.get("graph");
  let values = { ...model.get("values") };
  let step = model.get("step");
  let state = stateAt(graph, values, step);

  const describe = () =>
    [story(graph, state, step), verdict(graph, state, values, model.get("autograd"), step)].filter(Boolean).join("\n");
  const show = () => {
    state = stateAt(graph, values, step);
    const none = (element, yes) => element.setAttribute("aria-disabled", yes);
    none(forward, step >= state.results.length);
    none(backwardButton, step < state.results.length || step >= state.total);
    none(all, step >= state.total);
    none(back, step === 0);
    none(reset, step === 0);
    stage.canvas.setAttribute("aria-label", graphInWords(graph, state));
    frame.say(describe());
    frame.redraw();
  };
  const go = (next) => {
    step = Math.min(Math.max(next, 0), state.total);
    show();
    send();
  };
  const send = () => {
    const known = graph.flatMap((node, i) => (node.op === "variable" ? [[node.name, state.gradients[i]]] : []));
    frame.write({ step, values, gradients: Object.fromEntries(known) });
  };

  const forward = frame.button("Forward one node", () => go(step + 1));
  const backwardButton = frame.button("Backward one node", () => go(step + 1));
  const all = frame.button("Run all", () => go(state.total));
  const back = frame.button("Back", () => go(step - 1));
  const reset = frame.button("Reset", () => go(0));
  frame.bar(forward, backwardButton, all, back, reset);
  const fields = graph.filter((node) => node.op === "variable").map(({ name }) => {
    const field = h("input", { type: "number", step: 0.1, value: values[name] });
    frame.on(field, "input", () => {
      const value = field.valueAsNumber;
      field.setAttribute("aria-invalid", !Number.isFinite(value));
      if (!Number.isFinite(value)) return;
      values = { ...values, [name]: value };
      show();
      send();
    });
    return { name, field, label: h("label", {}, `${name} =`, field) };
  });
  frame.bar(...fields.map(({ label }) => label));

  const columns = 1 + Math.max(...graph.map((node) => node.column));
  const taken = graph.flatMap((node) => [node.row, ...node.routes.flat().map(([, row]) => row)]);
  const top = Math.min(...taken), bottom = Math.max(...taken);
  const stage = frame.surface(
    { role: "img" },
    (width) => [Math.max(width, 92 * columns), 78 * (bottom - top + 1)],
    (context, width, height, theme) => drawGraph(context, width, theme, graph, state, { columns, top }),
  );

  frame.onPython(["values"], () => {
    values = { ...model.get("values") };
    for (const { name, field } of fields) field.value = values[name];
    show();
    send();
  });
  frame.onPython(["step"], () => go(model.get("step")));
  frame.onPython(["autograd"], () => frame.say(describe()));
  frame.finish(
    "In each box: how the node is computed, its value, and ∂, the derivative of " +
      `${graph.at(-1).name} with respect to it. “…” means that more will be added.`,
    4,
  );
  show();
  send();
}

function graphInWords(graph, state) {
  const told = graph.filter((node) => node.op !== "constant").map((node) => {
    const i = graph.indexOf(node);
    const value = state.outputs[i] === null ? "not computed yet" : digits(state.outputs[i]);
    const gradient = state.gradients[i] === null ? "" : `, gradient ${digits(state.gradients[i])}`;
    return `${node.label}: ${value}${gradient}${state.waiting[i] && gradient ? " so far" : ""}.`;
  });
  return `Expression graph. ${told.join(" ")}`;
}

function drawGraph(context, width, theme, graph, state, { columns, top }) {
  const columnWidth = width / columns;
  const box = { width: Math.min(columnWidth - 18, 104), height: 62 };
  const at = (column, row) => [(column + 0.5) * columnWidth, (row - top + 0.5) * 78];
  const active = new Set(state.added.length ? state.added.map(({ to }) => to) : []);
  graph.forEach((node, j) => {
    node.inputs.forEach((i, k) => {
      const port = 22 * node.ports[k];
      const [x0, y0] = at(graph[i].column, graph[i].row);
      const [x1, y1] = at(node.column, node.row);
      const stops = [[x0 + box.width / 2, y0]];
      for (const [c, r] of node.routes[k]) {
        const [x, y] = at(c, r);
        stops.push([x - box.width / 2, y], [x + box.width / 2, y]);
      }
      stops.push([x1 - box.width / 2, y1 + port]);
      const hot = j === state.current;
      drawEdge(context, stops, hot ? theme.fg : theme.line, hot ? 3 : 1.5, hot && active.size > 0);
    });
  });
  graph.forEach((node, i) => drawNode(context, theme, node, at(node.column, node.row), box, {
    value: state.outputs[i], gradient: state.gradients[i], partial: state.waiting[i] > 0,
    current: i === state.current, touched: active.has(i),
  }));
}

/** A smooth line through the stops, with an arrow at the end the numbers flow to. */
function drawEdge(context, stops, color, lineWidth, toStart) {
  context.strokeStyle = context.fillStyle = color;
  context.lineWidth = lineWidth;
  context.beginPath();
  context.moveTo(...stops[0]);
  for (let k = 1; k < stops.length; k += 1) {
    const [[x0, y0], [x1, y1]] = [stops[k - 1], stops[k]];
    const middle = (x0 + x1) / 2;
    context.bezierCurveTo(middle, y0, middle, y1, x1, y1);
  }
  context.stroke();
  const [x, y] = toStart ? stops[0] : stops.at(-1);
  const back = toStart ? 7 : -7;
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x + back, y - 4.5);
  context.lineTo(x + back, y + 4.5);
  context.fill();
}

function drawNode(context, theme, node, [x, y], box, { value, gradient, partial, current, touched }) {
  const constant = node.op === "constant";
  const tall = constant ? 28 : box.height;
  const corner = [x - box.width / 2, y - tall / 2, box.width, tall];
  context.beginPath();
  context.roundRect(...corner, constant ? 14 : 6);
  context.fillStyle = current ? (theme.dark ? "#5a4a00" : "#fff3b0") : theme.raised;
  context.fill();
  context.lineWidth = current ? 3.5 : touched ? 2.5 : 1.2;
  context.strokeStyle = current || touched ? theme.fg : theme.line;
  context.setLineDash(touched && !current ? [5, 3] : []);
  context.stroke();
  context.setLineDash([]);
  context.textAlign = "center";
  context.textBaseline = "middle";
  const write = (text, dy, style, color) => {
    context.fillStyle = color;
    context.font = `${style} 13px ${FONT}`;
    context.fillText(text, x, y + dy, box.width - 8);
  };
  if (constant) return write(node.name, 0, "", theme.fg);
  write(node.label, -19, "bold", theme.fg);
  if (value !== null) write(digits(value), 1, "", theme.dark ? COLORS[4] : COLORS[0]);
  if (gradient !== null) write(`∂ ${digits(gradient)}${partial ? " …" : ""}`, 20, "", theme.dark ? "#ff9d5c" : "#b34700");
}

export default demo("Backprop stepper", build);
