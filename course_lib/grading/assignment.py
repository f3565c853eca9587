"""An assignment as its author wrote it: questions, the answers' cells, the checks and their points."""

import symtable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from course_lib import _files

Kind = Literal["visible", "hidden", "manual"]

BEGIN_HIDDEN, END_HIDDEN = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"
BEGIN_SOLUTION, END_SOLUTION = "### BEGIN SOLUTION", "### END SOLUTION"
TEXT_STUB = "YOUR ANSWER HERE"  # what nbgrader puts in place of an answer in words


class AssignmentError(Exception):
    """Something the author of an assignment can put right; the message names the file and the cell."""


@dataclass(frozen=True)
class Check:
    """One row of a report: what is checked, and for how many points."""

    name: str  # its grade id, such as "q1-shape"
    question: str  # what comes before the hyphen
    kind: Kind
    points: float
    about: str  # one sentence
    index: int  # of its cell in the notebook


@dataclass(frozen=True)
class Assignment:
    """One folder of ``solutions/``."""

    name: str  # the folder's name, such as "00_start_here"
    path: Path  # the notebook
    notebook: NotebookNode  # with solutions and hidden checks
    checks: tuple[Check, ...]

    @property
    def questions(self) -> list[str]:
        """Names of the questions, in order."""
        return list(dict.fromkeys(check.question for check in self.checks))

    @property
    def max_score(self) -> float:
        """Sum of all points."""
        return sum(check.points for check in self.checks)

    def heading(self, question: str) -> str:
        """Return the heading above a question's first cell, or the question's name."""
        first = next(i for i, cell in enumerate(self.notebook.cells) if _question(cell) == question)
        for cell in reversed(self.notebook.cells[:first]):
            if cell.cell_type == "markdown":
                for line in cell.source.splitlines():
                    if line.startswith("#"):
                        return line.lstrip("# ")
        return question

    def title(self, question: str) -> str:
        """Return the heading of a question without its points."""
        return self.heading(question).split(" (")[0]

    def answers(self, question: str | None = None) -> list[int]:
        """Return the places of the code cells in which a student answers (one question)."""
        return [
            index
            for index, cell in enumerate(self.notebook.cells)
            if role(cell) == "answer"
            and cell.cell_type == "code"
            and (question is None or _question(cell) == question)
        ]


def solutions() -> Path:
    """Return the folder that holds the assignments' sources."""
    root = _files.checkout()
    if root is None or not (root / "solutions").is_dir():
        raise AssignmentError("There is no folder solutions/ here: this is the students' copy of the course.")
    return root / "solutions"


def names() -> list[str]:
    """Return the names of all assignments, in order."""
    return sorted(path.parent.name for path in solutions().glob("*/*.ipynb"))


def load(name: str) -> Assignment:
    """Read an assignment from ``solutions/NAME``.

    Raises
    ------
    AssignmentError
        When there is none, or when it is not written as docs/authoring.md says.
    """
    name = Path(name).name  # also as the shell completes it: solutions/00_start_here/
    if name not in names():
        raise AssignmentError(f"There is no assignment {name!r}; there are {', '.join(names())}.")
    return read(solutions() / name)


def read(folder: Path) -> Assignment:
    """Read an assignment from any folder that holds one notebook; see :func:`load`."""
    notebooks = sorted(folder.glob("*.ipynb"))
    if len(notebooks) != 1:
        raise AssignmentError(f"{folder} must hold one notebook; it holds {len(notebooks)}.")
    try:
        notebook = nbformat.read(notebooks[0], as_version=4)
    except Exception as error:  # a reader of damaged files may raise anything
        raise AssignmentError(f"{notebooks[0]} is not a notebook ({type(error).__name__}).") from error
    checks = tuple(_checks(notebook, notebooks[0]))
    return Assignment(folder.name, notebooks[0], notebook, checks)


def role(cell: NotebookNode) -> Literal["answer", "check", "manual", ""]:
    """Say what a cell of the author's notebook is for; ``""``: neither answered nor checked."""
    marks = cell.metadata.get("nbgrader", {})
    if marks.get("solution"):
        return "manual" if marks.get("grade") else "answer"
    return "check" if marks.get("grade") else ""


def grade_id(cell: NotebookNode) -> str:
    """Return nbgrader's name of a cell, or ``""``."""
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def _question(cell: NotebookNode) -> str:
    return grade_id(cell).split("-")[0] if role(cell) else ""


def _checks(notebook: NotebookNode, path: Path) -> list[Check]:
    checks: list[Check] = []
    answered: set[str] = set()
    for index, cell in enumerate(notebook.cells):
        if not role(cell):
            continue
        name, question = grade_id(cell), _question(cell)
        if name in answered | {check.name for check in checks}:
            raise AssignmentError(f"{path.name}, cell {name}: two cells have this grade id.")
        if role(cell) == "answer":
            answered.add(name)
            continue
        if role(cell) == "check" and cell.cell_type != "code":
            raise AssignmentError(f"{path.name}, cell {name}: a check must be a code cell.")
        if role(cell) == "check" and question not in {a.split("-")[0] for a in answered}:
            raise AssignmentError(
                f"{path.name}, cell {name}: there is no answer cell {question!r} above this check. The grade "
                "id of a check starts with its question's, as in q3-shape."
            )
        kind: Kind = "visible"
        if role(cell) == "manual":
            kind = "manual"
        elif BEGIN_HIDDEN in cell.source:
            kind = "hidden"
        points = float(cell.metadata.nbgrader.get("points", 0))
        checks.append(Check(name, question, kind, points, _about(cell, name, path), index))
    if not checks:
        raise AssignmentError(f"{path.name} has no checks: see docs/authoring.md.")
    return checks


def _about(cell: NotebookNode, name: str, path: Path) -> str:
    """Return the sentence that says what a check is about: the comment in its first line."""
    if role(cell) == "manual":
        return "Read and graded by a person."
    first = cell.source.split("\n", 1)[0]
    start = "# Hidden check: " if BEGIN_HIDDEN in cell.source else "# "
    if not first.startswith(start) or (start == "# " and first.startswith("# Hidden check")):
        raise AssignmentError(
            f"{path.name}, cell {name}: the first line of a check is a comment that says what it is about; "
            f"it starts with {start!r}, and with '# Hidden check: ' only where {BEGIN_HIDDEN!r} follows."
        )
    about = first.removeprefix("# ").removeprefix("Hidden check: ")
    return about[:1].upper() + about[1:]


def python(source: str) -> str:
    """Return a cell's source with IPython's magics and ``!`` commands turned into Python."""
    return TransformerManager().transform_cell(source)


def names_bound(source: str) -> set[str]:
    """Return the names that a cell defines, assigns or imports."""
    top = symtable.symtable(python(source), "<cell>", "exec")
    return {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}


def names_read(source: str) -> set[str]:
    """Return the names that a cell uses without having made them itself, builtins included."""
    top = symtable.symtable(python(source), "<cell>", "exec")
    own = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    read = {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    inner = [*top.get_children()]
    while inner:
        table = inner.pop()
        inner += table.get_children()
        read |= {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
    return read - own


def needed(notebook: NotebookNode, wanted: list[int]) -> list[int]:
    """Return the places of the cells that must run for the wanted ones: theirs and what they build on.

    Cells that belong to no question always run; answers to other questions run when a name they
    make is used.
    """
    cells = notebook.cells
    run = set(wanted) | {i for i, c in enumerate(cells) if c.cell_type == "code" and not role(c)}
    makers = {
        name: i
        for i, cell in enumerate(cells)
        if cell.cell_type == "code" and role(cell) == "answer"
        for name in names_bound(cell.source)
    }
    queue = list(run)
    while queue:
        for name in names_read(cells[queue.pop()].source):
            maker = makers.get(name)
            if maker is not None and maker not in run:
                run.add(maker)
                queue.append(maker)
    return sorted(run)
