// The perceptron demo: points that can be dragged, the rule w += (t − ŷ)x, b += (t − ŷ), one step at a time.

const GRID = 1 / 16; // points stand on a grid of binary fractions, so sums are exact and a cycle is recognized

export class Perceptron {
  constructor(X, y) {
    this.X = X.map((x) => [...x]);
    this.y = [...y];
    this.restart();
  }

  restart() {
    Object.assign(this, { w: [0, 0], b: 0, index: 0, epoch: 1, updates: 0, converged: false, last: null });
    this.forget();
  }

  /** The data has changed: what was seen before says nothing any more. */
  forget() {
    this.seen = new Map();
    this.cycle = 0;
    if (this.converged) this.epoch += 1;
    this.mistakesInPass = this.index === 0 ? 0 : 1; // a pass that saw other data does not count as clean
    this.converged = false;
    this.remember();
  }

  remember() {
    const state = [...this.w, this.b, this.index].join();
    if (this.seen.has(state)) this.cycle ||= this.updates - this.seen.get(state);
    else this.seen.set(state, this.updates);
  }

  score(i) {
    return this.w[0] * this.X[i][0] + this.w[1] * this.X[i][1] + this.b;
  }

  output(i) {
    return this.score(i) > 0 ? 1 : 0;
  }

  mistakes() {
    return this.y.reduce((count, target, i) => count + (this.output(i) !== target), 0);
  }

  /** Look at the next point; say whether it caused an update. */
  visit() {
    const i = this.index;
    const score = this.score(i);
    const error = this.y[i] - this.output(i);
    this.last = { i, score, error };
    if (error !== 0) {
      this.w = [this.w[0] + error * this.X[i][0], this.w[1] + error * this.X[i][1]];
      this.b += error;
      this.updates += 1;
      this.mistakesInPass += 1;
    }
    this.index = (i + 1) % this.y.length;
    if (this.index === 0) {
      if (this.mistakesInPass === 0) this.converged = true;
      else this.epoch += 1;
      this.mistakesInPass = 0;
    }
    if (error !== 0) this.remember();
    return error !== 0;
  }

  /** Go on to the next update, or to the end. */
  step() {
    while (!this.converged && !this.visit());
  }
}

/** What the last step did, in numbers. */
function story(rule) {
  const { last, w, b } = rule;
  const head =
    `Epoch ${rule.epoch} · ${rule.updates} update${rule.updates === 1 ? "" : "s"} · ${rule.mistakes()} of ${rule.y.length} points wrong · ` +
    `w = (${short(w[0], 4)}, ${short(w[1], 4)}), b = ${short(b, 4)}`;
  if (rule.converged) return `${head}\nDone: a whole epoch without a mistake. The rule stops here.`;
  if (rule.cycle) {
    return `${head}\nThis state was seen before: the rule is in a cycle of length ${rule.cycle}. It never stops.`;
  }
  if (!last) return `${head}\nAll weights are zero, so every output is 0. Press Step.`;
  if (last.error === 0) return `${head}\nPoint ${last.i + 1} is right: nothing changes.`;
  const target = last.error > 0 ? 1 : 0;
  return (
    `${head}\nPoint ${last.i + 1}: w·x + b was ${short(last.score, 4)}, so the output was ${1 - target}, but it ` +
    `should be ${target}: ${last.error > 0 ? "added x to w and 1 to b" : "took x from w and 1 from b"}.`
  );
}

/** The part of the plane to show: all points, with room around them; both axes have one scale. */
function viewOf(X, ratio) {
  const spread = [0, 1].map((d) => X.map((x) => x[d]));
  const low = spread.map((values) => Math.min(...values));
  const high = spread.map((values) => Math.max(...values));
  const span = Math.max(high[0] - low[0], high[1] - low[1], GRID);
  const half = Math.max((high[1] - low[1]) / 2, (high[0] - low[0]) / 2 / ratio) + 0.3 * span;
  return { x: (low[0] + high[0]) / 2, y: (low[1] + high[1]) / 2, half };
}

function build(frame, model) {
  const problems = model.get("problems");
  let rule = new Perceptron(model.get("X"), model.get("y"));
  let view, held, selected = -1, lastStep = 0;
  const ratio = 1.6;
  for (let k = 0; k < model.get("start"); k += 1) rule.step();

  const show = () => {
    frame.say(story(rule));
    frame.redraw();
  };
  const send = () => {
    frame.write({ X: rule.X, y: rule.y, w: rule.w, b: rule.b, updates: rule.updates });
  };
  const changed = () => {
    if (rule.converged && running.running()) pause();
    send();
    show();
  };
  const running = frame.loop((now) => {
    if (now - lastStep < 350) return;
    lastStep = now;
    rule.step();
    changed();
  });
  const pause = () => {
    running.stop();
    frame.quiet(false);
    run.textContent = "Run";
  };
  const fit = () => (view = viewOf(rule.X, ratio));
  const choose = (name) => {
    pause();
    selected = -1;
    rule = new Perceptron(problems[name].X, problems[name].y);
    fit();
    frame.write({ problem: name });
    changed();
  };

  const problem = frame.choice("Problem", Object.keys(problems), model.get("problem"), choose);
  const step = frame.button("Step", () => (pause(), rule.step(), changed()));
  const run = frame.button("Run", () => {
    if (running.running()) return pause();
    frame.quiet(true);
    run.textContent = "Pause";
    running.start();
  });
  const reset = frame.button("Reset", () => (pause(), rule.restart(), changed()));
  frame.bar(problem.label, step, run, reset);

  const label =
    "The plane with the points, the line and the weight vector. A number key or n chooses a point, " +
    "arrow keys move it, c changes its class.";
  const stage = frame.surface(
    { tabindex: 0, role: "application", "aria-label": label },
    (width) => [width, Math.round(width / ratio)],
    (context, width, height, theme) => {
      const scale = height / 2 / view.half;
      const at = ([x, y]) => [width / 2 + (x - view.x) * scale, height / 2 - (y - view.y) * scale];
      drawPlane(context, width, height, theme, rule, at, scale);
      rule.X.forEach((x, i) => drawPoint(context, theme, rule, i, at(x), i === selected));
      drawNext(context, theme, rule, at(rule.X[rule.index]));
    },
  );
  const { canvas } = stage;
  /** From the picture back to the plane, on the grid, inside the picture. */
  const inside = (x, y) => {
    const limit = (value, middle, half) => {
      const low = Math.ceil((middle - half) / GRID), high = Math.floor((middle + half) / GRID);
      return Math.min(high, Math.max(low, Math.round(value / GRID))) * GRID;
    };
    return [limit(x, view.x, view.half * ratio * 0.97), limit(y, view.y, view.half * 0.95)];
  };
  const toPlane = ([px, py]) => {
    const scale = canvas.clientHeight / 2 / view.half;
    return [view.x + (px - canvas.clientWidth / 2) / scale, view.y - (py - canvas.clientHeight / 2) / scale];
  };
  const nearest = (place) => {
    const [x, y] = toPlane(place);
    const distances = rule.X.map((p) => Math.hypot(p[0] - x, p[1] - y));
    const best = distances.indexOf(Math.min(...distances));
    return distances[best] * (canvas.clientHeight / 2 / view.half) < 22 ? best : -1;
  };
  const move = (i, target) => {
    rule.X[i] = inside(...target);
    rule.forget();
  };
  const flip = (i) => {
    rule.y[i] = 1 - rule.y[i];
    rule.forget();
    changed();
    frame.say(`Point ${i + 1} is now of class ${rule.y[i]}.\n${story(rule).split("\n")[0]}`);
  };
  const describe = (i) => {
    const [x, y] = rule.X[i];
    frame.say(
      `Point ${i + 1} at (${short(x, 4)}, ${short(y, 4)}), class ${rule.y[i]}, output ${rule.output(i)}.\n` +
        story(rule).split("\n")[0],
    );
  };

  frame.on(canvas, "pointerdown", (event) => {
    const i = nearest(stage.place(event));
    if (i < 0) return;
    held = { i, from: stage.place(event), moved: false };
    selected = i;
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    event.preventDefault();
    frame.redraw();
  });
  frame.on(canvas, "pointermove", (event) => {
    const place = stage.place(event);
    if (!held) {
      canvas.style.cursor = nearest(place) < 0 ? "default" : "grab";
      return;
    }
    held.moved ||= Math.hypot(place[0] - held.from[0], place[1] - held.from[1]) > 4;
    if (!held.moved) return;
    move(held.i, toPlane(place));
    describe(held.i);
    frame.redraw();
  });
  frame.on(canvas, "pointerup", () => {
    if (!held) return;
    const { i, moved } = held;
    held = undefined;
    if (!moved) return flip(i);
    send();
    describe(i);
  });
  frame.on(canvas, "pointercancel", () => (held = undefined));
  stage.onKey((key, event) => {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const n = rule.y.length;
    if (/^[1-9]$/.test(key) && Number(key) <= n) selected = Number(key) - 1;
    else if (key === "n") selected = (selected + 1) % n;
    else if (key === "p") selected = (selected + n - 1 + (selected < 0)) % n;
    else if (selected < 0) return key in arrows;
    else if (key === "c") return flip(selected), true;
    else if (key in arrows) {
      const far = GRID * (event.shiftKey ? 4 : 1);
      const [x, y] = rule.X[selected];
      move(selected, [x + far * arrows[key][0], y + far * arrows[key][1]]);
      send();
    } else return false;
    describe(selected);
    frame.redraw();
    return true;
  });

  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  frame.onPython(["X", "y"], () => {
    if (same(model.get("X"), rule.X) && same(model.get("y"), rule.y)) return;
    if (model.get("X").length !== model.get("y").length) return; // the other half is on its way
    rule.X = model.get("X").map((x) => [...x]);
    rule.y = [...model.get("y")];
    rule.index %= rule.y.length;
    rule.forget();
    selected = -1;
    fit();
    show();
  });
  frame.onPython(["w", "b"], () => {
    if (same(model.get("w"), rule.w) && model.get("b") === rule.b) return;
    rule.w = [...model.get("w")];
    rule.b = model.get("b");
    rule.forget();
    show();
  });
  frame.onPython(["problem"], () => {
    problem.element.value = model.get("problem");
    choose(model.get("problem"));
  });

  fit();
  frame.finish(
    "Drag a point, click it to change its class. By keyboard: Tab to the picture, number key or n chooses a point, " +
      "arrows move it (with Shift farther), c changes its class.",
  );
  frame.say(story(rule));
}

function drawPlane(context, width, height, theme, rule, at, scale) {
  const [w1, w2] = rule.w;
  const length = Math.hypot(w1, w2);
  const far = width + height;
  if (length === 0) {
    context.fillStyle = COLORS[rule.b > 0 ? 1 : 0];
    context.globalAlpha = theme.dark ? 0.25 : 0.12;
    context.fillRect(0, 0, width, height);
    context.globalAlpha = 1;
  }
  // n: unit normal in the picture (y points down there); foot: the point of the line nearest to the origin
  const n = length && [w1 / length, -w2 / length];
  const foot = length && at([(-rule.b * w1) / length ** 2, (-rule.b * w2) / length ** 2]);
  if (length) {
    for (const side of [1, -1]) {
      context.beginPath();
      context.moveTo(foot[0] - far * n[1], foot[1] + far * n[0]);
      context.lineTo(foot[0] + far * n[1], foot[1] - far * n[0]);
      context.lineTo(foot[0] + far * n[1] + side * far * n[0], foot[1] - far * n[0] + side * far * n[1]);
      context.lineTo(foot[0] - far * n[1] + side * far * n[0], foot[1] + far * n[0] + side * far * n[1]);
      context.fillStyle = COLORS[side > 0 ? 1 : 0];
      context.globalAlpha = theme.dark ? 0.25 : 0.12;
      context.fill();
      context.globalAlpha = 1;
    }
  }
  drawAxes(context, width, height, theme, at, scale);
  if (!length) return;
  context.strokeStyle = theme.fg;
  context.lineWidth = 3;
  context.beginPath();
  context.moveTo(foot[0] - far * n[1], foot[1] + far * n[0]);
  context.lineTo(foot[0] + far * n[1], foot[1] - far * n[0]);
  context.stroke();
  drawWeights(context, width, height, theme, { n, foot, length }, scale);
}

function drawAxes(context, width, height, theme, at, scale) {
  const [x0, y0] = at([0, 0]);
  context.strokeStyle = theme.muted;
  context.fillStyle = theme.muted;
  context.lineWidth = 1;
  context.globalAlpha = 0.6;
  context.beginPath();
  context.moveTo(0, y0);
  context.lineTo(width, y0);
  context.moveTo(x0, 0);
  context.lineTo(x0, height);
  context.stroke();
  context.globalAlpha = 1;
  context.font = `12px ${FONT}`;
  const every = 2 ** Math.ceil(Math.log2(70 / scale));
  for (let k = -20; k <= 20; k += 1) {
    if (k === 0) continue;
    const [x, y] = at([k * every, k * every]);
    context.textAlign = "center";
    context.textBaseline = "top";
    if (x > 14 && x < width - 34) context.fillText(short(k * every), x, Math.min(Math.max(y0 + 14, 0), height - 14));
    context.textAlign = "right";
    context.textBaseline = "middle";
    if (y > 14 && y < height - 10) context.fillText(short(k * every), Math.min(Math.max(x0 - 16, 18), width), y);
  }
  context.font = `italic 14px ${FONT}`;
  context.fillText("x₁", width - 6, Math.min(Math.max(y0 + 12, 10), height - 8));
  context.fillText("x₂", Math.min(Math.max(x0 - 8, 24), width - 6), 10);
}

/** The part of the line foot + t·d that is in the picture, as [t0, t1]; empty when t0 ≥ t1. */
function visible(foot, d, size) {
  let [low, high] = [-Infinity, Infinity];
  for (const k of [0, 1]) {
    if (Math.abs(d[k]) < 1e-9) {
      if (foot[k] < 0 || foot[k] > size[k]) return [0, 0];
      continue;
    }
    const ends = [-foot[k] / d[k], (size[k] - foot[k]) / d[k]];
    low = Math.max(low, Math.min(...ends));
    high = Math.min(high, Math.max(...ends));
  }
  return [low, high];
}

/** The weight vector, from the line into the half plane whose output is 1, and the names of the two sides. */
function drawWeights(context, width, height, theme, { n, foot, length }, scale) {
  const d = [-n[1], n[0]];
  const [t0, t1] = visible(foot, d, [width, height]);
  const limit = (value, low, high) => Math.min(high, Math.max(low, value));
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = theme.fg;
  const write = (text, x, y, style) => {
    context.font = `${style} 15px ${FONT}`;
    x = limit(x, 36, width - 36);
    y = limit(y, 12, height - 12);
    context.lineWidth = 5;
    context.lineJoin = "round";
    context.strokeStyle = theme.bg;
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
  };
  if (t1 - t0 < 40) {
    const here = (width / 2 - foot[0]) * n[0] + (height / 2 - foot[1]) * n[1] > 0 ? 1 : 0;
    write(`output ${here} everywhere here: the line is outside`, width / 2, height - 14, "");
    return;
  }
  const on = (share) => [0, 1].map((k) => foot[k] + (t0 + share * (t1 - t0)) * d[k]);
  const from = on(0.5);
  const reach = limit(length * scale, 30, 0.3 * height);
  const tip = [from[0] + reach * n[0], from[1] + reach * n[1]];
  context.strokeStyle = theme.fg;
  context.lineWidth = 3;
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(tip[0] - 8 * n[0], tip[1] - 8 * n[1]);
  context.stroke();
  context.beginPath();
  context.moveTo(...tip);
  context.lineTo(tip[0] - 13 * n[0] + 6 * n[1], tip[1] - 13 * n[1] - 6 * n[0]);
  context.lineTo(tip[0] - 13 * n[0] - 6 * n[1], tip[1] - 13 * n[1] + 6 * n[0]);
  context.fill();
  write("w", tip[0] + 13 * n[0], tip[1] + 13 * n[1], "bold italic");
  const place = on(0.22);
  const gap = 16 + 26 * Math.abs(n[0]);
  write("output 1", place[0] + gap * n[0], place[1] + gap * n[1], "");
  write("output 0", place[0] - gap * n[0], place[1] - gap * n[1], "");
}

/** A pointer above the point that is looked at next. */
function drawNext(context, theme, rule, [x, y]) {
  if (rule.converged) return;
  const top = y - (rule.y.length > 9 ? 7 : 11);
  context.beginPath();
  context.moveTo(x, top - 6);
  context.lineTo(x - 7, top - 18);
  context.lineTo(x + 7, top - 18);
  context.closePath();
  context.fillStyle = theme.fg;
  context.fill();
  context.strokeStyle = theme.bg;
  context.lineWidth = 1.5;
  context.stroke();
}

function drawPoint(context, theme, rule, i, [x, y], selected) {
  const r = rule.y.length > 9 ? 7 : 11;
  if (rule.output(i) !== rule.y[i]) {
    context.strokeStyle = theme.fg;
    context.lineWidth = 2;
    context.setLineDash([4, 3]);
    context.beginPath();
    context.arc(x, y, r + 7, 0, 2 * Math.PI);
    context.stroke();
    context.setLineDash([]);
  }
  if (selected) {
    context.strokeStyle = theme.focus;
    context.lineWidth = 4;
    context.beginPath();
    context.arc(x, y, r + 4, 0, 2 * Math.PI);
    context.stroke();
  }
  marker(context, rule.y[i], x, y, r);
  context.fillStyle = COLORS[rule.y[i]];
  context.fill();
  context.strokeStyle = "white";
  context.lineWidth = 1.5;
  context.stroke();
  if (rule.y.length > 9) return;
  context.fillStyle = "white";
  context.font = `bold 13px ${FONT}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(i + 1, x, y + 0.5);
}

export default demo("Perceptron demo", build);
