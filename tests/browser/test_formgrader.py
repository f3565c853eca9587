"""What an instructor does after grading: read in formgrader, give points, see them in tables and feedback."""

import contextlib
import copy
import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from course_lib.grading import assignment as assignments
from course_lib.grading import feedback, records
from course_lib.grading.assignment import grade_id
from course_lib.grading.examiner import Verdict
from course_lib.grading.records import Result
from tests.browser import jupyter

HOSTILE = """\
My task is **sorting** mail.

<script>document.title = "stolen"</script><img src=x onerror="document.title = 'stolen'">
[click](javascript:document.title='stolen') ![gone](attachment:gone.png)"""


class Course:
    """Three graded submissions: ada's, bea's with one check failed, and cem's that nobody could read."""

    def __init__(self, out):
        self.out, self.assignment = out, assignments.load("00_start_here")
        self.results = [self._result("ada"), self._result("bea", failed="q1-unseen"), self._result("cem")]
        for one in self.results:
            records.save(out, self.assignment, one, self._executed() if one.readable else None)
        self.refresh()

    def refresh(self):
        """Do what `course grade` does at its end."""
        entries = records.fill_gradebook(self.out, self.assignment, self.results)
        records.write_tables(self.out, self.assignment, self.results, entries)
        for one in self.results:
            feedback.write(self.out, self.assignment, one, entries, "bwrap")

    def file(self, step, student, suffix):
        return self.out / step / student / self.assignment.name / f"start_here.{suffix}"

    def row(self, table, **wanted):
        with (self.out / table).open(newline="", encoding="utf-8") as file:
            (row,) = (row for row in csv.DictReader(file) if wanted.items() <= row.items())
        return row

    def _result(self, student, failed=""):
        verdicts = []
        for check in self.assignment.checks:
            status = "manual" if check.kind == "manual" else "failed" if check.name == failed else "passed"
            verdicts.append(
                Verdict(check.name, status, "Expected 3.\n  hint: look" if status == "failed" else "")
            )
        if student == "cem":
            verdicts = [Verdict(check.name, "flagged") for check in self.assignment.checks]
        status, notes = ("malformed", ("The file is empty.",)) if student == "cem" else ("intact", ())
        return Result(student, self.assignment.name, status, notes, tuple(verdicts), "key", 1.0, None)

    def _executed(self):
        executed = copy.deepcopy(self.assignment.notebook)
        next(cell for cell in executed.cells if grade_id(cell) == "q6").source = HOSTILE
        return executed


@contextlib.contextmanager
def jupyterlab(folder: Path, home: Path):
    """Run what an instructor types in the folder: `jupyter lab`, with nobody's settings."""
    home.mkdir()
    own = {"HOME": str(home), "OMP_NUM_THREADS": "1"}
    with jupyter.started(folder, home / "jupyter.log", own) as (_, address, token):
        yield address, token


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return Course(tmp_path_factory.mktemp("course") / "graded")


@pytest.fixture(scope="module")
def page(browser, course, tmp_path_factory):
    """A page of a browser that is logged in and sees nothing but this machine."""
    with jupyterlab(course.out, tmp_path_factory.mktemp("jupyter") / "home") as (url, token):
        context = browser.new_context(viewport={"width": 1400, "height": 900}, base_url=url)
        context.route(re.compile(r"^https?://(?!127\.0\.0\.1)"), lambda route: route.abort())
        page = context.new_page()
        page.set_default_timeout(jupyter.TIMEOUT)
        page.goto(f"/lab?token={token}")
        yield page
        context.close()


def open_submission(place, student):
    """Click from formgrader's first page to a student's notebook."""
    place.get_by_role("link", name="Manual Grading").click()
    place.get_by_role("link", name="00_start_here").click()
    place.get_by_role("link", name="start_here", exact=True).click()
    place.get_by_role("link", name="Submission #1").wait_for()  # the button does nothing to later rows
    place.get_by_role("button", name="Show All Names").click()
    place.get_by_role("link", name=student, exact=True).click()


def test_points_and_comments_given_in_formgrader_reach_tables_and_feedback(page, course):
    page.locator(".lm-MenuBar-itemLabel", has_text="Nbgrader").click()
    page.locator(".lm-Menu-itemLabel", has_text="Formgrader").first.click()
    place = page.frame_locator("iframe")
    open_submission(place, "bea")
    expect(place.locator("#q1-unseen")).to_have_attribute("placeholder", "0")
    expect(place.get_by_text("failed: Expected 3.")).to_be_visible()
    expect(place.locator("#q6")).to_have_class(re.compile("needs_manual_grade"))
    with page.expect_response(re.compile("/api/comment/")) as saved:
        place.locator("#q6-comment").fill("A good example.")
        place.locator("#q6-comment").blur()
    assert saved.value.ok
    with page.expect_response(re.compile("/api/grade/")) as saved:
        place.locator("#q6").fill("8")
        place.locator("#q6").blur()
    assert saved.value.ok
    expect(place.locator("#q6")).not_to_have_class(re.compile("needs_manual_grade"))

    course.refresh()
    assert course.row("grades.csv", student_id="bea", check="q6")["score"] == "8"
    assert course.row("grades.csv", student_id="ada", check="q6")["score"] == ""
    summary = course.row("summary.csv", student_id="bea")
    assert (summary["score"], summary["manual_left"]) == ("56", "0")

    page.goto("/formgrader")
    open_submission(page, "bea")
    expect(page.locator("#q6")).to_have_value("8")
    expect(page.locator("#q6-comment")).to_have_value("A good example.")
    page.goto(course.file("feedback", "bea", "html").as_uri())
    expect(page.get_by_text("56 of 60 points", exact=True)).to_be_visible()
    expect(page.get_by_text("A good example.")).to_be_visible()


def test_a_hostile_answer_is_only_text_for_the_instructor(page):
    page.goto("/formgrader")
    open_submission(page, "ada")
    answer = page.locator(".nbgrader_cell", has=page.locator("#q6"))
    expect(answer.get_by_text("sorting")).to_be_visible()
    expect(page.locator("#q6")).to_have_class(re.compile("needs_manual_grade"))  # its scripts have run
    assert page.title() == "start_here"
    assert answer.locator("script, img, a").count() == 0


def test_a_quarantined_submission_says_why_and_takes_points(page):
    page.goto("/formgrader")
    open_submission(page, "cem")
    expect(page.get_by_text("The file is empty.")).to_be_visible()
    expect(page.locator(".score.needs_manual_grade")).to_have_count(24)


@pytest.mark.parametrize("button", ["autograde", "generate-feedback"])
def test_formgraders_own_buttons_refuse_and_change_nothing(page, course, button):
    kept = [course.file("autograded", "ada", "ipynb"), course.file("feedback", "ada", "html")]
    before = [file.read_bytes() for file in kept]
    page.goto("/formgrader/manage_submissions/00_start_here")
    page.locator(f"td.{button} a").first.click()
    expect(page.locator(".modal.in")).to_contain_text("Run `course grade` instead.")
    assert [file.read_bytes() for file in kept] == before
