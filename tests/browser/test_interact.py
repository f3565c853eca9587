"""Figures with controls: by keyboard and by mouse, without Jupyter taking the keys for itself."""

import pytest
from playwright.sync_api import expect

CELL = """\
from course_lib import plotting
from course_lib.demos.interact import interact


def draw(k=3, kind="apple"):
    return plotting.curves({kind: [0, k]}, xlabel="x", ylabel="y", title=f"{kind} {k}")


interact(draw, k=(1, 9), kind=["apple", "banana", "melon"])"""


@pytest.fixture
def figure(jupyter_page):
    page = jupyter_page([CELL])
    demo = page.locator(".dl-demo")
    demo.locator("select").select_option("apple")
    demo.locator("input[type=range]").fill("3")
    expect(demo.locator("img")).to_have_attribute("alt", "apple 3")
    return page, demo


def test_by_keyboard(figure):
    page, demo = figure
    cells = page.locator(".jp-Cell").count()
    demo.locator("input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(demo.locator("img")).to_have_attribute("alt", "apple 5")
    demo.locator("select").focus()
    page.keyboard.press("m")  # outside a control, Jupyter would turn the cell into text
    expect(demo.locator("img")).to_have_attribute("alt", "melon 5")
    page.keyboard.press("ArrowUp")
    expect(demo.locator("img")).to_have_attribute("alt", "banana 5")
    expect(demo.get_by_role("status")).to_have_text("banana 5")
    assert page.locator(".jp-Cell").count() == cells


def test_by_mouse(figure):
    _, demo = figure
    slider = demo.locator("input[type=range]")
    box = slider.bounding_box()
    slider.click(position={"x": box["width"] - 3, "y": box["height"] / 2})
    expect(demo.locator("img")).to_have_attribute("alt", "apple 9")


def test_while_python_draws_only_the_latest_values_are_kept(figure):
    page, demo = figure
    demo.locator("input[type=range]").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(demo.locator("img")).to_have_attribute("alt", "apple 8")
