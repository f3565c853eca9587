"""The quiz by keyboard and eye, in JupyterLab and Notebook."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.jupyter import run_cell, set_theme

# One cell: JupyterLab takes cells out of the page that are scrolled away.
CELLS = [
    """from course_lib import quiz

one = quiz.ask(
    "How many parameters has `Linear(3, 8)` and **then** `Linear(8, 1)`?",
    right={"41": "3·8 + 8 and 8·1 + 1: **weights and biases** of both layers."},
    wrong={
        "20": "Did you add the sizes? Each input meets *each* unit.",
        "32": "These are the weights alone; each unit has a bias `b` too.",
        "<b>44</b>": "Inputs have no bias.",
    },
)
many = quiz.ask(
    "Which of these are linear in x?",
    right={"`W @ x`": "A matrix.", "3·x": "A number."},
    wrong={"max(0, x)": "It has a kink.", "x²": "A parabola."},
)
value = quiz.number(
    "How large is the output of a 7×7 input, 3×3 kernel, stride 1?", 5, "7 − 3 + 1 = 5, in each direction.",
    hints={7: "That needs padding 1."},
)
plain = quiz.number("How many biases?", 1.5, "Think.", tolerance=0.1)
display(one, many, value, plain)"""
]


@pytest.fixture
def page(jupyter_page):
    return jupyter_page(CELLS)


def form(page, index):
    return page.locator(".course-quiz").nth(index)


def shown(page, index):
    return form(page, index).get_by_role("status")


def expect_python(page, expression, value):
    """Wait until the kernel knows: the front end sends one change at a time."""
    for _ in range(50):
        said = run_cell(page, f"print(({expression}))").strip()
        if said == value:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{expression} is {said}, not {value}")


def test_one_answer_is_chosen_with_arrows_and_checked_with_enter(page):
    quiz, status = form(page, 0), shown(page, 0)
    options = quiz.get_by_role("radio")
    names = [re.sub(r"\s+", " ", label.inner_text()).strip() for label in quiz.locator("label").all()]
    assert sorted(names) == ["20", "32", "41", "<b>44</b>"]
    expect(quiz.get_by_role("group")).to_have_accessible_name(
        "How many parameters has Linear(3, 8) and then Linear(8, 1)?"
    )
    expect(status).to_be_empty()
    expect(status).to_have_attribute("aria-live", "polite")

    quiz.get_by_role("button", name="Check").click()
    expect(status).to_have_text("Choose an answer first. ")

    options.first.focus()
    page.keyboard.press("Space")
    expect(options.first).to_be_checked()
    for _ in range(names.index("20")):
        page.keyboard.press("ArrowDown")
    expect(options.nth(names.index("20"))).to_be_checked()
    expect(options.nth(names.index("20"))).to_be_focused()
    page.keyboard.press("Tab")
    expect(quiz.get_by_role("button", name="Check")).to_be_focused()
    page.keyboard.press("Enter")
    expect(status).to_contain_text("✗ Not right. Try again.")
    expect(status).to_contain_text("✗ 20: Did you add the sizes? Each input meets *each* unit.")
    expect(quiz.locator("label", has_text="20")).to_contain_text("✗ wrong")
    assert "weights and biases" not in status.inner_text()
    expect_python(page, "one.chosen, one.correct", "(['20'], False)")

    page.keyboard.press("Shift+Tab")
    for _ in range((names.index("41") - names.index("20")) % 4):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(status).to_contain_text("✓ Right.")
    expect(status.locator("strong", has_text="weights and biases")).to_be_visible()
    expect_python(page, "one.chosen, one.correct", "(['41'], True)")

    fold = status.locator("summary")
    expect(fold).to_have_text("Why not the other answers?")
    expect(status.get_by_text("Inputs have no bias.")).to_be_hidden()
    fold.focus()
    page.keyboard.press("Enter")
    expect(status.get_by_text("✗ <b>44</b>: Inputs have no bias.")).to_be_visible()
    assert quiz.locator("b").count() == 0  # what looks like HTML stayed text


def test_all_that_apply_are_chosen_with_space(page):
    quiz, status = form(page, 1), shown(page, 1)
    expect(quiz.get_by_role("group")).to_have_accessible_name(
        "Which of these are linear in x? (Choose all that apply.)"
    )

    def press(name):
        quiz.get_by_role("checkbox", name=name).focus()
        page.keyboard.press("Space")

    press("3·x")
    page.keyboard.press("Enter")
    expect(status).to_contain_text("✗ Right so far, but something is missing. Try again.")
    expect(status).to_contain_text("✓ 3·x: A number.")
    press("x²")
    page.keyboard.press("Enter")
    expect(status).to_contain_text("✗ Not right.")
    expect(status).to_contain_text("✗ x²: A parabola.")
    expect_python(page, "many.correct", "False")
    press("x²")
    press("W @ x")
    page.keyboard.press("Enter")
    expect(status).to_contain_text("✓ Right.")
    expect_python(page, "sorted(many.chosen), many.correct", "(['3·x', '`W @ x`'], True)")


def test_a_number_is_typed_and_famous_mistakes_are_explained(page):
    quiz, status = form(page, 2), shown(page, 2)
    field = quiz.get_by_role("textbox", name="Your answer:")

    def answer(text):
        field.focus()
        page.keyboard.press("Control+A")
        page.keyboard.type(text)
        page.keyboard.press("Enter")

    answer("dd")  # a shortcut of the notebook, were the field not protected
    expect(status).to_contain_text("Type a number first")
    answer("7")
    expect(status).to_contain_text("✗ Not 7. That needs padding 1. Try again.")
    expect(status.get_by_text("7 − 3 + 1 = 5")).to_be_hidden()
    answer("6,5")
    expect(status).to_contain_text("✗ Not 6.5. Try again.")
    expect_python(page, "value.chosen, value.correct", "(6.5, False)")
    status.locator("summary").focus()
    page.keyboard.press("Space")
    expect(status.get_by_text("5: 7 − 3 + 1 = 5, in each direction.")).to_be_visible()
    answer(" 5.0 ")
    expect(status).to_contain_text("✓ Right. 5: 7 − 3 + 1 = 5")
    expect_python(page, "value.chosen, value.correct", "(5.0, True)")
    assert page.locator(".jp-Notebook .jp-Cell").count() == len(CELLS)


@pytest.mark.parametrize(
    ("text", "number"),
    [("1,234,567", "1234567.0"), ("1 234", "1234.0"), ("−2", "-2.0"), ("1e3", "1000.0"), (".5", "0.5")],
)
def test_numbers_are_read_as_people_write_them(page, text, number):
    form(page, 3).get_by_role("textbox").fill(text)
    page.keyboard.press("Enter")
    expect(shown(page, 3)).to_contain_text("✗ Not")
    expect_python(page, "plain.chosen", number)


@pytest.mark.parametrize("text", ["", "five", "1-2", "1,2,3", "--1", "Infinity"])
def test_what_is_no_number_is_asked_for_again(page, text):
    form(page, 3).get_by_role("textbox").fill(text)
    page.keyboard.press("Enter")
    expect(shown(page, 3)).to_contain_text("Type a number first")


def test_python_can_set_the_answer_and_the_front_end_follows(page):
    run_cell(page, "one.chosen = ['32']")
    expect(shown(page, 0)).to_contain_text("✗ 32: These are the weights alone; each unit has a bias b too.")
    run_cell(page, "one.chosen = []")
    expect(shown(page, 0)).to_be_empty()
    assert form(page, 0).get_by_role("radio", checked=True).count() == 0
    assert "wrong" not in form(page, 0).locator("fieldset").inner_text()


def test_the_verdict_needs_no_kernel(jupyter_page):
    page = jupyter_page(["from course_lib import quiz\nquiz.ask('Which?', {'a': 'Indeed.'}, {'b': 'No.'})"])
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    for name, why in [("b", "✗ b: No."), ("a", "✓ a: Indeed.")]:
        form(page, 0).get_by_role("radio", name=name).check()
        form(page, 0).get_by_role("button", name="Check").click()
        expect(shown(page, 0)).to_contain_text(why)


@pytest.mark.parametrize("dark", [False, True])
def test_words_can_be_read_in_both_themes(page, dark):
    set_theme(page, dark)
    run_cell(page, "one.chosen = ['32']")
    expect(shown(page, 0)).to_contain_text("✗ 32")
    for words in (
        form(page, 0).locator("legend"),
        shown(page, 0).locator("p").first,
        form(page, 0).locator("button"),
    ):
        assert contrast(words) >= 4.5


def contrast(words):
    """The ratio of WCAG between the words' color and the nearest background behind them."""
    colors = words.evaluate(
        """(node) => {
            const parse = (text) => text.match(/[\\d.]+/g).map(Number);
            const color = parse(getComputedStyle(node).color);
            for (let at = node; at; at = at.parentElement) {
                const behind = parse(getComputedStyle(at).backgroundColor);
                if (behind.length < 4 || behind[3] > 0.99) return [color.slice(0, 3), behind.slice(0, 3)];
            }
            return [color.slice(0, 3), [255, 255, 255]];
        }"""
    )

    def luminance(color):
        parts = [c / 255 for c in color]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    light, dark = sorted(map(luminance, colors), reverse=True)
    return (light + 0.05) / (dark + 0.05)
