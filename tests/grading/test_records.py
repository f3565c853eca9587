"""What is kept of graded submissions: results, notebooks, the gradebook, tables."""

import base64
import contextlib
import csv
import json
import os
import shutil
import time
from dataclasses import replace

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat.v4 import new_code_cell, new_output
from sqlalchemy import inspect

from course_lib.grading import records
from course_lib.grading.assignment import AssignmentError, grade_id, role
from course_lib.grading.examiner import Verdict
from course_lib.grading.records import Entries, Entry, Result

from . import toy

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"picture" * 5).decode()
PASSED = {"q1-values": "passed", "q1-errors": "passed", "q1-random": "passed", "q2": "manual"}


def result(student="ada", submission="intact", message="", **changes):
    """Return a result in which all checks pass but those that ``changes`` name (q1_values="failed")."""
    statuses = PASSED | {name.replace("_", "-"): status for name, status in changes.items()}
    if submission in ("malformed", "missing"):
        statuses = dict.fromkeys(statuses, "flagged")
    verdicts = tuple(
        Verdict(check, status, "" if status in ("passed", "manual") else message)
        for check, status in statuses.items()
    )
    notes = () if submission == "intact" else ("A sentence about it.",)
    return Result(student, "99_toy", submission, notes, verdicts, "key", 1.5, None)


def executed(words="I think so.", outputs=(), extra=None):
    """Return a student's notebook as it is after grading."""
    notebook = toy.notebook(words=words)
    place = next(i for i, cell in enumerate(notebook.cells) if grade_id(cell) == "q1")
    notebook.cells[place].outputs = list(outputs)
    if extra is not None:
        notebook.cells.insert(place + 1, new_code_cell(extra, metadata={"course": {"extra": True}}))
    return notebook


def show(text="", **data):
    return new_output(
        "display_data",
        {key.replace("__", "/"): value for key, value in data.items()}
        | ({"text/plain": text} if text else {}),
    )


def cell_of(notebook, name):
    return next(cell for cell in notebook.cells if grade_id(cell) == name)


class Course:
    """A folder of graded submissions of the toy."""

    def __init__(self, root, gradebook=None):
        self.root, self.out, self.toy = root, root / "graded", toy.write(root)
        if gradebook:
            self.out.mkdir()
            shutil.copy(gradebook, self.out)

    def keep(self, *results, words="I think so.", **more):
        """Save results, fill the gradebook, write the tables: what one `course grade` does."""
        for one in results:
            readable = one.submission in ("intact", "repaired")
            records.save(self.out, self.toy, one, executed(words, **more) if readable else None)
        entries = records.fill_gradebook(self.out, self.toy, results)
        records.write_tables(self.out, self.toy, results, entries)
        return entries

    @contextlib.contextmanager
    def book(self):
        from nbgrader.api import Gradebook

        with Gradebook(f"sqlite:///{self.out / 'gradebook.db'}") as book:
            yield book

    def enter(self, check, score=None, extra=None, comment=None, student="ada"):
        """Do what formgrader does when a person types something."""
        with self.book() as book:
            grade = book.find_grade(check, "toy", "99_toy", student)
            grade.manual_score, grade.extra_credit = score, extra
            grade.needs_manual_grade = score is None and grade.auto_score is None
            if comment is not None:
                book.find_comment(check, "toy", "99_toy", student).manual_comment = comment
            book.db.commit()

    def grade(self, check, student="ada"):
        """Return what the gradebook has: automatic and manual score, whether it waits."""
        with self.book() as book:
            grade = book.find_grade(check, "toy", "99_toy", student)
            return grade.auto_score, grade.manual_score, grade.needs_manual_grade

    def rewrite(self, **changes):
        """Let the author change the assignment."""
        os.rename(self.root / "solutions", self.root / f"before-{len(os.listdir(self.root))}")
        self.toy = toy.write(self.root, **changes)

    def table(self, name):
        with (self.out / name).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def row(self, check, student="ada"):
        (row,) = (r for r in self.table("grades.csv") if (r["student_id"], r["check"]) == (student, check))
        return row

    def sum(self, student="ada"):
        (row,) = (r for r in self.table("summary.csv") if r["student_id"] == student)
        return row


@pytest.fixture(scope="module")
def empty_gradebook(tmp_path_factory):
    """A new gradebook; nbgrader takes seconds to make one."""
    course = Course(tmp_path_factory.mktemp("new"))
    records.fill_gradebook(course.out, course.toy, [])
    return course.out / "gradebook.db"


@pytest.fixture
def course(tmp_path, empty_gradebook):
    return Course(tmp_path, empty_gradebook)


# Results


def test_a_result_is_loaded_as_it_was_saved(course):
    saved = result("bea", "repaired", "It says “no”.\n  hint: \ud800", q1_values="failed")
    records.save(course.out, course.toy, saved, executed())
    assert records.load(course.out, course.toy, "bea", "key") == saved


def test_a_result_that_depends_on_something_else_is_not_loaded(course):
    records.save(course.out, course.toy, result(), executed())
    assert records.load(course.out, course.toy, "ada", "another key") is None
    assert records.load(course.out, course.toy, "bea", "key") is None


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"student": "ada"}', "\xff", None])
def test_a_damaged_result_is_not_loaded(course, damage):
    records.save(course.out, course.toy, result(), executed())
    path = course.out / "results" / "99_toy" / "ada.json"
    if damage is None:
        (course.out / "autograded" / "ada" / "99_toy" / "toy.ipynb").unlink()
    else:
        path.write_text(damage, encoding="latin-1")
    assert records.load(course.out, course.toy, "ada", "key") is None


def test_a_result_is_not_there_before_its_notebook(course, monkeypatch):
    def interrupted(path, text):
        if path.suffix == ".ipynb":
            raise KeyboardInterrupt
        write(path, text)

    write = records.write_text
    monkeypatch.setattr(records, "write_text", interrupted)
    with pytest.raises(KeyboardInterrupt):
        records.save(course.out, course.toy, result(), executed())
    assert records.load(course.out, course.toy, "ada", "key") is None


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "folder" / "table.csv"
    records.write_text(path, "old")
    monkeypatch.setattr(os, "replace", lambda *paths: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        records.write_text(path, "new")
    assert path.read_text() == "old"


# The notebook that formgrader shows


def test_nothing_active_of_a_student_reaches_formgrader(course):
    outputs = [
        show("the text", text__html="<script>steal()</script>"),
        show(image__png='"><script>steal()</script>'),
        show(image__png=base64.b64encode(b"<svg onload=steal()>").decode()),
        show(**{"image/svg+xml": "<svg onload=steal()>"}, application__javascript="steal()"),
        show(text__markdown="<script>steal()</script>", text__latex="steal()"),
    ]
    outputs[0].metadata["image/png"] = {"width": "1 onload=steal()"}
    notebook = executed(outputs=outputs, extra="1")
    notebook.metadata["widgets"] = {"steal": "()"}
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "steal()"}
    extra = next(cell for cell in notebook.cells if records.is_extra(cell))
    extra.metadata["nbgrader"] = {"grade": True, "solution": True, "grade_id": "steal()"}
    records.save(course.out, course.toy, result(), notebook)
    kept = records.notebook(course.out, course.toy, "ada")
    assert "steal" not in json.dumps(kept)
    assert [output.data for output in cell_of(kept, "q1").outputs] == [{"text/plain": "the text"}]


def test_pictures_text_and_tracebacks_are_kept(course):
    outputs = [
        show("<Figure>", image__png="\n".join([PNG[:20], PNG[20:]])),
        new_output("stream", name="stderr", text="10 %\r100 %\nred: \x1b[31mx\x1b[0m"),
        new_output("error", ename="E", evalue="v", traceback=["\x1b[31mTraceback\x1b[0m", "E: v"]),
    ]
    records.save(course.out, course.toy, result(), executed(outputs=outputs))
    picture, stream, error = cell_of(records.notebook(course.out, course.toy, "ada"), "q1").outputs
    assert picture.data == {"image/png": PNG}
    assert (stream.name, stream.text) == ("stderr", "100 %\nred: x")
    assert error.traceback == ["Traceback", "E: v"]


@pytest.mark.parametrize(
    "words",
    [
        '<img src=x onerror="steal()">',
        "<script>steal()</script>",
        "text <b onclick=steal()>bold</b>",
        "[click](javascript:steal())",
        "[click](<java\nscript:steal()>)",
        "[click][1]\n\n[1]: javascript:steal()",
        "[1]\n\n  [1]:javascript:steal()",
        "<javascript:steal()>",
        "![gone](attachment:gone.png)",
        "```mermaid\n<script>steal()</script>\n```",
        "$$<script>steal()</script>$$",
    ],
)
def test_a_written_answer_becomes_no_script_no_link_and_no_picture(course, words):
    records.save(course.out, course.toy, result(), executed(words))
    kept = cell_of(records.notebook(course.out, course.toy, "ada"), "q2")
    html = MarkdownWithMath(IPythonRenderer(escape=False, attachments=kept.attachments)).render(kept.source)
    for active in ("<script", "<img", "<a ", "<b", "href="):
        assert active not in html.replace("<br", "")


def test_a_written_answer_keeps_its_markdown_and_its_formulas(course):
    words = "**Bold**, $a < b$, `x[0]`:\n\n- one\n- two"
    records.save(course.out, course.toy, result(), executed(words))
    assert cell_of(records.notebook(course.out, course.toy, "ada"), "q2").source == words


@pytest.mark.parametrize(("name", "address"), [("a.png", "a.png"), ("my photo.png", "my%20photo.png")])
def test_pictures_pasted_into_a_written_answer_are_shown(course, name, address):
    notebook = executed(f"See ![it](attachment:{address}) and ![gone](attachment:gone.png).")
    cell_of(notebook, "q2").attachments = {name: {"image/png": PNG}, "evil": {"image/png": "PHN2Zz4="}}
    records.save(course.out, course.toy, result(), notebook)
    kept = cell_of(records.notebook(course.out, course.toy, "ada"), "q2")
    html = MarkdownWithMath(IPythonRenderer(escape=False, attachments=kept.attachments)).render(kept.source)
    assert html.count("<img") == 1
    assert f'src="data:image/png;base64,{PNG}"' in html


def test_formulas_cannot_hold_links(course):
    records.save(course.out, course.toy, result(), executed(r"$\href{javascript:steal()}{x}$"))
    assert r"\href" not in cell_of(records.notebook(course.out, course.toy, "ada"), "q2").source


def test_huge_outputs_are_cut_with_a_word_on_it(course):
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(900_000)).decode()
    outputs = [new_output("stream", name="stdout", text="x" * 60_000)] * 50 + [show(image__png=picture)] * 50
    records.save(course.out, course.toy, result(), executed(outputs=outputs))
    path = course.out / "autograded" / "ada" / "99_toy" / "toy.ipynb"
    assert path.stat().st_size < 150_000
    assert "left out" in cell_of(records.notebook(course.out, course.toy, "ada"), "q1").outputs[-1].text


def test_formgrader_shows_below_a_check_what_it_said(course):
    failed = result(message="Expected 3.\n  hint: look", q1_random="failed")
    records.save(course.out, course.toy, failed, executed())
    kept = records.notebook(course.out, course.toy, "ada")
    assert cell_of(kept, "q1-random").outputs[0].text == "failed: Expected 3.\n  hint: look"
    assert cell_of(kept, "q1-values").outputs[0].text == "passed"


def test_formgrader_shows_why_a_submission_is_quarantined(course):
    records.save(course.out, course.toy, result("cem", "malformed"), None)
    kept = records.notebook(course.out, course.toy, "cem")
    assert "A sentence about it." in kept.cells[0].source
    assert [grade_id(cell) for cell in kept.cells if role(cell)] == list(PASSED)
    assert "### BEGIN SOLUTION" not in json.dumps(kept)
    assert toy.WORDS not in json.dumps(kept)


def test_the_kept_notebook_is_valid_and_the_same_in_each_run(course):
    path = course.out / "autograded" / "ada" / "99_toy" / "toy.ipynb"
    texts = []
    for _ in range(2):
        notebook = executed(extra="print('half \ud800 of a pair')", outputs=[show("half \ud800 of a pair")])
        records.save(course.out, course.toy, result(), notebook)
        nbformat.validate(nbformat.read(path, as_version=4))
        texts.append(path.read_text(encoding="utf-8"))
    assert texts[0] == texts[1]


def test_a_long_line_is_no_way_to_hold_up_the_grader():
    start = time.monotonic()
    for text in ("x" * 1_000_000, "\x1b[" + "0" * 1_000_000, "x\r" * 500_000, "\x1b[0" * 300_000):
        records.plain(text)
    assert time.monotonic() - start < 5


# The gradebook


def test_verdicts_become_scores_and_manual_questions_wait(course):
    assert course.keep(result(q1_random="failed")) == Entries()
    assert course.grade("q1-values") == (2, None, False)
    assert course.grade("q1-random") == (0, None, False)
    assert course.grade("q2") == (None, None, True)


def test_a_check_that_did_not_pass_has_no_points(course):
    statuses = ["failed", "error", "timeout", "memory", "crashed"]
    course.keep(*(result(status, q1_values=status) for status in statuses))
    for status in statuses:
        assert course.grade("q1-values", student=status) == (0, None, False)
        assert course.row("q1-values", student=status)["score"] == "0"
        assert course.row("q1-values", student=status)["status"] == status


def test_what_nobody_has_decided_is_never_zero(course):
    unread = result("cem", "malformed")
    unread = replace(unread, verdicts=tuple(Verdict(check, "error") for check in PASSED))
    course.keep(result("ada", q1_values="flagged"), unread)
    assert course.grade("q1-values") == (None, None, True)
    assert course.row("q1-values")["score"] == ""
    assert course.sum()["score"] == "4"
    for check in PASSED:
        assert course.grade(check, "cem") == (None, None, True)
        assert course.row(check, "cem")["score"] == ""
    assert course.sum("cem")["score"] == ""


def test_a_missing_submission_has_rows_but_is_not_in_the_gradebook(course):
    course.keep(result(), result("dan", "missing"))
    assert {row["score"] for row in course.table("grades.csv") if row["student_id"] == "dan"} == {""}
    assert course.sum("dan")["submission_status"] == "missing"
    with course.book() as book:
        assert [student.id for student in book.students] == ["ada"]


def test_what_a_person_entered_stays_whatever_becomes_of_the_verdicts(course):
    course.keep(result())
    course.enter("q2", score=3, extra=0.5, comment="Nice example.")
    course.enter("q1-random", score=1)
    for changed in (result(q1_random="failed"), result(), result(submission="malformed")):
        entered = course.keep(changed).entered.items()
        assert {place: replace(entry, outdated=False) for place, entry in entered} == {
            ("ada", "q2"): Entry(3, 0.5, "Nice example."),
            ("ada", "q1-random"): Entry(1),
        }
        assert course.row("q2")["score"] == "3.5"
        assert course.row("q1-random")["score"] == "1"


def test_a_score_given_by_a_person_waits_no_more(course):
    course.keep(result())
    course.enter("q2", score=0)
    course.keep(result())
    assert course.grade("q2") == (None, 0, False)
    assert course.sum()["manual_left"] == "0"


def test_a_changed_answer_waits_again_with_its_old_score(course):
    course.keep(result(), words="Before.")
    course.enter("q2", score=3)
    course.keep(result(), words="Afterwards.")
    for _ in range(2):
        assert course.grade("q2") == (None, 3, True)
        assert course.sum()["manual_left"] == "1"
        with course.book() as book:
            said = book.find_comment("q2", "toy", "99_toy", "ada").auto_comment
        assert said.startswith("1 words, version ")
        assert said.endswith("It has changed since it was graded.")
        course.keep(result(), words="Afterwards.")
    course.enter("q2", score=4)
    course.keep(result(), words="Afterwards.")
    assert course.grade("q2") == (None, 4, False)


def test_a_corrected_check_waits_again_when_its_verdict_changes(course):
    course.keep(result(q1_values="failed"))
    course.enter("q1-values", score=1)
    course.keep(result(q1_values="failed"))
    assert course.grade("q1-values") == (0, 1, False)
    course.keep(result())
    assert course.grade("q1-values") == (2, 1, True)


def test_a_check_may_be_added_and_removed_without_losing_scores(course):
    course.keep(result())
    course.enter("q2", score=3)
    course.rewrite(errors="")
    fewer = result()
    fewer = replace(fewer, verdicts=tuple(v for v in fewer.verdicts if v.check != "q1-errors"))
    assert course.keep(fewer).of("ada", "q2").score == 3
    with course.book() as book:
        assert book.find_submission("99_toy", "ada").score == 2 + 3 + 3
        assert book.find_submission("99_toy", "ada").max_score == 9
    course.rewrite()
    assert course.keep(result()).of("ada", "q2").score == 3
    assert course.grade("q1-errors") == (1, None, False)
    assert course.grade("q2") == (None, 3, False)


def test_an_answer_cell_added_later_can_be_commented(course):
    course.rewrite(words="")
    course.keep(replace(result(), verdicts=result().verdicts[:3]))
    course.rewrite()
    course.keep(result())
    course.enter("q2", comment="Good.")
    assert course.keep(result()) == Entries({("ada", "q2"): Entry(comment="Good.")})


def test_a_cell_with_a_persons_score_cannot_vanish_unnoticed(course):
    course.keep(result())
    course.enter("q1-errors", score=1)
    course.rewrite(errors="")
    with pytest.raises(AssignmentError, match=r"toy\.ipynb no longer has the cell q1-errors"):
        course.keep(replace(result(), verdicts=result().verdicts[:1] + result().verdicts[2:]))
    course.rewrite()
    assert course.keep(result()).of("ada", "q1-errors").score == 1


def test_a_renamed_notebook_keeps_its_scores(course):
    course.keep(result())
    course.enter("q2", score=3)
    path = course.toy.path
    course.toy = replace(course.toy, path=path.with_name("renamed.ipynb"))
    assert course.keep(result()).of("ada", "q2").score == 3


def test_the_first_gradebook_is_whole_without_alembic_on_the_path(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    course = Course(tmp_path)
    course.keep(result())
    assert os.environ["PATH"] == "/nowhere"
    with course.book() as book:
        assert "alembic_version" in inspect(book.engine).get_table_names()


def test_a_gradebook_that_cannot_be_opened_is_told_in_a_sentence(course):
    records.save(course.out, course.toy, result(), executed())
    with pytest.raises(AssignmentError, match="The gradebook cannot be written") as caught:
        records.fill_gradebook(course.out, course.toy, [result()], "sqlite:////nowhere/gradebook.db")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("timestamp", "kept"), [("2026-11-19 22:10:00 UTC", True), ("yesterday?", False)])
def test_when_it_was_handed_in_is_kept_where_it_is_a_date(course, timestamp, kept):
    course.keep(replace(result(), timestamp=timestamp))
    with course.book() as book:
        assert (book.find_submission("99_toy", "ada").timestamp is not None) == kept
    file = course.out / "autograded" / "ada" / "99_toy" / "timestamp.txt"
    assert file.exists() == kept  # formgrader compares the two
    course.keep(result())
    assert not file.exists()


# Tables


def test_a_row_in_grades_reads_like_a_sentence(course):
    course.keep(result(message="Expected 3.\n  got: 4", q1_values="failed"))
    assert course.row("q1-values") == {
        "student_id": "ada",
        "assignment": "99_toy",
        "question": "q1",
        "check": "q1-values",
        "score": "0",
        "max_score": "2",
        "status": "failed",
        "message": "Expected 3.\n  got: 4",
    }
    assert [row["check"] for row in course.table("grades.csv")] == list(PASSED)


def test_the_summary_has_one_row_for_each_student(course):
    course.keep(result("bea", "repaired"), result("ada"), result("dan", "missing"))
    rows = course.table("summary.csv")
    assert [row["student_id"] for row in rows] == ["ada", "bea", "dan"]
    assert rows[1] == {
        "student_id": "bea",
        "assignment": "99_toy",
        "score": "6",
        "max_score": "10",
        "late_penalty": "",
        "submission_status": "repaired",
        "manual_left": "1",
        "notes": "A sentence about it.",
    }


def test_a_persons_score_comes_back_into_the_tables(course):
    course.keep(result())
    course.enter("q2", score=2.5)
    course.keep(result())
    assert (course.row("q2")["score"], course.row("q2")["status"]) == ("2.5", "manual")
    assert (course.sum()["score"], course.sum()["manual_left"]) == ("8.5", "0")


def test_two_runs_write_the_same_bytes_in_whatever_order_workers_finish(course):
    results = [result("ada"), result("bea", q1_values="failed"), result("cem", "malformed")]
    course.keep(*results)
    before = {name: (course.out / name).read_bytes() for name in ("grades.csv", "summary.csv")}
    course.keep(*(replace(one, seconds=9.0) for one in reversed(results)))
    assert before == {name: (course.out / name).read_bytes() for name in before}


def test_rows_of_other_assignments_stay(course):
    course.keep(result(message="=1+1", q1_values="failed"))
    before = {name: course.table(name) for name in ("grades.csv", "summary.csv")}
    other = replace(course.toy, name="98_other")
    records.write_tables(course.out, other, [replace(result("zoe"), assignment="98_other")], Entries())
    for name, rows in before.items():
        assert course.table(name)[-len(rows) :] == rows
        assert course.table(name)[0]["assignment"] == "98_other"


def test_a_table_with_other_columns_is_not_overwritten(course):
    (course.out / "summary.csv").write_text("student;score\nada;3\n")
    with pytest.raises(AssignmentError, match=r"summary\.csv has other columns"):
        course.keep(result())
    assert (course.out / "summary.csv").read_text() == "student;score\nada;3\n"


@pytest.mark.parametrize(
    "formula", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", " =1", "\x00=1", "\x1b[1m=1"]
)
def test_no_spreadsheet_takes_a_message_for_a_formula(course, formula):
    one = result(formula, message=formula, q1_values="failed")
    records.write_tables(course.out, course.toy, [replace(one, notes=(formula,))], Entries())
    texts = [row[column] for row in course.table("grades.csv") for column in ("student_id", "message")]
    texts += [row["notes"] for row in course.table("summary.csv")]
    assert not [text for text in texts if text and text[0] in "=+-@\t\r\n"]


@given(st.text(st.characters(exclude_categories=[])))
def test_any_message_survives_the_way_through_a_table(tmp_path_factory, message):
    course = Course(tmp_path_factory.mktemp("table"))
    one = result(message=message, q1_values="failed")
    records.write_tables(course.out, course.toy, [one], Entries())
    records.write_tables(
        course.out, replace(course.toy, name="98_other"), [], Entries()
    )  # reads and writes it again
    said = records.plain(message).strip()[:2000]
    assert course.row("q1-values")["message"] == ("'" + said if said[:1] in tuple("=+-@") else said)
    assert len(course.table("grades.csv")) == len(PASSED)


def test_handing_in_late_costs_what_nbgraders_rule_says(course, monkeypatch, tmp_path):
    late = replace(result("ada"), timestamp="2026-11-20 12:00:00 UTC")
    course.keep(late, replace(result("bea"), timestamp="2026-11-19 12:00:00 UTC"))
    with course.book() as book:
        book.update_or_create_assignment("99_toy", duedate="2026-11-20 00:00:00 UTC")
    course.keep(late, replace(result("bea"), timestamp="2026-11-19 12:00:00 UTC"))
    assert (course.sum("ada")["score"], course.sum("ada")["late_penalty"]) == ("6", "")
    (tmp_path / "course").mkdir()
    monkeypatch.setattr(records, "solutions", lambda: tmp_path / "course" / "solutions")
    rule = "c = get_config()\nc.LateSubmissionPlugin.penalty_method = 'zero'\n"
    (tmp_path / "course" / "nbgrader_config.py").write_text(rule, encoding="utf-8")
    entries = course.keep(late, replace(result("bea"), timestamp="2026-11-19 12:00:00 UTC"))
    assert entries.penalties == {"ada": 6.0}
    assert (course.sum("ada")["score"], course.sum("ada")["late_penalty"]) == ("0", "6")
    assert course.sum("bea")["score"] == "6"
    with course.book() as book:
        assert book.find_submission("99_toy", "ada").late_submission_penalty == 6


def test_whose_score_has_changed_is_told(course):
    course.keep(result("ada"), result("bea"))
    worse = result("ada", q1_random="failed")
    entries = records.fill_gradebook(course.out, course.toy, [worse, result("bea")])
    told = records.write_tables(course.out, course.toy, [worse, result("bea")], entries)
    assert told == ["ada: 6 before, 3 now"]
