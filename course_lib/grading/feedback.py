"""The page that a student gets back: one file without anything active, that shows no hidden check."""

import builtins
import functools
import re
from dataclasses import dataclass
from pathlib import Path

import jinja2
from nbformat import NotebookNode

from course_lib.grading import records
from course_lib.grading.assignment import Assignment, Check, grade_id, role
from course_lib.grading.examiner import Verdict
from course_lib.grading.records import Entries, Mark, Result

_HINT_ROOM, _MESSAGE_ROOM, _OUTPUT_ROOM, _SOURCE_ROOM = 300, 2_000, 2_000, 20_000  # characters

_WORDS = {
    "passed": ("✓", "passed"),
    "failed": ("✗", "not passed"),
    "error": ("✗", "stopped by an error"),
    "timeout": ("✗", "took too long"),
    "memory": ("✗", "needed too much memory"),
    "crashed": ("✗", "Python ended early"),
    "manual": ("…", "waits for a person"),
    "flagged": ("…", "waits for a person"),
}


@dataclass(frozen=True)
class _Row:
    check: Check
    kind: str  # the class that gives it its color
    symbol: str
    verdict: str
    points: str
    hint: str


@dataclass(frozen=True)
class _Question:
    title: str
    points: str
    rows: list[_Row]
    comments: list[str]


@dataclass(frozen=True)
class _Cell:
    title: str
    source: str
    code: bool
    outputs: list[tuple[str, str]]  # a kind of records.Shown, and text or the picture's data URL


def write(out: Path, assignment: Assignment, result: Result, entries: Entries, isolation: str) -> Path:
    """Write the page for one submission and return its path.

    Parameters
    ----------
    entries : mapping
        What persons have entered, as :func:`course_lib.grading.records.fill_gradebook` returns it.
    isolation : {"bwrap", "none"}
        The walls around the student's code while it was graded; without any, the page says so.
    """
    marked = records.marks(assignment, result, entries)
    score = records.final(result, marked, entries)
    penalty = entries.penalties.get(result.student)
    page = _template().render(
        assignment=_heading(assignment),
        student=result.student,
        score=records.number(score),
        max_score=records.number(assignment.max_score),
        penalty=records.number(penalty) if penalty else "",
        waiting=records.number(sum(mark.check.points for mark in marked if mark.score is None)),
        graded=result.readable or score is not None,
        notes=result.notes,
        questions=[_question(assignment, q, marked, result.student, entries) for q in assignment.questions],
        cells=_own_cells(out, assignment, result) if result.readable else [],
        isolated=isolation != "none",
    )
    path = out / "feedback" / result.student / assignment.name / f"{assignment.path.stem}.html"
    records.write_text(path, page)
    return path


def hint(verdict: Verdict, check: Check) -> str:
    """Return what a student is told about a check that did not pass.

    Of a hidden check only what its author wrote for students: the sentence and the hint, without
    expected and actual values. Of an error in it only the class, for its text may show the input.
    """
    if verdict.status not in ("failed", "error"):
        return ""
    message = records.plain(verdict.message).strip()
    if check.kind != "hidden":
        return _cut(message, _MESSAGE_ROOM)
    if verdict.status == "error":
        return f"Your code raised {_named_error(message)}."
    sentence, *details = message.split("\n")
    hints = [line.strip() for line in details if line.startswith("  hint: ")]
    return _cut("\n".join([sentence, *hints]), _HINT_ROOM)


def _named_error(message: str) -> str:
    """Return the class of a builtin exception with its article; of any other only that it was an error."""
    name = re.split(r"[:\s]", message, maxsplit=1)[0]
    known = getattr(builtins, name, None)
    if not (isinstance(known, type) and issubclass(known, BaseException)):
        return "an error"
    return f"{'an' if name[0] in 'AEIO' else 'a'} {name}"


@functools.cache
def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    return jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).get_template("_feedback.html")


def _heading(assignment: Assignment) -> str:
    """Return the heading of the assignment's notebook."""
    for cell in assignment.notebook.cells:
        for line in cell.source.splitlines():
            if cell.cell_type == "markdown" and line.startswith("# "):
                return line.removeprefix("# ")
    return assignment.name


def _question(
    assignment: Assignment, question: str, marked: list[Mark], student: str, entries: Entries
) -> _Question:
    own = [mark for mark in marked if mark.check.question == question]
    cells = [grade_id(cell) for cell in assignment.notebook.cells if role(cell)]
    comments = [entries.of(student, name).comment for name in cells if name.split("-")[0] == question]
    return _Question(
        title=assignment.title(question),
        points=_points(records.total(own), sum(mark.check.points for mark in own)),
        rows=[_row(mark) for mark in own],
        comments=[records.plain(comment) for comment in comments if comment.strip()],
    )


def _row(mark: Mark) -> _Row:
    kind, (symbol, verdict) = mark.verdict.status, _WORDS[mark.verdict.status]
    told = hint(mark.verdict, mark.check)
    if mark.by_hand:
        kind, symbol, verdict, told = "byhand", "✎", "graded by a person", ""
    elif mark.score is None and kind not in ("manual", "flagged"):
        kind, symbol, verdict, told = "waits", "…", "not graded", ""
    return _Row(mark.check, kind, symbol, verdict, _points(mark.score, mark.check.points), told)


def _points(score: float | None, most: float) -> str:
    return f"{records.number(score) or '–'} of {records.number(most)}"


def _own_cells(out: Path, assignment: Assignment, result: Result) -> list[_Cell]:
    """Return what the student wrote, with what it printed and drew."""
    cells = []
    for cell in records.notebook(out, assignment, result.student).cells:
        if role(cell) in ("answer", "manual"):
            cells.append(_cell(cell, f"Your answer to {assignment.title(grade_id(cell).split('-')[0])}"))
        elif records.is_extra(cell):
            cells.append(_cell(cell, "A cell that you added"))
    return cells


def _cell(cell: NotebookNode, title: str) -> _Cell:
    outputs = [("picture", f"data:{kind};base64,{picture}") for _, kind, picture in records.pictures(cell)]
    for output in cell.get("outputs", []):
        kind, content = records.shown(output) or ("text", "")
        if kind == "picture":
            outputs.append((kind, f"data:image/png;base64,{content}"))
        elif content:
            outputs.append((kind, _cut(content, _OUTPUT_ROOM)))
    return _Cell(title, _cut(records.plain(cell.source), _SOURCE_ROOM), cell.cell_type == "code", outputs)


def _cut(text: str, room: int) -> str:
    """Return text that is not longer than its room, with a word on what is missing."""
    if len(text) <= room:
        return text
    if room <= _HINT_ROOM:
        return text[: room - 1] + "…"
    return f"{text[:room]}\n… and {len(text) - room:,} more characters, left out here."
