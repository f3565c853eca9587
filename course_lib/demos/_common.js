// What every demo shares. course_lib._widget.script() puts this text in front of a demo's own module.

// Okabe & Ito (2008), the same list as course_lib.plotting.COLORS.
const COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#F0E442"];
const FONT = 'system-ui, -apple-system, "Segoe UI", sans-serif';

/** Make an element. What can take the focus keeps its keys: Jupyter must not read them as commands. */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === undefined) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  if (["button", "select", "input"].includes(tag) || "tabindex" in attributes) {
    element.setAttribute("data-lm-suppress-shortcuts", "true");
  }
  element.append(...children);
  return element;
}

/** Write a number for people: a true minus sign, no trailing noise. */
function number(value, digits = 2) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "undefined" : value > 0 ? "∞" : "−∞";
  return value.toFixed(digits).replace(/^-(0\.?0*)$/, "$1").replace("-", "−");
}

/** Like number(), without the zeros at the end: 1.5, not 1.50. */
function short(value, digits = 2) {
  const text = number(value, digits);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** Is the page around the demo dark? Each front end says so in its own way. */
function pageIsDark() {
  const { body, documentElement: page } = document;
  if (body.dataset.jpThemeLight) return body.dataset.jpThemeLight === "false";
  if (body.dataset.vscodeThemeKind) return body.dataset.vscodeThemeKind.includes("dark");
  const theme = page.getAttribute("theme") || page.dataset.theme || (page.classList.contains("dark") && "dark");
  return theme === "dark";
}

/**
 * The frame of a demo: rows of controls, canvases, a status line that screen readers follow, a box for errors.
 * Callbacks go through guard(), so that no error is lost.
 */
function makeFrame(parent, model, name) {
  const root = h("div", { class: "dl-demo", role: "group", "aria-label": name });
  const status = h("p", { class: "dl-status", role: "status", "aria-live": "polite", "aria-atomic": "true" });
  const problem = h("div", { class: "dl-error", role: "alert", hidden: true });
  const cleanups = [];
  const surfaces = [];
  let writing = false;

  const fail = (error) => {
    problem.textContent = `Something went wrong in this demo. ${error?.message ?? error}`;
    problem.hidden = false;
    console.error(error);
  };
  const guard = (callback) => (...values) => {
    try {
      return callback(...values);
    } catch (error) {
      fail(error);
    }
  };
  const redraw = () => surfaces.forEach((surface) => surface.request());
  const on = (target, type, callback) => target.addEventListener(type, guard(callback));
  /** Send copies of values to Python (if a kernel is there): what the model holds must not change unnoticed. */
  const write = (values) => {
    writing = true;
    try {
      for (const [name, value] of Object.entries(values)) model.set(name, structuredClone(value));
      model.save_changes();
    } finally {
      writing = false;
    }
  };
  /** Call back when Python, not this view, changed one of the named values. */
  const onPython = (names, callback) => {
    const listener = guard(() => writing || callback());
    for (const name of names) {
      model.on(`change:${name}`, listener);
      cleanups.push(() => model.off(`change:${name}`, listener));
    }
  };
  const say = (text) => {
    if (status.textContent !== text) status.textContent = text;
  };
  /** While something runs by itself, screen readers are not told of every step. */
  const quiet = (yes) => status.setAttribute("aria-live", yes ? "off" : "polite");

  const bar = (...children) => {
    const row = h("div", { class: "dl-bar" }, ...children);
    root.append(row);
    return row;
  };
  const button = (text, callback) => {
    const element = h("button", { type: "button" }, text);
    on(element, "click", () => element.getAttribute("aria-disabled") !== "true" && callback());
    return element;
  };
  const choice = (text, names, value, callback) => {
    const element = h("select", {}, ...names.map((name) => h("option", { value: name }, name)));
    element.value = value;
    on(element, "change", () => callback(element.value));
    return { label: h("label", {}, text, element), element };
  };
  const slider = (text, { min, max, step, value, show }, callback) => {
    const element = h("input", { type: "range", min, max, step });
    const shown = h("span", { class: "dl-value" });
    const set = (next) => {
      element.value = next;
      shown.textContent = show(Number(element.value));
      element.setAttribute("aria-valuetext", shown.textContent);
    };
    set(value);
    on(element, "input", () => {
      set(element.value);
      callback(Number(element.value));
    });
    return { label: h("label", {}, text, element, shown), element, set };
  };
  /** A canvas as wide as the page allows, sharp on every screen, drawn at most once a frame. */
  const surface = (attributes, size, draw) => {
    const canvas = h("canvas", attributes);
    const stage = h("div", { class: "dl-stage" }, canvas);
    root.append(stage);
    let asked = 0;
    const paint = guard(() => {
      asked = 0;
      const [width, height] = size(Math.max(240, Math.min(640, stage.clientWidth - 6)));
      const scale = window.devicePixelRatio || 1;
      if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
        canvas.width = Math.round(width * scale);
        canvas.height = Math.round(height * scale);
        canvas.style.width = `${width}px`;
        canvas.style.height = `${height}px`;
      }
      const context = canvas.getContext("2d");
      context.setTransform(scale, 0, 0, scale, 0, 0);
      context.clearRect(0, 0, width, height);
      const style = getComputedStyle(root);
      const read = (name) => style.getPropertyValue(name).trim();
      draw(context, width, height, {
        dark: root.dataset.dark === "true", fg: read("--dl-fg"), muted: read("--dl-muted"), bg: read("--dl-bg"),
        line: read("--dl-line"), raised: read("--dl-raised"), focus: read("--dl-focus"),
      });
      canvas.dataset.frames = Number(canvas.dataset.frames ?? 0) + 1;
    });
    const request = () => {
      asked ||= requestAnimationFrame(paint);
    };
    const observer = new ResizeObserver(request);
    observer.observe(stage);
    cleanups.push(() => (observer.disconnect(), cancelAnimationFrame(asked)));
    surfaces.push({ request });
    /** The callback gets a key's name and says whether it used it. */
    const onKey = (callback) =>
      on(canvas, "keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || !callback(event.key, event)) return;
        event.preventDefault();
        event.stopPropagation();
      });
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    on(canvas, "focus", request);
    on(canvas, "blur", request);
    return { canvas, request, onKey, place };
  };
  /** Call back in every animation frame, until stopped. */
  const loop = (callback) => {
    let handle = 0;
    const tick = guard((now) => {
      handle = requestAnimationFrame(tick);
      callback(now);
    });
    const stop = () => {
      cancelAnimationFrame(handle);
      handle = 0;
    };
    cleanups.push(stop);
    return { start: () => (handle ||= requestAnimationFrame(tick)), stop, running: () => handle !== 0 };
  };

  const follow = () => {
    root.dataset.dark = pageIsDark();
    redraw();
  };
  const watcher = new MutationObserver(guard(follow));
  for (const target of [document.body, document.documentElement]) {
    watcher.observe(target, { attributeFilter: ["class", "theme", "data-theme", "data-jp-theme-light"] });
  }
  cleanups.push(() => watcher.disconnect());
  const showPythonError = () => {
    problem.textContent = `Something went wrong in Python. ${model.get("error")}`;
    problem.hidden = !model.get("error");
  };
  onPython(["error"], showPythonError);
  /** The status line keeps room for so many lines of text, so that the page does not jump. */
  const finish = (help, lines = 2) => {
    status.style.minHeight = `${1.4 * lines}em`;
    root.append(status, problem);
    if (help) root.append(h("p", { class: "dl-help" }, help));
    parent.append(root);
    follow();
  };
  return {
    root, guard, fail, on, write, onPython, say, quiet, redraw, bar, button, choice, slider, surface, loop, finish,
    cleanup: () => cleanups.forEach((clean) => clean()),
  };
}

/** Wrap a demo: an error while it is built is shown where the demo would have stood. */
function demo(name, build) {
  return {
    render({ model, el }) {
      const frame = makeFrame(el, model, name);
      try {
        build(frame, model);
      } catch (error) {
        frame.finish();
        frame.fail(error);
      }
      return frame.cleanup;
    },
  };
}

/** Draw one point of a class: a circle for the first, a square for the second, and so on as plotting.MARKERS. */
function marker(context, kind, x, y, r) {
  context.beginPath();
  if (kind % 5 === 0) context.arc(x, y, r, 0, 2 * Math.PI);
  else if (kind % 5 === 1) context.rect(x - 0.9 * r, y - 0.9 * r, 1.8 * r, 1.8 * r);
  else {
    const corners = kind % 5 === 2 ? [90, 210, 330] : kind % 5 === 3 ? [0, 90, 180, 270] : [30, 150, 270];
    for (const angle of corners) {
      const at = (angle * Math.PI) / 180;
      context.lineTo(x + 1.2 * r * Math.cos(at), y - 1.2 * r * Math.sin(at));
    }
  }
  context.closePath();
}

