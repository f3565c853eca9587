"""Turn ``solutions/NN_topic`` into what students get, ``assignments/NN_topic``, or refuse and say why."""

import ast
import logging
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_lib.grading import assignment as assignments
from course_lib.grading.assignment import (
    BEGIN_HIDDEN,
    BEGIN_SOLUTION,
    END_HIDDEN,
    END_SOLUTION,
    Assignment,
    AssignmentError,
)

_LEAST = 20  # characters: a shorter line, such as "return x", gives nothing away
_CODE = {".py", ".pyc", ".ipynb"}


def convert(assignment: Assignment, folder: Path) -> Path:
    """Write the students' version with nbgrader's converter; return the folder made inside ``folder``.

    Raises
    ------
    AssignmentError
        When nbgrader does not accept the notebook.
    """
    from nbgrader.converters import GenerateAssignment
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.preprocessors import SaveCells
    from traitlets.config import PyFileConfigLoader

    root = assignment.path.parents[2]
    config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    config.CourseDirectory.root = str(root)
    config.CourseDirectory.source_directory = str(assignment.path.parents[1])
    config.CourseDirectory.release_directory = str(folder)
    config.CourseDirectory.assignment_id = assignment.name
    config.GenerateAssignment.no_database = True
    # Without the gradebook: what it must know of an assignment is written when submissions are graded.
    config.GenerateAssignment.preprocessors = [
        step for step in GenerateAssignment.preprocessors.default() if step is not SaveCells
    ]
    said = _Said()
    log = logging.Logger("nbgrader", logging.ERROR)  # not the application's: what is wrong is said once
    log.addHandler(said)
    converter = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config, log=log)
    try:
        converter.start()
    except (Exception, SystemExit) as error:  # nbgrader exits where others raise
        reason = " ".join(said.reasons) or f"{type(error).__name__}: {error}"
        raise AssignmentError(f"{assignment.path.name}: nbgrader refuses it: {reason}") from error
    return folder / assignment.name


class _Said(logging.Handler):
    """Keeps the reasons in nbgrader's log; the exceptions it raises only point there."""

    def __init__(self) -> None:
        super().__init__()
        self.reasons: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the last line of a traceback."""
        text = record.getMessage().strip()
        if text.startswith("Traceback"):
            self.reasons.append(text.splitlines()[-1])


def released(assignment: Assignment) -> NotebookNode:
    """Read the students' version that is in ``assignments/``.

    Raises
    ------
    AssignmentError
        When it was not released yet, or its source has other cells now.
    """
    path = assignment.path.parents[2] / "assignments" / assignment.name / assignment.path.name
    if not path.is_file():
        raise AssignmentError(f"{assignment.name} is not released yet: course release {assignment.name}.")
    notebook = nbformat.read(path, as_version=4)
    ids = [
        [(cell.cell_type, assignments.grade_id(cell)) for cell in n.cells]
        for n in (notebook, assignment.notebook)
    ]
    if ids[0] != ids[1]:
        raise AssignmentError(
            f"assignments/{assignment.name} is older than solutions/{assignment.name}: run course release "
            f"{assignment.name}. Submissions made from the old one can be graded then, too."
        )
    return notebook


def release(
    assignment: Assignment, *, workers: int = 2, mutants_each: int | None = None
) -> tuple[str, list[str]]:
    """Convert an assignment, try its checks and write it to ``assignments/``, unless something is wrong.

    Returns
    -------
    str
        The table of the trial, "" when a problem was found before it.
    list of str
        What keeps the assignment from being released. When there is anything, nothing is written.
    """
    from course_lib.grading.trial import trial

    problems = unfinished(assignment)
    if problems:
        return "", problems
    with tempfile.TemporaryDirectory() as temporary:
        folder = convert(assignment, Path(temporary))
        problems = [*misplaced_names(assignment), *vague_exceptions(assignment), *leaks(assignment, folder)]
        if problems:
            return "", problems
        notebook = nbformat.read(folder / assignment.path.name, as_version=4)
        result = trial(assignment, notebook, workers=workers, mutants_each=mutants_each)
        if not result.problems():
            target = assignment.path.parents[2] / "assignments" / assignment.name
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(folder, target)
    return result.table(), result.problems()


def unfinished(assignment: Assignment) -> list[str]:
    """Return a sentence for each cell that is not Python, not marked rightly, or promises other points."""
    return [
        f"{assignment.path.name}, cell {assignments.grade_id(cell) or cell.source.splitlines()[0]}: {problem}"
        for cell in assignment.notebook.cells
        if cell.source
        for problem in (*_syntax(cell), *_marks(cell))
    ] + list(_points(assignment))


def _syntax(cell: NotebookNode) -> Iterator[str]:
    if cell.cell_type == "code":
        try:
            ast.parse(assignments.python(cell.source))
        except SyntaxError as error:
            yield f"line {error.lineno}: {error.msg}."


def _marks(cell: NotebookNode) -> Iterator[str]:
    for begin, end in ((BEGIN_SOLUTION, END_SOLUTION), (BEGIN_HIDDEN, END_HIDDEN)):
        found = [line.strip() for line in cell.source.splitlines() if line.strip() in (begin, end)]
        if found != [begin, end] * (len(found) // 2):
            yield f"each {begin!r} needs its {end!r} below it, each on a line of its own."
    if cell.cell_type == "code" and assignments.role(cell) == "answer" and BEGIN_SOLUTION not in cell.source:
        yield (
            f"put {BEGIN_SOLUTION!r} and {END_SOLUTION!r} around the solution; without them students get "
            "neither the signature nor the docstring."
        )


def _points(assignment: Assignment) -> Iterator[str]:
    """Compare the points in a question's heading with those of its checks."""
    for question in assignment.questions:
        points = sum(check.points for check in assignment.checks if check.question == question)
        promised = re.search(r"\((\d+(?:\.\d+)?) points?", assignment.heading(question))
        if promised and float(promised[1]) != points:
            yield (
                f"{assignment.path.name}, {question}: the heading promises {promised[1]} points, its checks "
                f"have {points:g}."
            )


def misplaced_names(assignment: Assignment) -> Iterator[str]:
    """Yield a sentence for each cell that uses a name which only a check makes.

    Students run cells in any order, and grading runs checks in another process: nothing a check makes
    may matter to another cell.
    """
    code = [cell for cell in assignment.notebook.cells if cell.cell_type == "code"]
    made = {id(cell): assignments.names_bound(cell.source) for cell in code}
    elsewhere = set().union(*(made[id(cell)] for cell in code if assignments.role(cell) != "check"))
    in_checks = set().union(*(made[id(cell)] for cell in code if assignments.role(cell) == "check"))
    for cell in code:
        for name in sorted(assignments.names_read(cell.source) & (in_checks - elsewhere)):
            where = assignments.grade_id(cell) or cell.source.split("\n")[0]
            yield (
                f"{assignment.path.name}, cell {where}: it uses {name!r}, which is made in a check. Make it "
                "in this cell, or in a cell that is no check."
            )


def vague_exceptions(assignment: Assignment) -> Iterator[str]:
    """Yield a sentence for each check that is content with any exception, an empty answer's included."""
    vague = {"Exception", "BaseException", "NotImplementedError", "RuntimeError"}
    for check in assignment.checks:
        if check.kind == "manual":
            continue
        tree = ast.parse(assignments.python(assignment.notebook.cells[check.index].source))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "raises" and node.args:
                named = getattr(node.args[0], "id", "")
            elif isinstance(node, ast.ExceptHandler):
                named = getattr(node.type, "id", "Exception")
            else:
                continue
            if named in vague:
                yield (
                    f"{assignment.path.name}, cell {check.name}: {named} is what an empty answer raises, "
                    "too. Name the exception that the question asks for, such as ValueError."
                )


def leaks(assignment: Assignment, folder: Path) -> Iterator[str]:
    """Yield a sentence for each solution line, hidden line or file that students must not get."""
    name = assignment.path.name
    secret = dict(_secret_lines(assignment))
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            continue
        if path.name != name and path.suffix in _CODE:
            yield f"{path.relative_to(folder)}: code beside the notebook would be released; remove the file."
            continue
        if path.name == name:
            parts = [(_place(cell), *_texts(cell)) for cell in nbformat.read(path, as_version=4).cells]
        else:
            text = path.read_bytes().decode("utf-8", "replace")
            parts = [(str(path.relative_to(folder)), "", text)]
        for place, code, text in parts:
            lines = {_squeezed(line) for line in code.splitlines()}  # a call is not its definition
            whole = _squeezed(text)
            for line, origin in secret.items():
                if line in lines or line in whole:
                    yield f"{name}, {place}: it gives away a line of {origin}: {line}"
            for mark in (BEGIN_HIDDEN, END_HIDDEN, BEGIN_SOLUTION, END_SOLUTION):
                if mark in code + text:
                    yield f"{name}, {place}: the mark {mark!r} is still there: is its partner missing?"


def _secret_lines(assignment: Assignment) -> Iterator[tuple[str, str]]:
    """Yield the lines that must not be released, and the grade id of the cell each one stands in.

    A line of a hidden check that is also in the open (a loop's head, a toy array) is no secret.
    """
    in_the_open: list[str] = []
    hidden: list[tuple[str, str]] = []
    for cell in assignment.notebook.cells:
        role, where = assignments.role(cell), assignments.grade_id(cell)
        marked = BEGIN_SOLUTION in cell.source or BEGIN_HIDDEN in cell.source
        inside = role in ("answer", "manual") and not marked
        for line in cell.source.splitlines():
            if BEGIN_SOLUTION in line or BEGIN_HIDDEN in line:
                inside = True
            elif END_SOLUTION in line or END_HIDDEN in line:
                inside = False
            elif not inside:
                if cell.cell_type == "code":
                    in_the_open.append(_squeezed(line))
            elif len(_squeezed(line)) >= _LEAST:
                if role == "check":
                    hidden.append((_squeezed(line), where))
                else:
                    yield _squeezed(line), where
    everything = "\n".join(in_the_open)
    yield from ((line, where) for line, where in hidden if line not in everything)


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _place(cell: NotebookNode) -> str:
    return f"cell {assignments.grade_id(cell) or cell.source.split(chr(10))[0]!r}"


def _texts(cell: NotebookNode) -> tuple[str, str]:
    """Return a cell's code, and all else that a reader could find: prose, outputs, metadata, attachments."""
    rest = str({key: value for key, value in cell.items() if key != "source"})
    return (cell.source, rest) if cell.cell_type == "code" else ("", f"{cell.source}\n{rest}")
