import re
import sys
import types

import pytest
import traitlets

from course_lib._widget import Widget, script
from course_lib.demos import backprop, mlp, perceptron

DEMOS = {
    "perceptron": perceptron.PerceptronDemo,
    "mlp": mlp.MLPPlayground,
    "backprop": backprop.BackpropStepper,
}
MODULES = (perceptron, mlp, backprop)


@pytest.mark.parametrize("name", DEMOS)
def test_a_demo_offers_the_live_view_a_picture_with_words_and_plain_text(name):
    data, _ = DEMOS[name]()._repr_mimebundle_()
    assert set(data) == {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"}
    alt = re.fullmatch(
        r'<img src="data:image/png;base64,[^"]+" alt="([^"]+)" style="[^"]+">', data["text/html"]
    )
    assert alt is not None
    assert len(alt[1]) > 60
    assert len(data["text/plain"]) > 60
    assert "object at" not in data["text/plain"]


@pytest.mark.parametrize("name", DEMOS)
def test_in_colab_the_live_view_stands_alone(name, monkeypatch):
    demo = DEMOS[name]()
    colab = types.ModuleType("google.colab.output")
    colab.enable_custom_widget_manager = lambda: None
    colab._widgets = types.SimpleNamespace(_installed_url="https://example.org/manager.js")
    monkeypatch.setitem(sys.modules, "google.colab.output", colab)
    data, metadata = demo._repr_mimebundle_()
    assert "text/html" not in data
    assert "manager.js" in str(metadata["application/vnd.jupyter.widget-view+json"])


@pytest.mark.parametrize("name", DEMOS)
def test_ipywidgets_7_displays_it_by_the_same_bundle(name):
    assert DEMOS[name]._ipython_display_ is None


@pytest.mark.parametrize("module", MODULES)
def test_each_module_is_one_es_module_that_renders(module, javascript):
    assert javascript(module, "(module) => typeof module.default.render", None) == "function"
    assert not re.search(r"^import ", script(module.__file__), re.MULTILINE)


def test_the_modules_run_in_chromium_as_in_node(javascript):
    call = "(module) => new module.Perceptron([[1, 2]], [1]).visit()"
    assert javascript(perceptron, call, None, engine="chromium") is True


@pytest.mark.parametrize("module", MODULES)
def test_every_focusable_element_keeps_its_keys_from_jupyter(module):
    source = script(module.__file__)
    made = re.findall(r'createElement\("(\w+)"\)', source)
    assert set(made) <= {"canvas"}  # all others come from h(), which sets data-lm-suppress-shortcuts


class Fragile(Widget):
    _esm = "export default { render() {} }"
    number = traitlets.Int(0).tag(sync=True)

    def fallback(self):
        return "<p>static</p>", "static"


def test_an_error_in_a_callback_is_shown_and_raised():
    widget = Fragile()
    widget.observe(lambda change: 1 / change["new"], "number")
    widget.set_state({"number": 2})
    assert widget.error == ""
    with pytest.raises(ZeroDivisionError):
        widget.set_state({"number": 0})
    assert widget.error == "ZeroDivisionError: division by zero"
    widget.set_state({"number": 3})
    assert widget.error == ""


def test_a_value_that_python_refuses_is_shown_too():
    demo = perceptron.PerceptronDemo()
    with pytest.raises(ValueError, match="Expected the classes 0 and 1"):
        demo.set_state({"y": [0, 1, 2, 3]})
    assert demo.error.startswith("ValueError: Expected the classes 0 and 1")
