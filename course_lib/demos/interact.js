// A picture drawn in Python, and the controls whose values it is drawn with.

function build(frame, model) {
  const values = { ...model.get("values") };
  let waiting = false; // for a picture: while Python draws, only the latest values are kept
  let newer = false;
  let sent = JSON.stringify(values); // Python answers changes only
  const ask = () => {
    newer = waiting;
    if (waiting || JSON.stringify(values) === sent) return;
    waiting = true;
    sent = JSON.stringify(values);
    frame.write({ values });
  };
  const set = (name) => (value) => {
    values[name] = value;
    ask();
  };
  frame.bar(
    ...model.get("controls").map(({ name, choices, ...range }) => {
      if (choices) return frame.choice(name, choices, values[name], set(name)).label;
      return frame.slider(name, { ...range, value: values[name], show: (v) => short(v) }, set(name)).label;
    }),
  );
  const picture = h("img", { style: "display: block; max-width: 100%; background: white" });
  frame.root.append(picture);
  const show = () => {
    picture.src = model.get("picture");
    picture.alt = model.get("alt");
    frame.say(model.get("alt"));
  };
  frame.onPython(["drawn"], () => {
    show();
    waiting = false;
    if (newer) ask();
  });
  frame.finish("");
  show();
}

export default demo("Figure with controls", build);
