"""The demos in JupyterLab 4 and Notebook 7, by keyboard and by mouse."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser import jupyter

PERCEPTRON = ["from course_lib.demos.perceptron import PerceptronDemo\ndemo = PerceptronDemo()\ndemo"]
MLP = ["from course_lib.demos.mlp import MLPPlayground\ndemo = MLPPlayground()\ndemo"]
BACKPROP = ["from course_lib.demos.backprop import BackpropStepper\ndemo = BackpropStepper()\ndemo"]
OWN_MODEL = [
    "import torch\nfrom torch import nn\nfrom course_lib.demos.mlp import MLPPlayground",
    "model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))\ndemo = MLPPlayground(model)\ndemo",
]
BROKEN = [
    "from course_lib.demos.backprop import BackpropStepper",
    "demo = BackpropStepper()\ndemo.graph = [{'op': 'nonsense', 'inputs': [0]}]\ndemo",
]
DEMOS = {"perceptron": PERCEPTRON, "mlp": MLP, "backprop": BACKPROP}


class Demo:
    """A demo in a page: what a person sees of it and does with it."""

    def __init__(self, page):
        self.page, self.root = page, page.locator(".dl-demo[role=group][aria-label]")
        self.status, self.canvas = self.root.get_by_role("status"), self.root.locator("canvas")
        self.root.wait_for()
        self.canvas.scroll_into_view_if_needed()

    def button(self, name):
        return self.root.get_by_role("button", name=name, exact=True)

    def says(self, text):
        expect(self.status).to_contain_text(text)

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def at(self, x, y):
        """Return a place on the page, from fractions of the canvas."""
        box = self.canvas.bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def python(self, condition):
        jupyter.wait_for_python(self.page, condition)


@pytest.fixture
def perceptron(jupyter_page):
    demo = Demo(jupyter_page(PERCEPTRON))
    demo.root.get_by_role("combobox").select_option("and")
    demo.root.get_by_role("combobox").select_option("xor")
    demo.says("All weights are zero")
    return demo


@pytest.fixture
def mlp(jupyter_page):
    demo = Demo(jupyter_page(MLP))
    demo.button("Reset").click()
    demo.page.mouse.move(0, 0)
    demo.says("Step 0")
    return demo


@pytest.fixture
def backprop(jupyter_page):
    demo = Demo(jupyter_page(BACKPROP))
    for name, value in {"a =": "2", "b =": "-0.5", "c =": "1.5"}.items():
        demo.root.get_by_label(name).fill(value)
    if demo.button("Reset").get_attribute("aria-disabled") != "true":
        demo.button("Reset").click()
    demo.says("Step 0 of 8")
    return demo


def plane(x, y):
    """From the corners of the gates to fractions of the canvas."""
    return 0.5 + (x - 0.5) / (2 * 0.8 * 1.6), 0.5 - (y - 0.5) / (2 * 0.8)


def test_perceptron_by_keyboard(perceptron):
    perceptron.root.get_by_role("combobox").focus()
    perceptron.press("Tab", "Space")
    expect(perceptron.button("Step")).to_be_focused()
    perceptron.says("1 update ·")
    perceptron.says("w = (0, 1), b = 1")
    perceptron.says(
        "Point 2: w·x + b was 0, so the output was 0, but it should be 1: added x to w and 1 to b."
    )
    perceptron.python("(demo.w, demo.b, demo.updates) == ([0, 1], 1, 1)")
    perceptron.press("Tab", "Tab", "Tab", "4", "ArrowLeft", "Shift+ArrowDown")
    expect(perceptron.canvas).to_be_focused()
    perceptron.says("Point 4 at (0.9375, 0.75), class 0, output 1.")
    perceptron.press("c")
    perceptron.says("Point 4 is now of class 1.")
    perceptron.python("demo.X[3] == [0.9375, 0.75] and demo.y == [0, 1, 1, 1]")
    perceptron.press("n", "p", "p")
    perceptron.says("Point 3 at (1, 0)")
    assert perceptron.page.locator(".jp-Notebook .jp-Cell").count() == 1  # no key reached Jupyter


def test_perceptron_by_mouse(perceptron):
    mouse = perceptron.page.mouse
    mouse.move(*perceptron.at(*plane(1, 1)))
    mouse.down()
    mouse.move(*perceptron.at(*plane(0.9, 0.4)), steps=4)
    mouse.move(*perceptron.at(*plane(1, -0.125)), steps=4)
    perceptron.says("Point 4 at (1, −0.125)")
    mouse.up()
    perceptron.python("demo.X[3] == [1, -0.125]")
    mouse.click(*perceptron.at(*plane(0, 0)))
    perceptron.says("Point 1 is now of class 1.")
    perceptron.python("demo.y == [1, 1, 1, 0]")
    perceptron.button("Step").click()
    perceptron.says("1 update ·")


def test_perceptron_cycles_on_xor_and_ends_on_and(perceptron):
    perceptron.button("Run").click()
    perceptron.says("This state was seen before: the rule is in a cycle of length 4. It never stops.")
    perceptron.button("Pause").click()
    perceptron.root.get_by_role("combobox").select_option("and")
    for _ in range(11):
        perceptron.button("Step").click()
    perceptron.says("Epoch 6 · 10 updates · 0 of 4 points wrong")
    perceptron.says("Done: a whole epoch without a mistake.")
    perceptron.python("(demo.problem, demo.updates) == ('and', 10)")


def test_perceptron_follows_python(perceptron):
    perceptron.button("Step").click()
    perceptron.python("demo.updates == 1")
    jupyter.run_cell(perceptron.page, "demo.w, demo.b = [1, 1], -0.5")
    perceptron.says("1 of 4 points wrong · w = (1, 1), b = −0.5")
    jupyter.run_cell(perceptron.page, "demo.problem = 'or'")
    perceptron.says("Epoch 1 · 0 updates · 3 of 4 points wrong")
    expect(perceptron.root.get_by_role("combobox")).to_have_value("or")


def test_mlp_by_keyboard(mlp):
    layers = mlp.root.get_by_label("Layers: widths")
    layers.fill("3,2")
    mlp.press("Enter")
    mlp.python("[layer['out'] for layer in demo.architecture if layer['type'] == 'linear'] == [3, 2, 1]")
    layers.fill("3,99")
    mlp.press("Enter")
    mlp.says("Layers: write up to four widths from 1 to 64")
    layers.fill("4")
    mlp.press("Enter", "Tab", "Tab", "ArrowLeft")
    expect(mlp.root.get_by_label("Learning rate")).to_be_focused()
    mlp.python("demo.lr == 0.3")
    mlp.press("ArrowRight", "Tab")
    before = mlp.status.inner_text()
    mlp.press("ArrowRight", "ArrowRight")
    expect(mlp.status).not_to_have_text(before)
    mlp.python("(demo.lr, demo.noise) == (1.0, 0.2)")
    mlp.press("ArrowLeft", "ArrowLeft", "Tab", "Tab", "Space")
    expect(mlp.button("Step")).to_be_focused()
    mlp.says("Step 1 ·")
    mlp.press("Tab", "Tab", "Enter")
    expect(mlp.button("New network")).to_be_focused()
    mlp.says("Step 0 ·")
    mlp.press("Tab", "ArrowRight", "ArrowDown")
    expect(mlp.canvas).to_be_focused()
    mlp.says("Hidden layer 1, unit 2: from")
    mlp.press("Escape")
    mlp.says("The large picture is the output")
    assert mlp.page.locator(".jp-Notebook .jp-Cell").count() == 1


def test_mlp_by_mouse(mlp):
    mlp.page.mouse.move(*mlp.at(0.05, 0.15))
    mlp.says("Hidden layer 1, unit 1: from")
    mlp.page.mouse.move(*mlp.at(0.8, 0.5))
    mlp.says("The large picture is the output")
    mlp.button("Train").click()
    expect(mlp.status).to_contain_text(re.compile(r"Step \d{3,} · loss 0\.[0-4]"))
    mlp.button("Pause").click()
    step, loss = re.search(r"Step (\d+) · loss ([\d.]+)", mlp.status.inner_text()).groups()
    mlp.python(f"demo.losses[-1][0] == {step} and abs(demo.losses[-1][1] - {loss}) < 1e-4")
    mlp.python(f"abs(demo._loss(demo.to_torch().double()).item() - {loss}) < 1e-4")
    mlp.root.get_by_role("combobox").first.select_option("xor")
    mlp.says("Step 0")
    mlp.python("demo.problem == 'xor'")


def test_mlp_shows_the_students_own_model(jupyter_page):
    demo = Demo(jupyter_page(OWN_MODEL))
    step = int(re.search(r"Step (\d+)", demo.status.inner_text())[1])
    expect(demo.root.get_by_label("Layers: widths")).to_have_value("3")
    assert not jupyter.run_cell(
        demo.page, "with torch.no_grad(): model[0].weight.fill_(0.5); model[0].bias.zero_()\ndemo.update()"
    )
    demo.says(f"Step {step + 1} ·")
    demo.canvas.focus()
    demo.press("ArrowDown")
    demo.says("Weights (0.50, 0.50), bias 0.00.")
    demo.press("Escape")
    demo.button("New network").click()
    demo.says("Step 0 ·")
    demo.python("demo.weights != demo.initial and (model[0].weight == 0.5).all()")
    jupyter.run_cell(demo.page, "demo.update()")
    demo.says("Step 1 ·")
    demo.python("torch.equal(demo.to_torch()[0].weight, model[0].weight)")


def test_backprop_by_keyboard(backprop):
    backprop.button("Forward one node").focus()
    backprop.press("Enter")
    backprop.says("Step 1 of 8, forward: d = a·b = 2 × (−0.5) = −1.")
    backprop.press("Enter", "Enter", "Enter")
    backprop.says("Step 4 of 8, forward: L = f·a = 0.4621 × 2 = 0.9242.")
    expect(backprop.button("Forward one node")).to_have_attribute("aria-disabled", "true")
    backprop.press("Tab", "Enter")
    expect(backprop.button("Backward one node")).to_be_focused()
    backprop.says("Local derivative ∂L/∂a = f = 0.4621, times incoming 1 gives 0.4621: added to a.grad.")
    backprop.python("demo.step == 5 and abs(demo.gradients['a'] - 0.4621172) < 1e-6")
    backprop.press("Enter", "Enter", "Enter")
    backprop.says("added to a.grad (0.4621 + (−0.7864) = −0.3243).")
    backprop.says("✓ agrees with PyTorch")
    expect(backprop.canvas).to_have_attribute("aria-label", re.compile(r"d = a·b: −1\.00, gradient 1\.57\."))
    backprop.root.get_by_label("b =").focus()
    backprop.press("ArrowUp", "ArrowUp")
    backprop.says("Local derivative ∂d/∂a = b = −0.3")
    backprop.says("✓ agrees with PyTorch")
    backprop.python("demo.values == {'a': 2, 'b': -0.3, 'c': 1.5}")
    assert backprop.page.locator(".jp-Notebook .jp-Cell").count() == 1


def test_backprop_by_mouse(backprop):
    backprop.button("Run all").click()
    backprop.says("Step 8 of 8, backward through d = a·b.")
    backprop.says("✓ agrees with PyTorch")
    backprop.button("Back").click()
    backprop.says("Step 7 of 8, backward through e = d + c.")
    backprop.python("demo.step == 7")
    backprop.button("Backward one node").click()
    backprop.says("Step 8 of 8")
    backprop.button("Reset").click()
    backprop.says("Step 0 of 8. The inputs are known.")
    backprop.python("demo.step == 0")  # or the browser's own change would come after Python's
    jupyter.run_cell(backprop.page, "demo.values = {'a': 0, 'b': 1, 'c': 0}; demo.step = 8")
    backprop.says("Local derivative ∂d/∂b = a = 0")
    backprop.says("✓ agrees with PyTorch")


@pytest.mark.parametrize("name", DEMOS)
def test_every_control_has_a_name_and_keeps_its_keys_from_jupyter(jupyter_page, name):
    demo = Demo(jupyter_page(DEMOS[name]))
    controls = demo.root.locator("button, select, input, [tabindex]")
    assert controls.count() >= 5
    for control in controls.all():
        assert control.get_attribute("data-lm-suppress-shortcuts") == "true"
        expect(control).to_have_accessible_name(re.compile(r"\S"))
    assert demo.canvas.get_attribute("role") == ("img" if name == "backprop" else "application")
    expect(demo.canvas).to_have_accessible_name(re.compile(r"\w+ \w+.* \w+"))


@pytest.mark.parametrize("name", DEMOS)
def test_a_demo_follows_the_theme(jupyter_page, name):
    demo = Demo(jupyter_page(DEMOS[name]))
    for dark in (True, False):
        frames = demo.canvas.get_attribute("data-frames")
        jupyter.set_theme(demo.page, dark)
        expect(demo.root).to_have_attribute("data-dark", str(dark).lower())
        expect(demo.canvas).not_to_have_attribute("data-frames", frames)


@pytest.mark.parametrize("name", DEMOS)
def test_a_demo_shrinks_with_its_page(jupyter_page, name):
    demo = Demo(jupyter_page(DEMOS[name]))
    size = demo.page.viewport_size
    assert demo.canvas.bounding_box()["width"] == pytest.approx(640, abs=2)
    demo.page.set_viewport_size({"width": 520, "height": 1000})
    demo.page.wait_for_function(
        "width => document.querySelector('.dl-demo canvas').clientWidth < width", arg=600
    )
    assert demo.root.evaluate("root => root.scrollWidth <= root.clientWidth + 1")
    demo.page.set_viewport_size(size)
    demo.page.wait_for_function("() => document.querySelector('.dl-demo canvas').clientWidth > 600")


def test_an_error_in_a_python_callback_is_shown_in_the_demo(perceptron):
    jupyter.run_cell(perceptron.page, "fail = lambda change: 1 / 0\ndemo.observe(fail, 'updates')")
    perceptron.button("Step").click()
    alert = perceptron.root.get_by_role("alert")
    expect(alert).to_have_text("Something went wrong in Python. ZeroDivisionError: division by zero")
    jupyter.run_cell(perceptron.page, "demo.unobserve(fail, 'updates')")
    perceptron.button("Step").click()
    expect(alert).to_be_hidden()


def test_an_error_in_javascript_is_shown_in_the_demo(jupyter_page):
    page = jupyter_page(BROKEN)
    expect(page.locator(".dl-demo").get_by_role("alert")).to_contain_text(
        "Something went wrong in this demo."
    )


@pytest.mark.parametrize("name", DEMOS)
def test_a_demo_stays_alive_without_a_kernel(jupyter_page, name):
    """Comes last: it ends the notebook's kernel."""
    demo = Demo(jupyter_page(DEMOS[name]))
    demo.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    reset = demo.button("Reset")
    if reset.get_attribute("aria-disabled") != "true":  # it is where the demo is at its start already
        reset.click()
    before = demo.status.inner_text()
    demo.button("Forward one node" if name == "backprop" else "Step").click()
    expect(demo.status).not_to_have_text(before)
    expect(demo.root.get_by_role("alert")).to_be_hidden()
