import pytest

from course_lib import plotting
from course_lib.demos.interact import interact


def draw(k=1, kind="a", x=0.5):
    return plotting.curves({kind: [0, k * x]}, xlabel="x", ylabel="y", title=f"{kind} to {k * x}")


@pytest.fixture
def widget():
    return interact(draw, k=(1, 9), kind=["a", "b"], x=(0.0, 2.0))


def test_starts_with_the_functions_defaults(widget):
    assert widget.values == {"k": 1, "kind": "a", "x": 0.5}
    assert widget.alt == "a to 0.5"
    assert widget.picture.startswith("data:image/png;base64,")
    assert widget.controls[2] == {"name": "x", "min": 0.0, "max": 2.0, "step": 0.05}


def test_a_change_in_the_browser_draws_anew_and_says_that_it_has(widget):
    before, count = widget.picture, widget.drawn
    widget.set_state({"values": {"k": 4, "kind": "b", "x": 1}})
    assert widget.alt == "b to 4.0"  # the slider's 1 is a float again
    assert widget.picture != before
    assert widget.drawn == count + 1


def test_an_error_of_the_function_is_shown_in_the_widget_and_goes_away():
    def fragile(k=1):
        return draw(1 / (2 - k))

    widget = interact(fragile, k=(1, 3))
    with pytest.raises(ZeroDivisionError):
        widget.set_state({"values": {"k": 2}})
    assert "ZeroDivisionError" in widget.error
    widget.set_state({"values": {"k": 3}})
    assert widget.error == ""


def test_without_a_widget_front_end_the_starting_figure_is_shown(widget):
    data, _ = widget._repr_mimebundle_()
    assert 'alt="a to 0.5"' in data["text/html"]
    assert data["text/plain"] == "Figure with controls: a to 0.5"
    assert "application/vnd.jupyter.widget-view+json" in data


@pytest.mark.parametrize("given", [object(), (1,), [], [1, 2], "ab"])
def test_what_is_no_control_is_refused(given):
    with pytest.raises(ValueError, match="Expected k to be"):
        interact(draw, k=given)


def test_an_argument_that_the_function_has_not_is_refused():
    with pytest.raises(ValueError, match="Expected z to be an argument of draw"):
        interact(draw, z=(1, 2))
