"""Whatever stands in a student's file beside the answers does nothing: tags, marks, edited checks, links."""

import copy
import os
import socket

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from course_lib.grading.assignment import grade_id, role
from course_lib.grading.restore import restore
from tests.grading import damage
from tests.grading.attacks import target


@pytest.fixture(scope="session")
def release(arena):
    return damage.released(arena.assignment)


def handed_in(arena, release, folder, change):
    """Return what restoring a changed release gives."""
    notebook = copy.deepcopy(release)
    change(notebook)
    place = folder / arena.assignment.name
    place.mkdir(parents=True, exist_ok=True)
    (place / arena.assignment.path.name).write_text(nbformat.writes(notebook))
    return restore(place, arena.assignment, release)


def everywhere(**metadata):
    def change(notebook):
        for cell in notebook.cells:
            cell.metadata.update(copy.deepcopy(metadata))

    return change


def checks(notebook):
    return [cell for cell in notebook.cells if role(cell) == "check"]


def edited(source):
    def change(notebook):
        for cell in checks(notebook):
            cell.source = source(cell.source)

    return change


def marked(**marks):
    def change(notebook):
        for cell in checks(notebook):
            cell.metadata.nbgrader.update(marks)

    return change


def without_checks(notebook):
    notebook.cells = [cell for cell in notebook.cells if role(cell) != "check"]


def checks_as(kind):
    def change(notebook):
        for cell in checks(notebook):
            cell.cell_type = kind

    return change


def set_up(source):
    def change(notebook):
        notebook.cells[1].source = source

    return change


def answers_marked_as_checks(notebook):
    for cell in notebook.cells:
        if role(cell) == "answer":
            cell.metadata.nbgrader.update(grade=True, solution=False, locked=False, points=100)


def cells_of_the_course(notebook):
    """Cells that claim to be the author's, so that they would run outside."""
    cells = [
        new_code_cell("import os\nos._exit(1)", metadata=m)
        for m in ({}, {"nbgrader": {}}, {"course": {"extra": False}})
    ]
    notebook.cells[2:2] = cells


def same_names(notebook):
    for cell in checks(notebook):
        cell.metadata.nbgrader.grade_id = "q1-values"


def other_names(notebook):
    for cell in notebook.cells:
        if grade_id(cell):
            cell.metadata.nbgrader.grade_id = "q1"


def outputs(notebook):
    for cell in checks(notebook):
        cell.outputs = [nbformat.v4.new_output("stream", text="passed")]
        cell.execution_count = 1


def hidden_marks(notebook):
    for cell in notebook.cells:
        if role(cell) == "answer":
            cell.source = (
                "### BEGIN HIDDEN TESTS\n### BEGIN SOLUTION\npass\n### END SOLUTION\n### END HIDDEN TESTS"
            )


def magics(text):
    def change(notebook):
        for cell in notebook.cells:
            if role(cell) == "answer":
                cell.source = text

    return change


TRICKS = {
    "skip-execution": everywhere(tags=["skip-execution"]),
    "raises-exception": everywhere(tags=["raises-exception"]),
    "many tags": everywhere(tags=["skip-execution", "raises-exception", "remove-cell", "parameters"], trusted=True),
    "extra": everywhere(course={"extra": True}),
    "no extra": everywhere(course={"extra": False}),
    "no metadata": lambda notebook: [cell.metadata.clear() for cell in notebook.cells],
    "metadata of the notebook": lambda notebook: notebook.metadata.update(kernelspec={"name": "bash", "display_name": "x"}, language_info={"name": "bash"}),
    "checks say pass": edited(lambda source: source.split("\n")[0] + "\npass"),
    "checks are empty": edited(lambda source: ""),
    "checks in a comment": edited(lambda source: "\n".join("# " + line for line in source.split("\n"))),
    "checks that end Python": edited(lambda source: source + "\nimport os\nos._exit(0)"),
    "points": marked(points=1000),
    "unlocked": marked(locked=False, grade=False),
    "solutions": marked(solution=True, grade=False),
    "without checks": without_checks,
    "checks in Markdown": checks_as("markdown"),
    "raw checks": checks_as("raw"),
    "answers marked as checks": answers_marked_as_checks,
    "cells of the course": cells_of_the_course,
    "same names": same_names,
    "other names": other_names,
    "outputs": outputs,
    "hidden marks": hidden_marks,
    "set-up": set_up("import sys, os\nclose = lambda *args, **kwargs: True\nos._exit(0)"),
    "set-up that patches": set_up(target.SETUP + "\nimport course_lib.checking\ncourse_lib.checking.close = close = lambda *args, **kwargs: True"),
    "script magic": magics("%%script bash\nexit 0"),
    "unknown magic": magics("%%nothing\nx"),
    "magic to the end": magics("%%javascript\nalert(1)"),
    "reset": magics("%reset -f"),
    "history": magics("%rerun\n%recall\n%store -r\n%logstart\n%load_ext storemagic\n%history -g"),
}  # fmt: skip


@pytest.mark.parametrize("name", TRICKS)
def test_what_stands_beside_the_answers_gains_nothing(arena, release, tmp_path, name):
    restored = handed_in(arena, release, tmp_path, TRICKS[name])
    assert restored.notebook is not None or restored.status == "malformed"
    if restored.notebook is None:
        return
    kept = [cell.source for cell in restored.notebook.cells if role(cell) == "check"]
    assert kept == [cell.source for cell in arena.assignment.notebook.cells if role(cell) == "check"]
    assert arena.canary not in str([c.source for c in restored.notebook.cells if role(c) != "check"])
    assert arena.examine(restored.notebook).passed == set()
    arena.assert_next_is_right()


def files(folder, kind, arena):
    """Put something that is no file in the notebook's place."""
    place = folder / arena.assignment.name / arena.assignment.path.name
    place.parent.mkdir()
    secret = arena.assignment.path
    match kind:
        case "symbolic link":
            place.symlink_to(secret)
        case "link to itself":
            place.symlink_to(place)
        case "link to a device":
            place.symlink_to("/dev/zero")
        case "folder linked":
            place.parent.rmdir()
            place.parent.symlink_to(secret.parent)
        case "folder inside linked":
            (place.parent / "inside").symlink_to(secret.parent)
        case "named pipe":
            os.mkfifo(place)
        case "socket":
            os.chdir(place.parent)
            with socket.socket(socket.AF_UNIX) as bound:
                bound.bind(place.name)
        case "folder":
            place.mkdir()
        case "device":
            try:
                os.mknod(place, 0o20666, os.makedev(1, 5))
            except PermissionError:
                pytest.skip("needs root")


@pytest.mark.parametrize(
    "kind",
    ["symbolic link", "link to itself", "link to a device", "folder linked", "folder inside linked", "named pipe", "socket", "folder", "device"],
)  # fmt: skip
def test_what_is_no_file_is_not_read(arena, release, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    files(tmp_path, kind, arena)
    restored = restore(tmp_path / arena.assignment.name, arena.assignment, release)
    assert restored.status in ("malformed", "missing") and restored.notebook is None
    assert restored.notes
    assert arena.canary not in str(restored)


NAMES = [
    "../../escape",
    "a b",
    "a;touch x",
    "$(touch x)",
    "-rf",
    "a\nb",
    "ü",
    "\u202egro.tset",
    "<script>",
    "=1+1",
    "a" * 200,
    "%s{}",
    "con",
    "'\"`",
]


@pytest.mark.parametrize("name", [n for n in NAMES if "/" not in n])
def test_hostile_names_of_students_are_only_names(arena, release, tmp_path, name):
    from course_lib.grading import feedback, records
    from course_lib.grading.examiner import Verdict
    from course_lib.grading.records import Entries, Result

    restored = handed_in(arena, release, tmp_path / name, lambda notebook: None)
    assert restored.status == "intact"
    verdicts = tuple(Verdict(c.name, "failed", name) for c in arena.assignment.checks)
    result = Result(name, arena.assignment.name, "intact", (), verdicts, "key", 0.0, None)
    out = tmp_path / "out"
    records.save(out, arena.assignment, result, restored.notebook)
    page = feedback.write(out, arena.assignment, result, Entries(), isolation="bwrap").read_text()
    records.write_tables(out, arena.assignment, [result], Entries())
    assert "<script>" not in page
    assert not list(tmp_path.rglob("x")) and not list(tmp_path.glob("escape"))
    assert not any(line.startswith("=") for line in (out / "grades.csv").read_text().splitlines())


SHADOWS = ("numpy", "torch", "json", "struct", "socket", "linecache", "course_lib/__init__", "IPython/__init__", "sitecustomize", "usercustomize", "conftest")  # fmt: skip


def test_files_beside_a_submission_are_not_imported(arena, release, tmp_path, monkeypatch):
    place = tmp_path / arena.assignment.name
    for name in SHADOWS:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.chdir(place)
    restored = handed_in(arena, release, tmp_path, lambda notebook: None)
    assert arena.examine(restored.notebook).passed == set()
    assert not (tmp_path / "ran").exists()


def test_a_worker_started_in_a_submission_imports_nothing_from_it(arena, release, tmp_path, monkeypatch):
    """The parents of kernels and examinations, too, started in that folder."""
    from course_lib.grading.examiner import Examiner

    place = tmp_path / arena.assignment.name
    for name in SHADOWS:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.chdir(place)
    with Examiner(arena.assignment, "bwrap", "cpu") as examiner:
        examined = examiner.examine(arena.notebook(answered=True, checks=["q1-values"]), arena.reference, 1)
    assert [v.status for v in examined.verdicts] == ["passed"]
    assert not (tmp_path / "ran").exists()


def test_files_that_shadow_modules_gain_nothing(arena):
    write = "\n".join(
        f"import os\nos.makedirs(os.path.dirname('./{name}'), exist_ok=True)\nopen('{name}.py', 'w').write('raise SystemExit')"
        for name in SHADOWS
    )
    more = "open('x.pth', 'w').write('import os; os._exit(0)')\nimport sys, importlib\nsys.path.insert(0, '.')\nfor name in ('numpy', 'json'):\n    sys.modules.pop(name, None)"
    arena.attack([write, more], checks=["q1-values", "q2-random"])
