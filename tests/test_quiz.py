"""What ``course_lib.quiz`` promises in Python; tests/browser/test_quiz.py has the front end's half."""

import json
import math
import subprocess
import sys
from html.parser import HTMLParser

import pytest
import traitlets

from course_lib import quiz

WRONG = {"20": "Those are the weights alone.", "32": "One bias for each **layer**?", "44": "Count `b` once."}


def poll(**changes):
    parts = {"question": "How many?", "right": {"41": "Weights and biases."}, "wrong": WRONG} | changes
    return quiz.ask(**parts)


def order(question):
    return [option["key"] for option in question.content["options"]]


class Elements(HTMLParser):
    """Collects the tags of a page, and its text inside and outside folds."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.open, self.outside, self.inside = [], [], "", ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert attrs == []
        self.tags.append(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "details" in self.open and "summary" not in self.open:
            self.inside += data
        else:
            self.outside += data


def test_a_right_answer_is_correct_and_a_wrong_one_is_not():
    question = poll()
    assert question.correct is None
    question.chosen = ["20"]
    assert question.correct is False
    question.chosen = ["41"]
    assert question.correct is True
    question.chosen = []
    assert question.correct is None
    with pytest.raises(traitlets.TraitError, match="Expected answers of this question"):
        question.chosen = ["7"]


def test_several_right_answers_must_all_be_chosen():
    question = poll(right={"a": "Yes.", "b": "Also."})
    assert (poll().content["kind"], question.content["kind"]) == ("one", "many")
    for chosen, correct in [
        (["a"], False),
        (["a", "b"], True),
        (["b", "a"], True),
        (["a", "b", "20"], False),
    ]:
        question.chosen = chosen
        assert question.correct is correct


def test_the_order_depends_on_the_words_alone():
    assert order(poll()) == order(poll())
    assert order(poll()) == order(poll(right={"20": "x"}, wrong={"44": "x", "41": "y", "32": "z"}))
    assert sorted(order(poll())) == ["20", "32", "41", "44"]
    ask = "quiz.ask('How many?', {'41': 'x'}, {'20': 'y', '32': 'y', '44': 'y'})"
    program = f"from course_lib import quiz; print([o['key'] for o in {ask}.content['options']])"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str(order(poll()))


def test_the_right_answer_is_found_at_every_place():
    places = [order(poll(question=f"Question {i}?")).index("41") for i in range(200)]
    assert all(30 <= places.count(place) <= 70 for place in range(4))


def test_answers_may_be_numbers():
    assert sorted(order(quiz.ask("?", {41: "x"}, {20: "y"}))) == ["20", "41"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"right": {}}, "at least one right answer"),
        ({"wrong": {}}, "at least two answers"),
        ({"wrong": None}, "at least two answers"),
        ({"right": {"41": ""}}, "an explanation of the answer '41', got ''"),
        ({"wrong": {"20": "  "}}, "an explanation of the answer '20'"),
        ({"wrong": {"20": None}}, "an explanation of the answer '20', got None"),
        ({"wrong": {"41": "x"}}, "answers that differ and are not empty, got '41'"),
        ({"wrong": {41: "x"}}, "answers that differ and are not empty, got '41'"),
        ({"wrong": {" ": "x"}}, "answers that differ and are not empty"),
        ({"question": ""}, "Expected a question, got ''"),
    ],
)
def test_ask_says_what_is_missing(changes, message):
    with pytest.raises(ValueError, match=message):
        poll(**changes)


def test_a_number_is_right_within_its_tolerance():
    question = quiz.number("sd?", 0.1, "Because.", tolerance=0.05)
    for chosen, correct in [
        (0.1, True),
        (0.15, True),
        (0.05, True),
        (0.1501, False),
        (-0.1, False),
        (None, None),
    ]:
        question.chosen = chosen
        assert question.correct is correct
    question = quiz.number("p?", 0.7, "Because.", tolerance=0.1)
    question.chosen = 0.8  # whose binary fraction is a hair more than 0.1 away
    assert question.correct is True
    exact = quiz.number("How many?", 41, "Because.", hints={20: "Only the weights."})
    exact.chosen = 41
    assert exact.correct is True
    exact.chosen = 42
    assert exact.correct is False


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"why": ""}, "an explanation of the answer 41"),
        ({"hints": {20: ""}}, "an explanation of the number 20"),
        ({"hints": {41: "x"}}, "wrong numbers only, got 41"),
        ({"hints": {42: "x"}, "tolerance": 2}, "wrong numbers only, got 42"),
        ({"answer": math.nan}, "finite numbers"),
        ({"tolerance": -1}, "tolerance of at least 0"),
        ({"question": " "}, "Expected a question"),
    ],
)
def test_number_says_what_is_wrong(options, message):
    with pytest.raises(ValueError, match=message):
        quiz.number(**({"question": "How many?", "answer": 41, "why": "Because."} | options))


def test_markup_is_code_bold_and_line_breaks():
    (pieces,) = [poll(question="Is `x**2 * y**2`\n**always** < 1 * 2?").content["question"]]
    assert pieces == [
        ["text", "Is "], ["code", "x**2 * y**2"], ["line", "\n"], ["bold", "always"], ["text", " < 1 * 2?"],
    ]  # fmt: skip


def test_without_widgets_the_answers_wait_under_a_fold():
    bundle, _ = poll()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    page = Elements(bundle["text/html"])
    assert page.tags.count("details") == 1
    assert "How many?" in page.outside
    for answer, why in (WRONG | {"41": "Weights and biases."}).items():
        plain = why.replace("*", "").replace("`", "")
        assert answer in page.outside
        assert plain in page.inside
        assert plain not in page.outside
    assert "✓ Right: 41. Weights and biases." in page.inside
    assert "✗ Wrong: 20. Those are" in page.inside
    assert {"strong", "code"} <= set(page.tags)


def test_plain_text_asks_first_and_answers_after():
    text = poll()._repr_mimebundle_()[0]["text/plain"]
    asked, answered = text.split("Answer:")
    assert asked.startswith("How many?")
    assert [line.strip(" -") for line in asked.splitlines()[1:5]] == order(poll())
    assert "Weights and biases." in answered
    assert "biases" not in asked


def test_a_number_has_a_static_version_too():
    question = quiz.number("How many?", 41, "Weights and biases.", hints={20: "No biases."})
    page = Elements(question._repr_mimebundle_()[0]["text/html"])
    assert page.outside == "How many?Answer"
    assert page.inside == "✓ Right: 41. Weights and biases.✗ Wrong: 20. No biases."


def test_html_in_a_question_stays_text():
    evil = "<script>alert(1)</script> & <img src=x onerror=alert(2)>"
    question = poll(question=evil, right={f"`{evil}`": evil, f"**{evil}**": evil})
    page = Elements(question.fallback()[0])
    assert set(page.tags) <= {"div", "p", "ul", "li", "b", "details", "summary", "code", "strong", "br"}
    assert page.outside.count("<script>alert(1)</script>") == 3
    assert "<script" not in question.fallback()[0]


def test_the_content_travels_as_json():
    for question in poll(), quiz.number("?", 1, "x", hints={2: "y"}):
        assert json.loads(json.dumps(question.content)) == question.content
