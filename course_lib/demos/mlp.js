// The MLP playground: a small network in float64, its training, and pictures of what every unit does.

export class Network {
  /**
   * @param architecture list of {type: "linear", in, out, bias} and {type: activation, slope}
   * @param weights Float64Array: for each linear layer W (out × in, row by row), then b
   */
  constructor(architecture, weights) {
    this.architecture = architecture;
    this.weights = weights;
    let offset = 0;
    this.offsets = architecture.map((layer) => {
      const start = offset;
      if (layer.type === "linear") offset += layer.out * layer.in + (layer.bias ? layer.out : 0);
      return start;
    });
    if (offset !== weights.length) throw new Error(`Expected ${offset} weights, got ${weights.length}.`);
    this.outputs = architecture.findLast((layer) => layer.type === "linear").out;
  }

  /** The outputs of every layer for n rows of X; the last ones are the logits. */
  forward(X, n) {
    const outputs = [];
    let input = X;
    this.architecture.forEach((layer, k) => {
      input = layer.type === "linear" ? this.linear(k, input, n) : activate(layer, input);
      outputs.push(input);
    });
    return outputs;
  }

  linear(k, input, n) {
    const { in: from, out: to, bias } = this.architecture[k];
    const W = this.offsets[k], b = W + to * from;
    const output = new Float64Array(n * to);
    for (let row = 0; row < n; row += 1) {
      for (let j = 0; j < to; j += 1) {
        let sum = bias ? this.weights[b + j] : 0;
        for (let i = 0; i < from; i += 1) sum += this.weights[W + j * from + i] * input[row * from + i];
        output[row * to + j] = sum;
      }
    }
    return output;
  }

  /** Loss, share of right answers, and the gradient in the order of the weights. */
  gradient(X, y, n) {
    const outputs = this.forward(X, n);
    let { loss, right, delta } = lossOf(outputs.at(-1), y, n, this.outputs);
    const gradient = new Float64Array(this.weights.length);
    for (let k = this.architecture.length - 1; k >= 0; k -= 1) {
      const layer = this.architecture[k];
      const input = k > 0 ? outputs[k - 1] : X;
      delta = layer.type === "linear"
        ? this.linearBackward(k, input, delta, n, gradient)
        : activateBackward(layer, input, outputs[k], delta);
    }
    return { loss, accuracy: right / n, gradient };
  }

  linearBackward(k, input, delta, n, gradient) {
    const { in: from, out: to, bias } = this.architecture[k];
    const W = this.offsets[k], b = W + to * from;
    const dInput = new Float64Array(n * from);
    for (let row = 0; row < n; row += 1) {
      for (let j = 0; j < to; j += 1) {
        const d = delta[row * to + j];
        if (bias) gradient[b + j] += d;
        for (let i = 0; i < from; i += 1) {
          gradient[W + j * from + i] += d * input[row * from + i];
          dInput[row * from + i] += d * this.weights[W + j * from + i];
        }
      }
    }
    return dInput;
  }

  /** One step of gradient descent on all rows. */
  step(X, y, n, lr) {
    const { loss, accuracy, gradient } = this.gradient(X, y, n);
    for (let i = 0; i < gradient.length; i += 1) this.weights[i] -= lr * gradient[i];
    return { loss, accuracy };
  }
}

const sigmoid = (z) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));

function activate({ type, slope }, z) {
  if (type === "tanh") return z.map(Math.tanh);
  if (type === "relu") return z.map((v) => (v > 0 ? v : 0));
  if (type === "leaky_relu") return z.map((v) => (v > 0 ? v : slope * v));
  if (type === "sigmoid") return z.map(sigmoid);
  if (type === "identity") return z.slice();
  throw new Error(`unknown activation ${type}`);
}

function activateBackward({ type, slope }, z, a, delta) {
  if (type === "tanh") return delta.map((d, i) => d * (1 - a[i] * a[i]));
  if (type === "relu") return delta.map((d, i) => (z[i] > 0 ? d : 0));
  if (type === "leaky_relu") return delta.map((d, i) => (z[i] > 0 ? d : slope * d));
  if (type === "sigmoid") return delta.map((d, i) => d * a[i] * (1 - a[i]));
  return delta;
}

/** Mean cross entropy of the logits (one logit: binary), and its gradient. */
function lossOf(logits, y, n, classes) {
  const delta = new Float64Array(logits.length);
  let loss = 0, right = 0;
  for (let row = 0; row < n; row += 1) {
    if (classes === 1) {
      const z = logits[row];
      loss += (Math.max(z, 0) - z * y[row] + Math.log1p(Math.exp(-Math.abs(z)))) / n;
      delta[row] = (sigmoid(z) - y[row]) / n;
      right += (z > 0 ? 1 : 0) === y[row];
      continue;
    }
    const z = logits.subarray(row * classes, (row + 1) * classes);
    const top = Math.max(...z);
    let sum = 0;
    for (const value of z) sum += Math.exp(value - top);
    z.forEach((value, c) => (delta[row * classes + c] = (Math.exp(value - top) / sum - (c === y[row])) / n));
    loss += (top + Math.log(sum) - z[y[row]]) / n;
    right += z.indexOf(top) === y[row];
  }
  return { loss, right, delta };
}

/** A small seeded generator (mulberry32): the same seed gives the same network in every browser. */
function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A fresh network: uniform in ±1/√inputs, as nn.Linear starts. */
export function freshNetwork(hidden, activation, outputs, seed) {
  const random = randomNumbers(seed + 1);
  const architecture = [], weights = [];
  [...hidden, outputs].forEach((out, k, widths) => {
    const from = k ? widths[k - 1] : 2;
    architecture.push({ type: "linear", in: from, out, bias: true });
    for (let i = 0; i < out * (from + 1); i += 1) weights.push((2 * random() - 1) / Math.sqrt(from));
    if (k < hidden.length) architecture.push({ type: activation });
  });
  return new Network(architecture, Float64Array.from(weights));
}

/** Each linear layer with what follows it: where its last output is, how many units it has. */
function groupsOf(architecture) {
  const groups = [];
  architecture.forEach((layer, k) => {
    if (layer.type === "linear") groups.push({ linear: k, units: layer.out, from: layer.in });
    groups.at(-1).last = k;
  });
  return groups;
}

function parseHidden(text) {
  const parts = text.split(/[\s,;]+/).filter(Boolean);
  const widths = parts.map(Number);
  if (parts.length > 4 || widths.some((width) => !Number.isInteger(width) || width < 1 || width > 64)) return null;
  return widths;
}

/** Bytes from Python, in whatever form the front end hands them over. */
function toFloats(bytes) {
  const view = new Uint8Array(bytes.buffer ?? bytes, bytes.byteOffset ?? 0, bytes.byteLength);
  return new Float64Array(view.slice().buffer);
}

const CIVIDIS = [
  [0, 34, 78], [26, 56, 111], [67, 78, 108], [97, 101, 111], [125, 124, 120], [155, 148, 118], [188, 174, 108],
  [222, 201, 88], [254, 232, 56],
];
const rgb = (color) => [1, 3, 5].map((k) => parseInt(color.slice(k, k + 2), 16));
const mix = (a, b, share) => a.map((value, k) => value + share * (b[k] - value));
function cividis(share) {
  const at = Math.min(Math.max(share, 0), 1) * (CIVIDIS.length - 1);
  const k = Math.min(Math.floor(at), CIVIDIS.length - 2);
  return mix(CIVIDIS[k], CIVIDIS[k + 1], at - k);
}

function build(frame, model) {
  const problems = model.get("problems");
  const rates = [...new Set([0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, model.get("lr")])].sort((a, b) => a - b);
  let net, initial, data, losses, score, version = 0, fields, hover = null, chosen = null;
  let sent = { at: 0, weights: [] };

  const load = () => {
    net = new Network(model.get("architecture"), toFloats(model.get("weights")));
    losses = model.get("losses").map((pair) => [...pair]);
    version += 1;
  };
  const makeData = () => {
    const { clean, jitter, y } = problems[model.get("problem")];
    const noise = model.get("noise");
    data = { X: Float64Array.from(clean.flat(), (v, i) => v + noise * jitter[i >> 1][i & 1]), y, n: y.length };
  };
  const box = () => problems[model.get("problem")].box;
  const steps = () => losses.at(-1)?.[0] ?? 0;
  const measure = () => (score = net.gradient(data.X, data.y, data.n));
  const shown = () => hover ?? chosen;
  const status = () => {
    const head =
      `Step ${steps()} · loss ${number(score.loss, 4)} · ${number(100 * score.accuracy, 1)} % of ${data.n} points right`;
    if (!Number.isFinite(score.loss)) {
      return `${head}\nThe loss is no longer a number: the learning rate is too large. Lower it and press Reset.`;
    }
    const unit = shown();
    if (!unit) return `${head}\nThe large picture is the output: the line is where the network changes its mind.`;
    const { low, high } = extremes(fieldOf(unit));
    return `${head}\nHidden layer ${unit.layer + 1}, unit ${unit.unit + 1}: ` +
      `from ${number(low)} (dark) to ${number(high)} (light). ${weightsOf(unit)}`;
  };
  const weightsOf = ({ layer, unit }) => {
    const { linear, units, from } = groupsOf(net.architecture)[layer];
    if (from > 4) return "";
    const W = net.offsets[linear];
    const row = Array.from(net.weights.subarray(W + unit * from, W + (unit + 1) * from), (v) => number(v));
    const bias = net.architecture[linear].bias ? `, bias ${number(net.weights[W + units * from + unit])}` : "";
    return `Weights (${row.join(", ")})${bias}.`;
  };
  const show = () => {
    if (!score) measure();
    frame.say(status());
    frame.redraw();
  };
  const send = () => {
    sent = { at: performance.now(), weights: net.weights.slice() };
    frame.write({ architecture: net.architecture, weights: new DataView(sent.weights.buffer), losses });
  };
  const changed = () => {
    version += 1;
    measure();
    show();
  };
  const trainOnce = () => {
    const before = net.step(data.X, data.y, data.n, model.get("lr"));
    const at = steps();
    if (losses.length === 0) losses.push([0, before.loss]);
    losses.push([at + 1, net.gradient(data.X, data.y, data.n).loss]);
    if (losses.length > 1000) losses = losses.filter((_, k) => k % 2 === 0 || k === losses.length - 1);
  };
  const training = frame.loop(() => {
    const until = performance.now() + 10;
    for (let k = 0; k < 5 && performance.now() < until; k += 1) trainOnce();
    changed();
    if (!Number.isFinite(score.loss)) return pause();
    if (performance.now() - sent.at > 500) send();
  });
  const pause = () => {
    if (!training.running()) return;
    training.stop();
    frame.quiet(false);
    train.textContent = "Train";
    send();
    show();
  };
  const restart = () => {
    pause();
    hover = chosen = null;
    losses = [];
    net = new Network(initial.architecture, initial.weights.slice());
    changed();
    send();
  };
  let seed = model.get("seed");
  const rebuild = () => {
    const hidden = parseHidden(layers.value);
    layers.setAttribute("aria-invalid", hidden === null);
    if (hidden === null) {
      frame.say("Layers: write up to four widths from 1 to 64, such as 4,3 (nothing for no hidden layer).");
      return;
    }
    initial = freshNetwork(hidden, activation.element.value, net.outputs, seed);
    restart();
  };
  const newData = () => {
    makeData();
    changed();
  };

  const problem = frame.choice("Data", Object.keys(problems), model.get("problem"), (name) => {
    frame.write({ problem: name });
    makeData();
    restart();
  });
  const layers = h("input", { type: "text", value: model.get("hidden").join(","), "aria-label": "Layers: widths" });
  let built = layers.value;
  const typed = () => {
    if (layers.value === built) return;
    built = layers.value;
    rebuild();
  };
  frame.on(layers, "change", typed);
  frame.on(layers, "keydown", (event) => event.key === "Enter" && typed()); // not every browser reports it as a change
  const activation = frame.choice("Activation", ["tanh", "relu", "sigmoid"], model.get("activation"), rebuild);
  const lr = frame.slider(
    "Learning rate",
    { min: 0, max: rates.length - 1, step: 1, value: rates.indexOf(model.get("lr")), show: (k) => String(rates[k]) },
    (k) => frame.write({ lr: rates[k] }),
  );
  const noise = frame.slider(
    "Noise",
    { min: 0, max: 0.5, step: 0.05, value: model.get("noise"), show: (v) => number(v) },
    (value) => {
      frame.write({ noise: value });
      newData();
    },
  );
  const train = frame.button("Train", () => {
    if (training.running()) return pause();
    frame.quiet(true);
    train.textContent = "Pause";
    training.start();
  });
  const step = frame.button("Step", () => {
    pause();
    trainOnce();
    changed();
    send();
  });
  frame.bar(
    problem.label,
    h("label", {}, "Layers", layers),
    activation.label,
    lr.label,
    noise.label,
  );
  frame.bar(
    train,
    step,
    frame.button("Reset", restart),
    frame.button("New network", () => {
      seed += 1;
      rebuild();
    }),
  );

  const fieldOf = ({ layer, unit }) => {
    compute();
    const { last, units } = groupsOf(net.architecture)[layer];
    const values = new Float64Array(fields.size ** 2);
    for (let i = 0; i < values.length; i += 1) values[i] = fields.outputs[last][i * units + unit];
    return values;
  };
  /** Every unit's output on a grid over the picture, from the top left. */
  const compute = () => {
    if (fields?.version === version) return;
    const size = net.weights.length < 2500 ? 48 : net.weights.length < 8000 ? 32 : 24;
    const [x0, x1, y0, y1] = box();
    const X = new Float64Array(2 * size * size);
    for (let i = 0; i < size * size; i += 1) {
      X[2 * i] = x0 + ((i % size) / (size - 1)) * (x1 - x0);
      X[2 * i + 1] = y1 - (Math.floor(i / size) / (size - 1)) * (y1 - y0);
    }
    fields = { version, size, outputs: net.forward(X, size * size) };
  };

  const label =
    "The network's output with the data, each hidden unit as a small picture, and the loss. " +
    "Arrow keys choose a hidden unit to enlarge, Escape returns to the output.";
  const stage = frame.surface(
    { tabindex: 0, role: "application", "aria-label": label },
    (width) => (width >= 520 ? [width, Math.round(0.46 * width) + 24] : [width, width + 24 + 260]),
    (context, width, height, theme) => {
      compute();
      const hidden = groupsOf(net.architecture).slice(0, -1);
      const areas = areasOf(width, height);
      drawLarge(context, theme, areas.large, { net, fields, data, box: box(), unit: shown(), fieldOf });
      for (const tile of tilesOf(hidden, areas.units)) {
        drawTile(context, theme, tile, fieldOf(tile), fields.size, shown());
      }
      drawTitles(context, theme, hidden, areas.units);
      drawLoss(context, theme, areas.loss, losses);
    },
  );
  const { canvas } = stage;
  const tileAt = (event) => {
    const [x, y] = stage.place(event);
    const hidden = groupsOf(net.architecture).slice(0, -1);
    const { units } = areasOf(canvas.clientWidth, canvas.clientHeight);
    const tile = tilesOf(hidden, units).find((t) => x >= t.x && x <= t.x + t.side && y >= t.y && y <= t.y + t.side);
    return tile ? { layer: tile.layer, unit: tile.unit } : null;
  };
  const key = (unit) => unit && `${unit.layer}.${unit.unit}`;
  frame.on(canvas, "pointermove", (event) => {
    const unit = tileAt(event);
    if (key(unit) === key(hover)) return;
    hover = unit;
    show();
  });
  frame.on(canvas, "pointerleave", () => {
    hover = null;
    show();
  });
  frame.on(canvas, "click", (event) => {
    const unit = tileAt(event);
    chosen = key(unit) === key(chosen) ? null : unit;
    show();
  });
  stage.onKey((name) => {
    const hidden = groupsOf(net.architecture).slice(0, -1);
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[name];
    if (name === "Escape") hover = chosen = null;
    else if (!move || !hidden.length) return false;
    else if (!chosen) chosen = { layer: 0, unit: 0 };
    else {
      const layer = (chosen.layer + move[0] + hidden.length) % hidden.length;
      const { units } = hidden[layer];
      chosen = { layer, unit: (Math.min(chosen.unit, units - 1) + move[1] + units) % units };
    }
    hover = null;
    show();
    return true;
  });

  frame.onPython(["architecture", "weights"], () => {
    // two messages may be on their way: wait until they fit together
    const count = model.get("architecture").reduce((n, l) => n + (l.type === "linear" && l.out * (l.in + !!l.bias)), 0);
    const weights = toFloats(model.get("weights"));
    if (weights.length !== count || weights.every((value, i) => value === sent.weights[i])) return;
    if (training.running()) training.stop(), frame.quiet(false), (train.textContent = "Train");
    load();
    changed();
  });
  frame.onPython(["losses"], () => {
    if (training.running()) return;
    losses = model.get("losses").map((pair) => [...pair]);
    show();
  });
  frame.onPython(["problem", "noise"], () => {
    problem.element.value = model.get("problem");
    noise.set(model.get("noise"));
    newData();
  });
  frame.onPython(["lr"], () => {
    if (!rates.includes(model.get("lr"))) rates.push(model.get("lr")), rates.sort((a, b) => a - b);
    lr.element.max = rates.length - 1;
    lr.set(rates.indexOf(model.get("lr")));
  });

  load();
  initial = new Network(model.get("architecture"), toFloats(model.get("initial")));
  makeData();
  measure();
  frame.finish(
    (model.get("given") ? "It starts with your model. Training here changes a copy; your model stays as it is. " : "") +
      "Point at a hidden unit to enlarge it, or Tab to the picture and use the arrow keys; Escape returns.",
  );
  frame.say(status());
}

function extremes(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return { low, high };
}

/** Where the three parts of the picture are. */
function areasOf(width, height) {
  if (width >= 520) {
    const side = height - 24;
    return {
      large: { x: width - side, y: 24, side },
      units: { x: 0, y: 24, width: width - side - 16, height: side - 100 },
      loss: { x: 0, y: height - 84, width: width - side - 16, height: 84 },
    };
  }
  return {
    large: { x: 0, y: 24, side: width },
    units: { x: 0, y: width + 56, width, height: 130 },
    loss: { x: 0, y: height - 84, width, height: 84 },
  };
}

/** A square for every hidden unit: a column for each layer, the largest squares that fit. */
function tilesOf(hidden, area) {
  const columnWidth = area.width / Math.max(hidden.length, 1);
  return hidden.flatMap(({ units }, layer) => {
    let best = { side: 0 };
    for (let columns = 1; columns <= units; columns += 1) {
      const rows = Math.ceil(units / columns);
      const side = Math.min((columnWidth - 10) / columns, area.height / rows, 84);
      if (side > best.side) best = { side, columns };
    }
    const gap = best.side > 20 ? 4 : 1;
    return Array.from({ length: units }, (_, unit) => ({
      layer, unit,
      x: area.x + layer * columnWidth + (unit % best.columns) * best.side,
      y: area.y + Math.floor(unit / best.columns) * best.side,
      side: best.side - gap,
    }));
  });
}

const scratch = () => (scratch.canvas ??= document.createElement("canvas"));

/** Fill a square with one color for each grid value. */
function drawField(context, { x, y, side }, size, colorAt) {
  const canvas = scratch();
  canvas.width = canvas.height = size;
  const small = canvas.getContext("2d");
  const picture = small.createImageData(size, size);
  for (let i = 0; i < size * size; i += 1) {
    const color = colorAt(i);
    for (let k = 0; k < 3; k += 1) picture.data[4 * i + k] = color[k];
    picture.data[4 * i + 3] = 255;
  }
  small.putImageData(picture, 0, 0);
  context.imageSmoothingEnabled = true;
  context.drawImage(canvas, x, y, side, side);
}

function unitColors(values) {
  const { low, high } = extremes(values);
  const span = high - low || 1;
  return (i) => cividis((values[i] - low) / span);
}

function drawTile(context, theme, tile, values, size, shown) {
  drawField(context, tile, size, unitColors(values));
  const mine = shown && shown.layer === tile.layer && shown.unit === tile.unit;
  context.strokeStyle = mine ? theme.focus : theme.line;
  context.lineWidth = mine ? 4 : 1;
  context.strokeRect(tile.x + 1, tile.y + 1, tile.side - 2, tile.side - 2);
}

function drawTitles(context, theme, hidden, area) {
  context.fillStyle = theme.fg;
  context.font = `13px ${FONT}`;
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  if (!hidden.length) context.fillText("no hidden layer", area.x, area.y - 8);
  const width = area.width / Math.max(hidden.length, 1);
  hidden.forEach((_, layer) => {
    context.fillText(`${width > 75 ? "hidden " : "h"}${layer + 1}`, area.x + layer * width, area.y - 8);
  });
}

/** The output, or the unit that is looked at, with the data. */
function drawLarge(context, theme, area, { net, fields, data, box, unit, fieldOf }) {
  const { x, y, side } = area;
  const { size } = fields;
  context.save();
  context.beginPath();
  context.rect(x, y, side, side);
  context.clip();
  const logits = fields.outputs.at(-1);
  const classes = net.outputs;
  if (unit) drawField(context, area, size, unitColors(fieldOf(unit)));
  else drawField(context, area, size, outputColors(logits, classes, theme));
  const margin = classes === 1 ? logits : null;
  context.strokeStyle = unit ? "white" : theme.fg;
  context.lineWidth = 2;
  if (margin) contour(context, area, size, (i) => margin[i]);
  else {
    for (let c = 0; c < classes; c += 1) {
      contour(context, area, size, (i) => {
        let rival = -Infinity;
        for (let k = 0; k < classes; k += 1) if (k !== c) rival = Math.max(rival, logits[i * classes + k]);
        return logits[i * classes + c] - rival;
      });
    }
  }
  const [x0, x1, y0, y1] = box;
  for (let i = 0; i < data.n; i += 1) {
    const px = x + ((data.X[2 * i] - x0) / (x1 - x0)) * side;
    const py = y + ((y1 - data.X[2 * i + 1]) / (y1 - y0)) * side;
    marker(context, data.y[i], px, py, 4);
    context.fillStyle = COLORS[data.y[i] % 6];
    context.fill();
    context.strokeStyle = "white";
    context.lineWidth = 1;
    context.stroke();
  }
  context.restore();
  context.fillStyle = theme.fg;
  context.font = `13px ${FONT}`;
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  context.fillText(unit ? `hidden ${unit.layer + 1}, unit ${unit.unit + 1}` : "output", x, y - 8);
  if (unit || classes > 3) return;
  let end = x + side;
  context.textAlign = "right";
  for (let c = Math.max(classes, 2) - 1; c >= 0; c -= 1) {
    context.fillStyle = theme.fg;
    context.fillText(`class ${c}`, end, y - 8);
    end -= context.measureText(`class ${c}`).width + 10;
    marker(context, c, end, y - 12, 5);
    context.fillStyle = COLORS[c];
    context.fill();
    end -= 16;
  }
}

/** Between the colors of the classes, by probability; the middle is the color of the page. */
function outputColors(logits, classes, theme) {
  const page = theme.dark ? [40, 42, 46] : [255, 255, 255];
  if (classes === 1) {
    const sides = [rgb(COLORS[0]), rgb(COLORS[1])];
    return (i) => {
      const p = sigmoid(logits[i]);
      return mix(page, sides[p > 0.5 ? 1 : 0], 0.7 * Math.abs(2 * p - 1));
    };
  }
  return (i) => {
    const z = logits.subarray(i * classes, (i + 1) * classes);
    const top = Math.max(...z);
    let sum = 0;
    for (const value of z) sum += Math.exp(value - top);
    const sure = (1 / sum - 1 / classes) / (1 - 1 / classes);
    return mix(page, rgb(COLORS[z.indexOf(top) % 6]), 0.15 + 0.55 * sure);
  };
}

/** The line where a function on the grid is zero (marching squares). */
function contour(context, { x, y, side }, size, f) {
  const cell = side / size;
  context.beginPath();
  for (let r = 0; r < size - 1; r += 1) {
    for (let c = 0; c < size - 1; c += 1) {
      const corners = [[r, c], [r, c + 1], [r + 1, c + 1], [r + 1, c]];
      const values = corners.map(([row, column]) => f(row * size + column));
      const cuts = [];
      for (let k = 0; k < 4; k += 1) {
        const a = values[k], b = values[(k + 1) % 4];
        if (a > 0 === b > 0) continue;
        const share = a / (a - b);
        const [[r0, c0], [r1, c1]] = [corners[k], corners[(k + 1) % 4]];
        cuts.push([x + (c0 + share * (c1 - c0) + 0.5) * cell, y + (r0 + share * (r1 - r0) + 0.5) * cell]);
      }
      for (let k = 0; k + 1 < cuts.length; k += 2) {
        context.moveTo(...cuts[k]);
        context.lineTo(...cuts[k + 1]);
      }
    }
  }
  context.stroke();
}

function drawLoss(context, theme, { x, y, width, height }, losses) {
  const finite = losses.filter(([, loss]) => Number.isFinite(loss));
  const left = x + 34, right = x + width - 4, top = y + 8, bottom = y + height - 18;
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(left, top);
  context.lineTo(left, bottom);
  context.lineTo(right, bottom);
  context.stroke();
  context.fillStyle = theme.fg;
  context.font = `12px ${FONT}`;
  context.textBaseline = "middle";
  context.textAlign = "right";
  const highest = Math.max(0.1, ...finite.map(([, loss]) => loss));
  context.fillText(short(highest), left - 4, top + 4);
  context.fillText("0", left - 4, bottom);
  context.textBaseline = "alphabetic";
  context.fillText("loss", right, top + 6);
  context.textAlign = "left";
  if (finite.length < 2) return;
  const first = finite[0][0], last = finite.at(-1)[0];
  context.fillText(first, left, bottom + 14);
  context.textAlign = "right";
  context.fillText(`step ${last}`, right, bottom + 14);
  context.strokeStyle = theme.dark ? COLORS[4] : COLORS[0];
  context.lineWidth = 2;
  context.beginPath();
  for (const [step, loss] of finite) {
    context.lineTo(left + ((step - first) / (last - first)) * (right - left), bottom - (loss / highest) * (bottom - top));
  }
  context.stroke();
}

export default demo("MLP playground", build);
