"""What an instructor types, and what the terminal answers."""

import subprocess
import sys

import nbformat
import pytest
from click.testing import CliRunner

from course_lib.cli import main
from course_lib.grading import assignment

from . import toy


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course that has one small assignment, with a student's folder."""
    source = toy.write(tmp_path)
    monkeypatch.setattr(assignment, "solutions", lambda: tmp_path / "solutions")
    return source


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def hand_in(root, student, source):
    """Write a submission: the release with this answer."""
    notebook = nbformat.read(root / "assignments" / "99_toy" / "toy.ipynb", as_version=4)
    next(c for c in notebook.cells if c.id == "q1").source = source
    path = root / "submitted" / student / "99_toy" / "toy.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)


RIGHT = "def center(x):\n    if len(x) == 0:\n        raise ValueError\n    return x - x.mean()"


def grade(root, *options):
    return invoke("grade", "99_toy", "--submissions", root / "submitted", "--out", root / "graded", *options)


def test_the_students_half_never_imports_the_instructors():
    program = (
        "import sys, course_lib, course_lib.checking, course_lib.data, course_lib.training, course_lib.cli;"
        "assert not [m for m in sys.modules if m.startswith(('course_lib.grading', 'nbgrader'))]"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_help_imports_neither_torch_nor_nbgrader():
    program = (
        "import sys; from course_lib.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "assert not [m for m in sys.modules if m.split('.')[0] in ('torch', 'nbgrader', 'nbformat')]"
    )
    shown = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    for command in ("doctor", "release", "grade", "fork", "student-copy"):
        assert f"\n  {command} " in shown


def test_release_prints_the_trial_and_writes_the_assignment(course, tmp_path):
    result = invoke("release")
    assert result.exit_code == 0, result.output
    assert "released: assignments/99_toy" in result.output
    assert "wrong answers caught" in result.output


def test_release_refuses_with_a_sentence_and_an_exit_code(course, tmp_path):
    broken = nbformat.read(course.path, as_version=4)
    broken.cells[4].source = "# Nothing.\nassert True"
    nbformat.write(broken, course.path)
    result = invoke("release", "99_toy")
    assert result.exit_code == 1
    assert "refused: toy.ipynb, cell q1-values: an empty answer passes q1-values." in result.output
    assert "released" not in result.output


def test_release_of_an_unknown_assignment_names_those_that_exist(course):
    result = invoke("release", "98_none")
    assert result.exit_code == 1
    assert "Error: There is no assignment '98_none'; there are 99_toy." in result.output


def test_grading_refuses_to_start_without_walls(course, tmp_path, monkeypatch):
    invoke("release")
    hand_in(tmp_path, "ada", RIGHT)
    monkeypatch.setenv("PATH", str(tmp_path))  # where there is no bubblewrap
    result = grade(tmp_path, "--workers", "1")
    assert result.exit_code == 1
    assert "bubblewrap" in result.output
    assert "--isolation none" in result.output
    assert not (tmp_path / "graded" / "grades.csv").exists()


def test_grading_says_what_no_isolation_means_and_what_came_of_it(course, tmp_path):
    invoke("release")
    hand_in(tmp_path, "ada", RIGHT)
    hand_in(tmp_path, "bob", "def center(x):\n    return x")
    (tmp_path / "submitted" / "eve").mkdir()
    result = grade(tmp_path, "--isolation", "none", "--workers", "1")
    assert result.exit_code == 0, result.output
    assert "students' code runs with your rights" in result.output
    assert "3 submissions (2 intact, 0 repaired, 0 malformed, 1 missing), 2 graded now" in result.output
    again = grade(tmp_path, "--isolation", "none", "--workers", "1")
    assert "0 graded now" in again.output


def test_a_file_among_the_students_folders_is_named_and_changes_the_exit_code(course, tmp_path):
    invoke("release")
    hand_in(tmp_path, "ada", RIGHT)
    (tmp_path / "submitted" / "whose.ipynb").write_text("{}", encoding="utf-8")
    result = grade(tmp_path, "--isolation", "none", "--workers", "1")
    assert result.exit_code == 1
    assert "whose.ipynb: left aside, for it is no folder. Whose is it?" in result.output
    assert "1 submissions" in result.output


def test_a_missing_folder_of_submissions_is_named(course, tmp_path):
    invoke("release")
    result = grade(tmp_path, "--isolation", "none")
    assert result.exit_code == 1
    assert "Error: There is no folder" in result.output
    assert "submitted" in result.output


def test_an_assignment_that_was_never_released_is_named(course, tmp_path):
    (tmp_path / "submitted" / "ada").mkdir(parents=True)
    result = grade(tmp_path, "--isolation", "none")
    assert result.exit_code == 1
    assert "Error: 99_toy is not released yet: course release 99_toy." in result.output
