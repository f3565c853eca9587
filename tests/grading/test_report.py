"""How a class did: what the tables say, and that the figures can be read."""

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from course_lib.grading import records
from course_lib.grading.assignment import Assignment, AssignmentError, Check
from course_lib.grading.examiner import Verdict
from course_lib.grading.records import Entries, Entry, Result
from course_lib.grading.report import report

NAMES = ("q1-values", "q1-shape", "q2")


def assignment(names=NAMES):
    checks = [
        Check(name, name.split("-")[0], "manual" if name == "q2" else "hidden", 2, "About.", i)
        for i, name in enumerate(names)
    ]
    return Assignment("99_toy", Path("toy.ipynb"), None, tuple(checks))


def result(student, statuses, submission="intact", seconds=1.0, messages=None, names=NAMES):
    """Return a result with a status for each check: p(assed), f(ailed), e(rror), m(anual)."""
    words = {"p": "passed", "f": "failed", "e": "error", "m": "manual", "x": "flagged"}
    verdicts = tuple(
        Verdict(name, words[letter], (messages or {}).get(name, ""))
        for name, letter in zip(names, statuses, strict=True)
    )
    return Result(student, "99_toy", submission, (), verdicts, "key", seconds, None)


def grade(out, *results, entries=None, names=NAMES):
    """Leave what `course grade` leaves, and report on it."""
    records.write_tables(out, assignment(names), results, Entries(entries or {}))
    for one in results:
        path = out / "results" / "99_toy" / f"{one.student}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(dataclasses.asdict(one)))
    return report(out, "99_toy")


def table(out, name):
    with (out / "report" / "99_toy" / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_difficulty_is_the_share_that_pass(tmp_path):
    grade(tmp_path, *(result(f"s{i}", letters) for i, letters in enumerate(["ppm", "pfm", "pfm", "pem"])))
    values, shape, words = table(tmp_path, "checks.csv")
    assert (values["check"], values["question"]) == ("q1-values", "q1")
    assert (values["n"], values["passed"], values["difficulty"]) == ("4", "4", "1.000")
    assert (shape["n"], shape["passed"], shape["difficulty"]) == ("4", "1", "0.250")
    assert (words["n"], words["passed"], words["difficulty"]) == ("0", "0", "")


def test_discrimination_is_the_correlation_with_the_rest(tmp_path):
    given = [2, 1, 0, 1.5, 0.5]  # for q2, by a person
    letters = ["ppm", "ppm", "pfm", "fpm", "ffm"]
    entries = {(f"s{i}", "q2"): Entry(score=points) for i, points in enumerate(given)}
    made = grade(tmp_path, *(result(f"s{i}", one) for i, one in enumerate(letters)), entries=entries)
    values = np.array([1, 1, 1, 0, 0])
    shape = np.array([1, 1, 0, 1, 0])
    expected = np.corrcoef(values, 2 * shape + given)[0, 1]
    assert made.checks[0].discrimination == pytest.approx(expected)
    assert table(tmp_path, "checks.csv")[0]["discrimination"] == f"{expected:.3f}"
    # q2 is passed by the one who has all its points.
    expected = np.corrcoef([1, 0, 0, 0, 0], 2 * values + 2 * shape)[0, 1]
    assert made.checks[2].discrimination == pytest.approx(expected)


@pytest.mark.parametrize("letters", [["ppm", "ffm"], ["ppm"] * 4, ["pfm", "pfm", "ppm", "ppm"]])
def test_discrimination_is_blank_where_it_is_undefined(tmp_path, letters):
    grade(tmp_path, *(result(f"s{i}", one) for i, one in enumerate(letters)))
    assert table(tmp_path, "checks.csv")[0]["discrimination"] == ""


def test_what_could_not_be_read_is_counted_and_is_no_zero(tmp_path):
    made = grade(
        tmp_path,
        result("ada", "ppm"),
        result("bob", "xxx", "malformed"),
        result("eve", "xxx", "missing"),
        result("zoe", "xxx"),  # the grader failed
        entries={("bob", "q2"): Entry(score=0.0)},
    )
    assert made.counts == {"intact": 2, "malformed": 1, "missing": 1}
    assert made.scores == {"ada": 4.0}
    assert table(tmp_path, "checks.csv")[0]["n"] == "1"
    page = (made.folder / "index.html").read_text()
    assert "4 submissions: 2 intact, 1 malformed, 1 missing. The figures show the 1 " in page


def test_messages_that_differ_in_their_numbers_are_one_hint(tmp_path):
    def said(got, hint="subtract the mean"):
        return {"q1-shape": f"The result differs.\n  expected: 1\n  got: {got}\n  hint: {hint}"}

    grade(
        tmp_path,
        result("a", "pfm", messages=said(1.5)),
        result("b", "pfm", messages=said(-2e-7)),
        result("c", "pfm", messages=said(3, "keep the axis")),
        result("d", "fpm", messages={"q1-values": "Expected shape (3, 4), got (5,)."}),
        result("e", "fpm", messages={"q1-values": "Expected shape (3, 4), got (6,)."}),
        result("f", "fpm", messages={"q1-values": "Expected shape (3, 4), got (6,)."}),
        result("g", "epm", messages={"q1-values": "ValueError: no"}),
    )
    rows = [(r["check"], r["status"], r["submissions"], r["message"]) for r in table(tmp_path, "hints.csv")]
    assert rows == [
        ("q1-values", "failed", "3", "Expected shape (3, 4), got (6,)."),
        ("q1-shape", "failed", "2", "The result differs. hint: subtract the mean"),
        ("q1-shape", "failed", "1", "The result differs. hint: keep the axis"),
        ("q1-values", "error", "1", "ValueError: no"),
    ]
    assert table(tmp_path, "hints.csv")[0]["share"] == "0.429"


def test_seconds_of_checks_are_told_where_they_are_known(tmp_path):
    grade(tmp_path, result("a", "ppm"), result("b", "ppm"))
    assert table(tmp_path, "checks.csv")[0]["seconds"] == ""
    for student, seconds in (("a", 1.0), ("b", 2.0)):
        path = tmp_path / "results" / "99_toy" / f"{student}.json"
        kept = json.loads(path.read_text())
        kept["verdicts"][0]["seconds"] = seconds
        path.write_text(json.dumps(kept))
    report(tmp_path, "99_toy")
    assert [row["seconds"] for row in table(tmp_path, "checks.csv")] == ["1.500", "", ""]


def test_a_damaged_result_is_named_and_the_rest_is_drawn(tmp_path):
    grade(tmp_path, result("a", "ppm"), result("b", "ppm"))
    (tmp_path / "results" / "99_toy" / "b.json").write_text("{")
    made = report(tmp_path, "99_toy")
    assert len(made.problems) == 1
    assert "b.json cannot be read" in made.problems[0]
    assert (made.folder / "seconds.png").is_file()


@pytest.mark.parametrize(("students", "checks"), [(1, 3), (5, 3), (300, 40)])
def test_figures_are_drawn_for_classes_of_any_size(tmp_path, students, checks):
    names = [f"q{i}-check" for i in range(checks)]
    rng = np.random.default_rng(0)
    results = [
        result(
            f"s{i}",
            "".join(rng.choice(list("pfe"), checks)),
            names=names,
            seconds=float(rng.exponential()),
            messages=dict.fromkeys(names, "A $x_{$ and 中文 and \x1b[31m color\n  hint: " + "long " * 60),
        )
        for i in range(students)
    ]
    made = grade(tmp_path, *results, names=names)
    page = (made.folder / "index.html").read_text()
    for name in ("scores", "checks", "hints", "seconds"):
        with Image.open(made.folder / f"{name}.png") as picture:
            assert picture.width >= 600
            assert 200 <= picture.height <= 100 + 40 * max(checks, 25)
            assert len(picture.convert("RGB").getcolors(1 << 24)) > 10
        assert f'<img src="{name}.png" alt="' in page
    assert 'alt=""' not in page


def test_nothing_to_draw_leaves_tables_and_no_old_figures(tmp_path):
    grade(tmp_path, result("a", "pfm", messages={"q1-shape": "No."}))
    made = grade(tmp_path, result("a", "xxx", "malformed"))
    assert sorted(path.name for path in made.folder.iterdir()) == ["checks.csv", "hints.csv", "index.html"]
    assert table(tmp_path, "checks.csv") == []


def test_a_score_with_a_penalty_is_taken_as_it_is(tmp_path):
    grade(tmp_path, result("a", "ppm"))
    path = tmp_path / "summary.csv"
    rows = list(csv.DictReader(path.open(newline="")))
    rows[0] |= {"score": "3.5", "late": "yes", "penalty": "0.5"}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert report(tmp_path, "99_toy").scores == {"a": 3.5}


def test_two_reports_are_the_same(tmp_path):
    made = grade(tmp_path, result("a", "pfm", messages={"q1-shape": "No."}), result("b", "ppm"))
    before = {path.name: path.read_bytes() for path in made.folder.iterdir()}
    again = report(tmp_path, "99_toy").folder
    assert {path.name: path.read_bytes() for path in again.iterdir()} == before


def test_what_is_missing_or_damaged_is_a_sentence(tmp_path):
    with pytest.raises(AssignmentError, match=r"no .*summary\.csv: run course grade 99_toy first"):
        report(tmp_path, "99_toy")
    grade(tmp_path, result("a", "ppm"))
    with pytest.raises(AssignmentError, match=r"summary\.csv has no row of 98_b"):
        report(tmp_path, "98_b")
    text = (tmp_path / "grades.csv").read_text()
    (tmp_path / "grades.csv").write_text(text.replace("status", "state"))
    with pytest.raises(AssignmentError, match=r"grades\.csv lacks the columns status"):
        report(tmp_path, "99_toy")
    (tmp_path / "grades.csv").write_text(text.replace(",2,2,", ",two,2,"))
    with pytest.raises(AssignmentError, match=r"grades\.csv: 'two' stands where"):
        report(tmp_path, "99_toy")
