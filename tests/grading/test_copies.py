"""A fork carries its own address everywhere; the students' copy carries no solutions."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from course_lib import _files
from course_lib.grading import copies
from course_lib.grading.assignment import AssignmentError

ROOT = Path(__file__).parents[2]
PLACEHOLDER = "OWNER/NAME"


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the whole course, in a folder that is not the one under test."""
    target = tmp_path_factory.mktemp("course") / "clone"
    for path in copies._tracked(ROOT):
        copy = target / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    subprocess.run(["git", "init", "-q", target], check=True)
    return target


@pytest.fixture
def in_clone(clone, monkeypatch):
    monkeypatch.setattr(_files, "checkout", lambda: clone)
    return clone


def texts(folder):
    for path in sorted(folder.rglob("*")):
        if path.is_file() and ".git" not in path.parts and path.suffix in {".md", ".ipynb", ".toml", ".yml"}:
            yield path, path.read_text(encoding="utf-8")


def test_a_fork_names_its_own_address_in_badges_set_up_cells_and_project(in_clone):
    before = {path for path, text in texts(in_clone) if PLACEHOLDER in text}
    changed = copies.fork("jane-doe/deep.learning_26")
    assert {"pyproject.toml", "README.md", "notebooks/01_perceptron.ipynb"} <= set(changed)
    assert any(name.startswith("assignments/") for name in changed)
    assert any(name.startswith("solutions/") for name in changed)
    project = tomllib.loads((in_clone / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["urls"]["Repository"] == "https://github.com/jane-doe/deep.learning_26"
    for path in before:
        text = path.read_text(encoding="utf-8")
        for before in ("github.com/", "/github/", "/gh/"):
            assert before + PLACEHOLDER not in text, path
    assert not [name for name in changed if name.startswith(("course_lib/", "tests/"))]
    text = (in_clone / "notebooks" / "01_perceptron.ipynb").read_text(encoding="utf-8")
    assert "colab.research.google.com/github/jane-doe/deep.learning_26/blob/main/" in text
    assert "git+https://github.com/jane-doe/deep.learning_26" in text


def test_a_whole_address_will_do(in_clone):
    copies.fork("some/one")
    copies.fork("https://github.com/jane/course.git")
    assert copies._repository(in_clone) == "jane/course"


def test_a_fork_of_a_fork_and_the_way_back_change_the_same_files(in_clone):
    copies.fork("first/one")
    there = copies.fork("second/two")
    assert there == copies.fork("first/one")
    assert copies.fork("first/one") == [], "the address is there already"


@pytest.mark.parametrize("name", ["", "jane", "jane/", "/x", "a/b/c", "jane doe/x", "https://gitlab.com/a/b"])
def test_what_is_no_repository_is_refused(name):
    with pytest.raises(AssignmentError, match="Expected OWNER/NAME"):
        copies.fork(name)


def test_the_students_copy_has_lectures_and_assignments_and_no_solution(in_clone, tmp_path):
    folder = tmp_path / "students"
    count = copies.student_copy(folder)
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert count == len(names)
    assert {"README.md", "Makefile", "notebooks/01_perceptron.ipynb", "course_lib/cli.py"} <= names
    assert any(name.startswith("assignments/00_start_here/") for name in names)
    assert not [name for name in names if any(name.startswith(private) for private in copies.PRIVATE)]
    assert not (folder / ".git").exists()


def test_no_line_of_a_solution_is_in_the_students_copy(in_clone, tmp_path):
    from course_lib.grading import assignment, release

    folder = tmp_path / "students"
    copies.student_copy(folder)
    for name in assignment.names():
        source = assignment.load(name)
        assert list(release.leaks(source, folder / "assignments" / name)) == []
    secret = "X_train.T + (X_train**2).sum(axis=1)"  # of the reference of assignment 00
    assert secret in (ROOT / "solutions/00_start_here/start_here.ipynb").read_text(encoding="utf-8")
    for path in folder.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path


def test_the_students_copy_is_never_mixed_with_other_files(in_clone, tmp_path):
    (tmp_path / "mine.txt").write_text("keep me", encoding="utf-8")
    with pytest.raises(AssignmentError, match="is not empty"):
        copies.student_copy(tmp_path)
    with pytest.raises(AssignmentError, match="lies in this course"):
        copies.student_copy(in_clone / "students")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_students_copy_works_without_the_instructors_half(in_clone, tmp_path):
    folder = tmp_path / "students"
    copies.student_copy(folder)
    program = "from course_lib.cli import main; main()"
    command = [sys.executable, "-c", program, "--help"]
    shown = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    assert "doctor" in shown
    assert "\n  grade " not in shown
