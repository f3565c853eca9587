"""What is kept of each graded submission: its result, tables, nbgrader's gradebook, a notebook to look at.

The folder that ``course grade --out`` names becomes a course directory of nbgrader's own, so that
JupyterLab started in it opens formgrader on it.
"""

import base64
import binascii
import contextlib
import csv
import dataclasses
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import nbformat
from nbformat import NotebookNode

from course_lib.grading.assignment import Assignment, AssignmentError, Check, grade_id, role, solutions
from course_lib.grading.examiner import Verdict

if TYPE_CHECKING:  # importing nbgrader takes seconds
    from nbgrader.api import Gradebook, SubmittedNotebook

Submission = Literal["intact", "repaired", "malformed", "missing"]

GRADES = ("student_id", "assignment", "question", "check", "score", "max_score", "status", "message")
SUMMARY = (
    "student_id",
    "assignment",
    "score",
    "max_score",
    "late_penalty",
    "submission_status",
    "manual_left",
    "notes",
)

_TEXT_ROOM, _PICTURE_ROOM = 100_000, 1_000_000  # characters of output kept for each cell
_MESSAGE_ROOM = 2_000  # characters in a cell of a table

_CONFIG = """\
# Written by `course grade`. Start JupyterLab in this folder to see it in formgrader.
from nbconvert.exporters import Exporter

c = get_config()
# Formgrader reads from these folders which assignments there are, and who handed in.
c.CourseDirectory.source_directory = "results"
c.CourseDirectory.submitted_directory = "autograded"
{db}

class Refused(Exporter):
    def __init__(self, **options):
        raise RuntimeError(
            "Run `course grade` instead. This button would run students' code without walls around it, "
            "or write pages that show hidden checks."
        )


c.BaseConverter.exporter_class = Refused
c.FormgradeExtension.debug = False
"""


@dataclass(frozen=True)
class Result:
    """How one submission was graded."""

    student: str
    assignment: str
    submission: Submission
    notes: tuple[str, ...]  # sentences for the student: what was repaired, or why it is quarantined
    verdicts: tuple[Verdict, ...]  # one for each check of the assignment, in its order
    key: str  # a hash of everything the result depends on
    seconds: float
    timestamp: str | None  # when it was handed in

    @property
    def readable(self) -> bool:
        """Whether there was something to grade."""
        return self.submission in ("intact", "repaired")


@dataclass(frozen=True)
class Entry:
    """What a person entered in formgrader for one cell."""

    score: float | None = None
    extra: float = 0.0
    comment: str = ""
    outdated: bool = False  # the answer or the verdict has changed since


@dataclass(frozen=True)
class Entries:
    """What the gradebook says beside the verdicts."""

    entered: Mapping[tuple[str, str], Entry] = field(default_factory=dict)  # by student and grade id
    penalties: Mapping[str, float] = field(default_factory=dict)  # for handing in late, by student

    def of(self, student: str, name: str) -> Entry:
        """Return what a person entered for one cell of one student."""
        return self.entered.get((student, name), Entry())


@dataclass(frozen=True)
class Mark:
    """One check of one submission, with its points."""

    check: Check
    verdict: Verdict
    score: float | None  # None: nobody and nothing has decided yet
    by_hand: bool
    outdated: bool  # what a person has given was for another answer, or in place of another verdict

    @property
    def waits(self) -> bool:
        """Whether a person still has to read this answer."""
        return self.outdated or (self.verdict.status == "manual" and self.score is None)


def marks(assignment: Assignment, result: Result, entries: Entries) -> list[Mark]:
    """Return the points for each check: a person's where one has given them, else the verdict's."""
    made = []
    for check, verdict in zip(assignment.checks, result.verdicts, strict=True):
        entry = entries.of(result.student, check.name)
        score = entry.score
        if score is None and result.readable and verdict.status not in ("manual", "flagged"):
            score = check.points if verdict.status == "passed" else 0.0
        if score is not None:
            score += entry.extra
        made.append(
            Mark(
                check,
                verdict,
                score,
                by_hand=entry.score is not None or entry.extra != 0,
                outdated=entry.outdated,
            )
        )
    return made


def total(marked: Sequence[Mark]) -> float | None:
    """Return the sum of the points known so far, or None where there are none at all."""
    known = [mark.score for mark in marked if mark.score is not None]
    return sum(known) if known else None


def final(result: Result, marked: Sequence[Mark], entries: Entries) -> float | None:
    """Return the points that count: those known so far, less the penalty for handing in late."""
    score = total(marked)
    return None if score is None else max(0.0, score - entries.penalties.get(result.student, 0.0))


def write_text(path: Path, text: str) -> None:
    """Write a file so that whoever reads it finds the old text or the new one, never half of either."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    # What students print may hold half of a surrogate pair, which UTF-8 cannot write.
    unfinished.write_text(text, encoding="utf-8", errors="replace", newline="")
    os.replace(unfinished, path)


# Results


def save(out: Path, assignment: Assignment, result: Result, executed: NotebookNode | None) -> None:
    """Keep a result and the notebook that formgrader shows for it.

    Parameters
    ----------
    executed : NotebookNode or None
        The master with the student's answers and their outputs; None where there was nothing to run.
    """
    if result.submission != "missing":
        shown = _for_formgrader(executed, result) if executed else _stand_in(assignment, result)
        write_text(_notebook_path(out, assignment, result.student), nbformat.writes(shown) + "\n")
    # Last, for it says that the rest is there.
    text = json.dumps(dataclasses.asdict(result), indent=1)
    write_text(_result_path(out, assignment.name, result.student), text + "\n")


def load(out: Path, assignment: Assignment, student: str, key: str) -> Result | None:
    """Return a result kept earlier; None when there is none, or when what it depends on has changed."""
    try:
        kept = json.loads(_result_path(out, assignment.name, student).read_text(encoding="utf-8"))
        kept["notes"] = tuple(kept["notes"])
        kept["verdicts"] = tuple(Verdict(**verdict) for verdict in kept["verdicts"])
        result = Result(**kept)
    except (OSError, ValueError, TypeError, KeyError):  # absent or damaged: it is graded anew
        return None
    whole = result.submission == "missing" or _notebook_path(out, assignment, student).is_file()
    return result if result.key == key and whole else None


def notebook(out: Path, assignment: Assignment, student: str) -> NotebookNode:
    """Return the notebook that :func:`save` has written for formgrader."""
    return nbformat.read(_notebook_path(out, assignment, student), as_version=4)


def _result_path(out: Path, assignment: str, student: str) -> Path:
    return out / "results" / assignment / f"{student}.json"


def _notebook_path(out: Path, assignment: Assignment, student: str) -> Path:
    return out / "autograded" / student / assignment.name / assignment.path.name


# Notebooks: what a student's code prints or writes is shown by formgrader inside a Jupyter server that
# may do anything in the instructor's name, so nothing in it may be active.


def is_extra(cell: NotebookNode) -> bool:
    """Whether a cell of an executed notebook is one that the student has added."""
    return bool(cell.metadata.get("course", {}).get("extra"))


def plain(text: str) -> str:
    """Return text without colors, overwritten lines and other control characters."""
    text = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", text)
    lines = (line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.split("\n"))  # as progress bars do
    text = "\n".join(lines)
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", "", text)


Shown = Literal["stdout", "stderr", "text", "error", "picture"]


def shown(output: Mapping[str, Any]) -> tuple[Shown, str] | None:
    """Return what of an output may be shown: text, or a PNG picture in base64; None for anything else."""
    kind, data = output.get("output_type"), output.get("data")
    if kind == "stream":
        return "stderr" if output.get("name") == "stderr" else "stdout", plain(_joined(output.get("text")))
    if kind == "error":
        told = _joined(output.get("traceback"), "\n")
        return "error", plain(told or f"{output.get('ename')}: {output.get('evalue')}")
    if isinstance(data, Mapping):
        picture = _picture(data, "image/png")
        if picture:
            return "picture", picture
        if "text/plain" in data:
            return "text", plain(_joined(data["text/plain"]))
    return None


def _joined(value: Any, between: str = "") -> str:
    """Return text as notebooks keep it, in one piece or in lines."""
    if isinstance(value, list):
        return between.join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""


_SIGNATURES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}


def _picture(data: Mapping[str, Any], kind: str) -> str:
    """Return a picture of this kind in base64, written anew; "" where there is none."""
    try:
        picture = base64.b64decode("".join(_joined(data.get(kind)).split()), validate=True)
    except (binascii.Error, ValueError):
        return ""
    return base64.b64encode(picture).decode() if picture.startswith(_SIGNATURES[kind]) else ""


def pictures(cell: NotebookNode) -> Iterator[tuple[str, str, str]]:
    """Yield the pictures pasted into a written answer: name, kind and base64."""
    for name, data in cell.get("attachments", {}).items():
        for kind in _SIGNATURES:
            picture = _picture(data, kind)
            if picture:
                yield name, kind, picture
                break


def _for_formgrader(executed: NotebookNode, result: Result) -> NotebookNode:
    """Return a notebook with the cells of the executed one and nothing active of the student's."""
    verdicts = {verdict.check: verdict for verdict in result.verdicts}
    cells = []
    for cell in executed.cells:
        if cell.cell_type == "code":
            verdict = verdicts.get(grade_id(cell)) if role(cell) == "check" else None
            outputs = [_told(verdict)] if verdict else list(_within_limits(cell.get("outputs", [])))
            cells.append(nbformat.v4.new_code_cell(cell.source, outputs=outputs))
        elif role(cell) == "manual":
            cells.append(_written(cell))
        else:  # the author's own words
            cells.append(nbformat.v4.new_markdown_cell(cell.source, attachments=cell.get("attachments", {})))
        wanted = ("course",) if is_extra(cell) else ("course", "nbgrader", "tags")
        cells[-1].metadata.update({key: cell.metadata[key] for key in wanted if key in cell.metadata})
    return _new_notebook(cells)


def _new_notebook(cells: list[NotebookNode]) -> NotebookNode:
    for index, cell in enumerate(cells):
        cell.id = f"cell-{index}"  # the same in each run
    python = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(
        cells=cells, metadata={"kernelspec": python, "language_info": {"name": "python"}}
    )


def _told(verdict: Verdict) -> NotebookNode:
    """Return the output below a check: formgrader has no place for comments on a cell of this kind."""
    text = f"{verdict.status}: {verdict.message}" if verdict.message else verdict.status
    return nbformat.v4.new_output("stream", name="stdout", text=plain(text)[:_TEXT_ROOM])


def _within_limits(outputs: Sequence[Mapping[str, Any]]) -> Iterator[NotebookNode]:
    """Yield the outputs that may be shown, until a cell has had its share."""
    room = {"picture": _PICTURE_ROOM, "text": _TEXT_ROOM}
    for output in outputs:
        found = shown(output)
        if found is None:
            continue
        kind, content = found
        share = "picture" if kind == "picture" else "text"
        room[share] -= len(content)
        if room[share] < 0:
            rest = content[: room[share]] if share == "text" else ""
            left_out = f"{rest}\n[The rest is left out: this cell's output is too long.]"
            yield nbformat.v4.new_output("stream", name="stdout", text=left_out)
            return
        if kind == "picture":
            yield nbformat.v4.new_output("display_data", {"image/png": content})
        elif kind == "text":
            yield nbformat.v4.new_output("display_data", {"text/plain": content})
        elif kind == "error":
            yield nbformat.v4.new_output("error", ename="", evalue="", traceback=content.split("\n"))
        else:
            yield nbformat.v4.new_output("stream", name=kind, text=content)


def _written(cell: NotebookNode) -> NotebookNode:
    """Return a written answer as text, in which only pictures that were pasted into it are live."""
    source, kept = _inert(cell.source), {}
    for number, (name, kind, picture) in enumerate(pictures(cell), 1):
        kept[f"picture-{number}"] = {kind: picture}
        for address in {name, quote(name)}:
            source = source.replace(f"] (attachment:{_inert(address)})", f"](attachment:picture-{number})")
    return nbformat.v4.new_markdown_cell(source, attachments=kept)


def _inert(markdown: str) -> str:
    """Return Markdown with a space in what would become HTML, a link, a picture, or a link in a formula."""
    markdown = re.sub(r"<(?=[A-Za-z/!?])", "< ", markdown)
    markdown = re.sub(r"\](?=[(:])", "] ", markdown)
    return re.sub(r"\\(?=href|require|style|class|cssId)", r"\\ ", markdown)


def _stand_in(assignment: Assignment, result: Result) -> NotebookNode:
    """Return what formgrader shows of a quarantined submission: why it is, and where to enter points."""
    why = nbformat.v4.new_markdown_cell("**Not graded.** " + _inert(" ".join(result.notes)))
    cells = [why]
    for cell in assignment.notebook.cells:
        if role(cell) in ("check", "manual"):
            new = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
            source = cell.source if role(cell) == "check" else "This answer could not be read."
            cells.append(new(source, metadata=cell.metadata))
    return _new_notebook(cells)


# The gradebook


def fill_gradebook(out: Path, assignment: Assignment, results: Sequence[Result], db: str = "") -> Entries:
    """Bring nbgrader's gradebook up to date, and return what persons have entered in it.

    What a person entered is never overwritten. A score waits for a person again when the answer it was
    given for, or the verdict it replaces, has changed since.

    Parameters
    ----------
    results : sequence of Result
        All of one assignment, with their notebooks kept by :func:`save`.
    db : str
        The gradebook's address for SQLAlchemy; by default ``gradebook.db`` in the folder.

    Raises
    ------
    AssignmentError
        When the assignment has lost a cell for which a person has entered something, or when the
        gradebook cannot be written.
    """
    from nbgrader.api import InvalidEntry
    from sqlalchemy.exc import SQLAlchemyError

    line = f"c.CourseDirectory.db_url = {db!r}\n" if db else ""
    write_text(out / "nbgrader_config.py", _CONFIG.format(db=line))
    try:
        with _gradebook(db or _file(out)) as book:
            keys = _register(book, assignment)
            for result in results:
                submitted = _submitted(book, keys, result)
                if submitted is not None:
                    submitted.assignment.timestamp = _timestamp(out, assignment, result)
                    _fill(keys, submitted, assignment, result, _answers(out, assignment, result))
                    book.db.commit()
            penalties = _penalize(book, assignment)
            return Entries(_entries(book, assignment), penalties)
    except ModuleNotFoundError as error:
        raise AssignmentError(
            f"The gradebook's database needs the package {error.name}: pip install {error.name}."
        ) from error
    except (SQLAlchemyError, InvalidEntry) as error:
        raise AssignmentError(
            f"The gradebook cannot be written ({type(error).__name__}: {str(error).splitlines()[0]}). Close "
            "what else uses it, then run this again: nothing that was graded is lost."
        ) from error


def _file(out: Path) -> str:
    """Return the address of the gradebook in the folder; a new one is there as a whole or not at all."""
    path, unfinished = out / "gradebook.db", out / ".gradebook.db"
    if not path.exists():
        unfinished.unlink(missing_ok=True)
        with _gradebook(f"sqlite:///{unfinished.resolve()}"):
            pass
        os.replace(unfinished, path)
    return f"sqlite:///{path.resolve()}"


@contextlib.contextmanager
def _gradebook(url: str) -> Iterator["Gradebook"]:
    """Open a gradebook. To make a new one nbgrader calls a command, which must be on the PATH."""
    from nbgrader.api import Gradebook

    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), before])
    try:
        book = Gradebook(url)
    finally:
        os.environ["PATH"] = before
    with book:
        yield book


@dataclass(frozen=True)
class _Keys:
    """Where the gradebook keeps an assignment: keys of its rows, for cells by grade id."""

    assignment: str
    notebook: str
    graded: Mapping[str, str]
    commented: Mapping[str, str]


def _register(book: "Gradebook", assignment: Assignment) -> _Keys:
    """Give the gradebook the cells of the assignment, and take those away that it no longer has."""
    entry = book.update_or_create_assignment(assignment.name)
    notebook = next(iter(entry.notebooks), None) or book.add_notebook(assignment.path.stem, assignment.name)
    notebook.name = assignment.path.stem
    cells = {grade_id(cell): cell for cell in assignment.notebook.cells if role(cell)}
    graded = [name for name, cell in cells.items() if role(cell) != "answer"]
    commented = [name for name, cell in cells.items() if role(cell) != "check"]
    for cell in [cell for cell in notebook.grade_cells if cell.name not in graded]:
        _forget(book, cell, assignment)
    for cell in [cell for cell in notebook.solution_cells if cell.name not in commented]:
        _forget(book, cell, assignment)
    book.db.commit()
    place = assignment.path.stem, assignment.name
    for name in graded:
        points = float(cells[name].metadata.nbgrader.get("points", 0))
        book.update_or_create_grade_cell(name, *place, max_score=points, cell_type=cells[name].cell_type)
    for name in commented:
        book.update_or_create_solution_cell(name, *place)
    return _Keys(
        entry.id,
        notebook.id,
        {cell.name: cell.id for cell in notebook.grade_cells},
        {cell.name: cell.id for cell in notebook.solution_cells},
    )


def _forget(book: "Gradebook", cell: Any, assignment: Assignment) -> None:
    """Take a cell out of the gradebook, unless a person has entered something for it."""
    from nbgrader.api import Comment, Grade

    grades = book.db.query(Grade).filter(Grade.cell_id == cell.id).all()
    comments = book.db.query(Comment).filter(Comment.cell_id == cell.id).all()
    entered = [g for g in grades if g.manual_score is not None or g.extra_credit]
    entered += [c for c in comments if c.manual_comment]
    if entered:
        raise AssignmentError(
            f"{assignment.path.name} no longer has the cell {cell.name}, for which a person has entered "
            f"scores or comments ({len(entered)}) in the gradebook: put the cell back, or grade into "
            "another folder."
        )
    for row in (*grades, *comments, cell):
        book.db.delete(row)


def _submitted(book: "Gradebook", keys: _Keys, result: Result) -> "SubmittedNotebook | None":
    """Return a submission with a row for each cell, made where there is none; a missing one is not made."""
    from nbgrader.api import Comment, Grade, Student, SubmittedAssignment, SubmittedNotebook

    place = {"assignment_id": keys.assignment, "student_id": result.student}
    submission = book.db.query(SubmittedAssignment).filter_by(**place).one_or_none()
    if submission is None:
        if result.submission == "missing":
            return None
        if book.db.get(Student, result.student) is None:
            book.db.add(Student(id=result.student))
        submission = SubmittedAssignment(**place)
        submission.notebooks.append(SubmittedNotebook(notebook_id=keys.notebook))
        book.db.add(submission)
    submitted = submission.notebooks[0]
    graded = {grade.cell_id for grade in submitted.grades}
    commented = {comment.cell_id for comment in submitted.comments}
    submitted.grades += [Grade(cell_id=cell) for cell in keys.graded.values() if cell not in graded]
    submitted.comments += [Comment(cell_id=cell) for cell in keys.commented.values() if cell not in commented]
    return submitted


def _fill(
    keys: _Keys,
    submitted: "SubmittedNotebook",
    assignment: Assignment,
    result: Result,
    answers: Mapping[str, NotebookNode],
) -> None:
    """Enter the verdicts on one submission."""
    grades = {grade.cell_id: grade for grade in submitted.grades}
    comments = {comment.cell_id: comment for comment in submitted.comments}
    for mark in marks(assignment, result, Entries()):
        grade = grades[keys.graded[mark.check.name]]
        changed = grade.auto_score != mark.score
        if mark.check.kind == "manual":
            comment = comments[keys.commented[mark.check.name]]
            version = _version(answers.get(mark.check.name))
            changed = bool(comment.auto_comment) and not comment.auto_comment.startswith(version)
        grade.auto_score = mark.score
        if grade.manual_score is None:
            grade.needs_manual_grade = mark.score is None
        elif changed:
            grade.needs_manual_grade = True
        if mark.check.kind == "manual":
            again = grade.manual_score is not None and grade.needs_manual_grade
            comment.auto_comment = version + (" It has changed since it was graded." if again else "")


def _version(answer: NotebookNode | None) -> str:
    """Return a sentence by which an answer is known again; formgrader shows it where comments are typed."""
    if answer is None:
        return "This answer could not be read."
    content = json.dumps([answer.source, answer.get("attachments", {})], sort_keys=True)
    return f"{len(answer.source.split())} words, version {hashlib.sha256(content.encode()).hexdigest()[:8]}."


def _answers(out: Path, assignment: Assignment, result: Result) -> dict[str, NotebookNode]:
    """Return the answers that a person reads, by grade id."""
    if not result.readable:
        return {}
    cells = notebook(out, assignment, result.student).cells
    return {grade_id(cell): cell for cell in cells if role(cell) == "manual"}


def _timestamp(out: Path, assignment: Assignment, result: Result) -> datetime | None:
    """Return when a submission was handed in, and leave it where formgrader looks for it."""
    from nbgrader.utils import parse_utc

    try:
        when = parse_utc(result.timestamp)
    except (ValueError, OverflowError):  # students may write this file, too
        when = None
    file = _notebook_path(out, assignment, result.student).with_name("timestamp.txt")
    if when is None:
        file.unlink(missing_ok=True)
        return None
    write_text(file, when.isoformat() + "\n")
    return when


def _penalize(book: "Gradebook", assignment: Assignment) -> dict[str, float]:
    """Let nbgrader decide what handing in late costs; its configuration says how, its due date when.

    The due date is set in formgrader, or with ``nbgrader db assignment add``; the penalty in the course's
    nbgrader_config.py, as ``c.LateSubmissionPlugin.penalty_method = "zero"`` or with a plugin of one's own.
    """
    from nbgrader.preprocessors import AssignLatePenalties
    from traitlets.config import Config, PyFileConfigLoader

    config, path = Config(), solutions().parent / "nbgrader_config.py"
    if path.is_file():
        config = PyFileConfigLoader(path.name, str(path.parent)).load_config()
    rule = AssignLatePenalties(config=config)
    rule.init_plugin()
    penalties = {}
    for submission in book.assignment_submissions(assignment.name):
        submitted, penalty = submission.notebooks[0], None
        if submission.total_seconds_late > 0:
            student, late = submission.student.id, submission.total_seconds_late
            penalty = rule.plugin_inst.late_submission_penalty(student, submitted.score, late)
        if penalty is not None:
            penalty = penalties[submission.student.id] = rule._check_late_penalty(submitted, penalty)
        submitted.late_submission_penalty = penalty
    book.db.commit()
    return penalties


def _entries(book: "Gradebook", assignment: Assignment) -> dict[tuple[str, str], Entry]:
    """Return what persons have entered."""
    entries: dict[tuple[str, str], Entry] = {}
    for submitted in book.notebook_submissions(assignment.path.stem, assignment.name):
        comments = {comment.name: comment.manual_comment or "" for comment in submitted.comments}
        grades = {grade.name: grade for grade in submitted.grades}
        for name in comments.keys() | grades.keys():
            grade = grades.get(name)
            entry = Entry(
                grade.manual_score if grade else None,
                (grade.extra_credit or 0.0) if grade else 0.0,
                comments.get(name, ""),
                bool(grade and grade.manual_score is not None and grade.needs_manual_grade),
            )
            if entry != Entry():
                entries[submitted.student.id, name] = entry
    return entries


# Tables


def write_tables(out: Path, assignment: Assignment, results: Sequence[Result], entries: Entries) -> list[str]:
    """Write ``grades.csv`` and ``summary.csv``; what they hold of other assignments stays.

    Returns
    -------
    list of str
        Whose score was another one before, as in ``"ada: 7 before, 9 now"``.

    Raises
    ------
    AssignmentError
        When a table is there already and has other columns.
    """
    grades, summary = [], []
    for result in results:
        marked = marks(assignment, result, entries)
        summary.append(
            {
                "student_id": _safe(result.student),
                "assignment": assignment.name,
                "score": number(final(result, marked, entries)),
                "max_score": number(assignment.max_score),
                "late_penalty": number(entries.penalties.get(result.student)),
                "submission_status": result.submission,
                "manual_left": str(sum(mark.waits for mark in marked)),
                "notes": _safe(" ".join(result.notes)),
            }
        )
        grades += [
            {
                "student_id": _safe(result.student),
                "assignment": assignment.name,
                "question": mark.check.question,
                "check": mark.check.name,
                "score": number(mark.score),
                "max_score": number(mark.check.points),
                "status": mark.verdict.status,
                "message": _safe(mark.verdict.message),
            }
            for mark in marked
        ]
    before = _table(out / "summary.csv", SUMMARY)
    _write_table(out / "grades.csv", GRADES, grades, assignment.name)
    _write_table(out / "summary.csv", SUMMARY, summary, assignment.name)
    scores = {row["student_id"]: row["score"] for row in before if row["assignment"] == assignment.name}
    return [
        f"{row['student_id']}: {scores[row['student_id']] or 'no score'} before, {row['score'] or 'none'} now"
        for row in summary
        if row["student_id"] in scores and scores[row["student_id"]] != row["score"]
    ]


def _table(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """Return the rows of a table, none where there is none yet."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != columns:
            raise AssignmentError(
                f"{path} has other columns than {', '.join(columns)}: move it away, then run this again."
            )
        return list(reader)


def _write_table(path: Path, columns: tuple[str, ...], rows: list[dict[str, str]], assignment: str) -> None:
    rows = [row for row in _table(path, columns) if row["assignment"] != assignment] + rows
    text = StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(rows, key=lambda row: (row["assignment"], row["student_id"])))
    write_text(path, text.getvalue())


def _safe(text: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    text = plain(text).strip()[:_MESSAGE_ROOM]
    return "'" + text if text.startswith(("=", "+", "-", "@")) else text


def number(value: float | None) -> str:
    """Return points as people write them: 2, 0.5, and nothing where there are none yet."""
    return "" if value is None else f"{value:.10g}"
