"""The page a student gets back: what it says, and what it must never hold."""

from dataclasses import replace
from html.parser import HTMLParser

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_output

from course_lib.grading import feedback, records
from course_lib.grading.assignment import Check
from course_lib.grading.examiner import STATUSES, Verdict
from course_lib.grading.records import Entries, Entry

from . import toy
from .test_records import PNG, cell_of, executed, result, show

CLOSE = (
    "The result differs from what was expected.\n  expected: [0.25 -0.25]\n  got: [0.5 0.]\n"
    "            [1.  2.]\n  shape: (2,), dtype float64\n  max abs diff: 0.25\n  hint: subtract the mean"
)
VISIBLE = Check("q1-values", "q1", "visible", 2, "Some numbers.", 4)
HIDDEN = Check("q1-random", "q1", "hidden", 3, "Random numbers.", 6)


class Page(HTMLParser):
    """A page taken apart: tags with attributes, and the text that is seen."""

    def __init__(self, source):
        super().__init__()
        self.source, self.tags, self.texts = source, [], []
        self.feed(source)
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] != "style":
            self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def assignment(tmp_path_factory):
    return toy.write(tmp_path_factory.mktemp("course"))


@pytest.fixture
def page(tmp_path, assignment):
    """Call it with a result: it returns the page."""

    def make(one, notebook=None, entries=None, isolation="bwrap"):
        records.save(tmp_path, assignment, one, notebook or (executed() if one.readable else None))
        path = feedback.write(tmp_path, assignment, one, entries or Entries(), isolation)
        assert path == tmp_path / "feedback" / one.student / "99_toy" / "toy.html"
        return Page(path.read_text(encoding="utf-8"))

    return make


# What it says


def test_a_page_says_whose_it_is_and_how_many_points_it_has(page):
    shown = page(result("bea", q1_values="failed"))
    assert "Toy" in shown.text
    assert "bea" in shown.text
    assert "4 of 10 points so far; 4 points wait for a person." in shown.text


def test_nothing_waits_when_a_person_has_read_it(page):
    shown = page(result(), entries=Entries({("ada", "q2"): Entry(2.5, 0, "A good example.")}))
    assert "8.5 of 10 points ." in shown.text
    assert "✎ graded by a person 2.5 of 4" in shown.text
    assert "Comment: A good example." in shown.text


def test_each_check_is_told_in_words(page):
    for status in ("passed", "failed", "error", "timeout", "memory", "crashed", "flagged"):
        shown = page(result(q1_values=status))
        symbol, words = feedback._WORDS[status]
        points = {"passed": "2", "flagged": "–"}.get(status, "0")
        assert f"The numbers 1, 2, 6 become -2, -1, 3. {symbol} {words} {points} of 2" in shown.text
    assert set(feedback._WORDS) == set(STATUSES)


def test_questions_have_their_titles_and_sums(page):
    shown = page(result(q1_values="failed"))
    assert "Question 1: Center 4 of 6" in shown.text
    assert "Question 2: Why? – of 4" in shown.text


def test_a_visible_check_shows_its_whole_message(page):
    shown = page(result(message=CLOSE, q1_values="failed"))
    assert "expected: [0.25 -0.25]" in shown.text
    assert "hint: subtract the mean" in shown.text


def test_a_page_shows_what_was_handed_in_with_its_outputs(page):
    notebook = executed(
        "My words.",
        outputs=[
            new_output("stream", name="stdout", text="\x1b[1mprinted\x1b[0m"),
            show("<Figure>", image__png=PNG),
            new_output(
                "error", ename="E", evalue="v", traceback=["\x1b[31mTraceback\x1b[0m", "ValueError: v"]
            ),
        ],
        extra="my_own_try = 1",
    )
    cell_of(notebook, "q1").source = "def center(x): return x"
    shown = page(result(), notebook)
    order = [
        "Your answer to Question 1: Center def center(x): return x printed Traceback ValueError: v",
        "A cell that you added my_own_try = 1",
        "Your answer to Question 2: Why? My words.",
    ]
    places = [shown.text.find(part) for part in order]
    assert -1 not in places
    assert places == sorted(places)
    (image,) = shown.all("img")
    assert image == {"alt": "A picture that this cell draws", "src": f"data:image/png;base64,{PNG}"}
    assert toy.SETUP.splitlines()[0] not in shown.text


def test_pictures_in_a_written_answer_are_shown(page):
    notebook = executed("![it](attachment:a.png)")
    cell_of(notebook, "q2").attachments = {"a.png": {"image/png": PNG}}
    (image,) = page(result(), notebook).all("img")
    assert image == {"alt": "A picture in this answer", "src": f"data:image/png;base64,{PNG}"}


def test_long_outputs_are_cut_with_a_word_on_it(page):
    notebook = executed(outputs=[new_output("stream", name="stdout", text="x" * 50_000)])
    shown = page(result(), notebook)
    assert "… and 48,000 more characters, left out here." in shown.text
    assert len(shown.source) < 20_000


def test_repairs_are_told(page):
    assert "A sentence about it." in page(result(submission="repaired")).text


@pytest.mark.parametrize("submission", ["malformed", "missing"])
def test_a_page_without_grades_says_why_and_nothing_else(page, submission):
    shown = page(result(submission=submission))
    assert "Not graded A sentence about it." in shown.text
    assert not shown.all("table")
    assert not shown.all("pre")
    assert "0 of" not in shown.text


def test_points_that_a_person_gives_to_a_quarantined_submission_are_told(page):
    shown = page(result(submission="malformed"), entries=Entries({("ada", "q2"): Entry(4)}))
    assert "4 of 10 points so far; 6 points wait for a person." in shown.text
    assert "A sentence about it." in shown.text
    assert "What you handed in" not in shown.text


def test_grading_without_walls_is_told_on_every_page(page):
    for submission in ("intact", "repaired", "malformed", "missing"):
        assert "Graded without isolation: " in page(result(submission=submission), isolation="none").text
        assert "without isolation" not in page(result(submission=submission), isolation="bwrap").text


# Hints


def test_a_hidden_check_says_its_sentence_and_its_hint_only():
    told = feedback.hint(Verdict("q1-random", "failed", CLOSE), HIDDEN)
    assert told == "The result differs from what was expected.\nhint: subtract the mean"


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("NameError: name 'x' is not defined", "Your code raised a NameError."),
        ("IndexError: index 17 is out of bounds", "Your code raised an IndexError."),
        ("ZeroDivisionError", "Your code raised a ZeroDivisionError."),
        ("KeyError: 'a secret\nin two lines'", "Your code raised a KeyError."),
        ("Secret17: 17", "Your code raised an error."),
        ("print: 17", "Your code raised an error."),
        ("", "Your code raised an error."),
    ],
)
def test_an_error_in_a_hidden_check_is_told_by_its_class_alone(message, told):
    assert feedback.hint(Verdict("q1-random", "error", message), HIDDEN) == told


def test_a_visible_check_keeps_its_error():
    assert feedback.hint(Verdict("q1-values", "error", "KeyError: 3"), VISIBLE) == "KeyError: 3"


@pytest.mark.parametrize("status", sorted(set(STATUSES) - {"failed", "error"}))
def test_other_verdicts_speak_for_themselves(status):
    for check in (VISIBLE, HIDDEN):
        assert feedback.hint(Verdict(check.name, status, "A secret."), check) == ""


@given(st.text(min_size=1), st.sampled_from(["failed", "error"]))
def test_a_hidden_checks_hint_is_short(message, status):
    message *= 301
    assert len(feedback.hint(Verdict("q1-random", status, message), HIDDEN)) <= 300


# What it must never hold


def test_nothing_of_a_hidden_check_but_its_sentence_and_hint(page):
    failed = result(message=CLOSE, q1_random="failed", q1_errors="error")
    notebook = executed()
    cell_of(notebook, "q1-random").outputs = [new_output("error", ename="E", evalue="v", traceback=[CLOSE])]
    shown = page(failed, notebook)
    assert "Random numbers. (hidden)" in shown.text
    source = toy.HIDDEN.splitlines()[1:]
    for secret in [*source, "expected: [", "got: [", "[1. 2.]", "max abs"]:
        hidden_part = shown.text.split("Random numbers.")[1]
        assert " ".join(secret.split()) not in hidden_part


def test_nothing_active_whoever_wrote_it(page, tmp_path, assignment):
    evil = '"><script>steal()</script><img src=x onerror=steal()><a href="javascript:steal()">x</a>'
    outputs = [show(evil, text__html=evil, image__png=evil), new_output("stream", name="stdout", text=evil)]
    outputs.append(new_output("error", ename=evil, evalue=evil, traceback=[evil]))
    notebook = executed(evil, outputs=outputs, extra=evil)
    cell_of(notebook, "q2").attachments = {evil: {"image/png": evil, "image/svg+xml": evil}}
    entries = Entries({(evil[:1], "q2"): Entry(1, 0, evil)})
    one = result(evil[:1], "repaired", evil, q1_values="failed", q1_random="failed", q1_errors="error")
    one = replace(one, notes=(evil,))
    pages = [page(one, notebook, entries)]
    # Once more, with a notebook that did not come by way of records.save.
    nbformat.write(notebook, tmp_path / "autograded" / one.student / "99_toy" / "toy.ipynb")
    path = feedback.write(tmp_path, assignment, one, entries, "none")
    pages.append(Page(path.read_text(encoding="utf-8")))
    for shown in pages:
        assert "steal()" in shown.text  # it is there, as text
        names = {tag for tag, _ in shown.tags}
        assert not names & {"script", "img", "a", "iframe", "object", "embed", "link", "form", "svg", "base"}
        for _, attributes in shown.tags:
            assert not [name for name in attributes if name.startswith("on")]
            assert "steal" not in str(attributes)


def test_a_page_needs_nothing_from_anywhere(page):
    notebook = executed(outputs=[show(image__png=PNG)])
    shown = page(result(), notebook)
    (policy,) = (m["content"] for m in shown.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert "http:" not in shown.source
    assert "https:" not in shown.source
    assert "url(" not in shown.source
    assert all(image["src"].startswith("data:image/png;base64,") for image in shown.all("img"))


def test_a_page_can_be_read_by_a_screen_reader(page):
    shown = page(result(q1_values="failed"))
    assert shown.all("html") == [{"lang": "en"}]
    assert len(shown.all("caption")) == len(shown.all("table")) == 2
    assert all(header["scope"] in ("row", "col") for header in shown.all("th"))
    assert [tag for tag, _ in shown.tags if tag in ("h1", "h2", "h3")][:2] == ["h1", "h2"]
    assert len(shown.all("main")) == 1
