"""Take grades and feedback pages back to Moodle or Canvas."""

import csv
import os
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from course_lib.grading import gradefile, lms
from course_lib.grading.assignment import AssignmentError
from course_lib.grading.gradefile import LMS, GradeFile

_NAMES = 20  # listed in a sentence


@dataclass(frozen=True)
class Exported:
    """The filled grade file, the pages, how many students got a grade, and sentences about the rest."""

    lms: LMS
    grades: Path
    feedback: Path | None
    filled: int
    notes: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class _Row:
    """What ``summary.csv`` says of one student, and where the LMS knows them."""

    student: str
    score: float | None
    max_score: float
    status: str
    waits: bool  # for a person to read something
    lms_id: str
    name: str
    file: str  # in the archive that was collected


def export(assignment: str, out: Path, to: Path, submissions: Path, column: str = "") -> Exported:
    """Fill a copy of an LMS's own grade file with the scores, and pack the pages as the LMS takes them.

    Both are written to ``OUT/lms/ASSIGNMENT/``. Where the LMS has another maximum, scores are scaled to
    it. Cells of students without a score stay as they are.

    Parameters
    ----------
    assignment : str
    out : Path
        Where ``course grade`` has written ``summary.csv`` and ``feedback/``.
    to : Path
        Moodle's grading worksheet, or Canvas's gradebook.
    submissions : Path
        Where ``course collect`` has written ``students.csv``. A student who is not in it is looked up by
        the folder's name, when that is the LMS's number.
    column : str
        The column in Canvas, where its name does not tell.

    Raises
    ------
    AssignmentError
        When a file cannot be read or is not what it should be, or when no student is in both.
    """
    table = gradefile.read(to, assignment, column)
    rows = _summary(out, assignment, _origins(submissions, assignment))
    known = {row.lms_id: row for row in rows if row.lms_id in table.students}
    if not known:
        raise AssignmentError(
            f"{to} has none of the {len(rows)} students of {assignment}: is it the file of this assignment?"
        )
    if len(known) < sum(row.lms_id in table.students for row in rows):
        raise AssignmentError(f"{submissions / 'students.csv'} gives two students one number of {table.lms}.")
    grades, notes, problems = _grades(table, known)
    folder = out / "lms" / assignment
    _write(folder / to.name, table.filled(grades))
    absent = [name for lms_id, name in table.students.items() if _is_absent(known.get(lms_id))]
    notes += _listed(absent, "handed in nothing, left as they are")
    problems += _listed(
        [row.student for row in rows if row.lms_id not in known], "graded, but not in the file"
    )
    pages = dict(_pages(table, known, out, assignment))
    if pages:
        _pack(folder / "feedback.zip", pages)
    due = [row.student for row in known.values() if row.status != "missing"]
    problems += _listed(sorted({*due} - {page.parents[1].name for page in pages}), "no page to return")
    if pages and table.lms == "Canvas":
        notes.append(
            "Canvas shows a page under the name of the notebook that it answers: students save it as .html."
        )
    feedback = folder / "feedback.zip" if pages else None
    return Exported(table.lms, folder / to.name, feedback, len(grades), tuple(notes), tuple(problems))


def _is_absent(row: _Row | None) -> bool:
    """Whether a student whom the LMS knows has handed in nothing, and got nothing."""
    return row is None or (row.status == "missing" and row.score is None)


def _origins(submissions: Path, assignment: str) -> dict[str, dict[str, str]]:
    """Return the rows of ``students.csv`` for an assignment, by student."""
    rows = lms.read_students(submissions)
    return {row["student_id"]: row for row in rows if row["assignment"] == assignment}


def _summary(out: Path, assignment: str, origins: Mapping[str, Mapping[str, str]]) -> list[_Row]:
    path = out / "summary.csv"
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            read = [row for row in csv.DictReader(file) if row.get("assignment") == assignment]
    except FileNotFoundError as error:
        raise AssignmentError(f"There is no {path}: run course grade first.") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AssignmentError(f"{path} cannot be read ({error}).") from error
    if not read:
        raise AssignmentError(f"{path} has no row of {assignment}: run course grade {assignment} first.")
    return [_row(path, row, origins) for row in read]


def _row(path: Path, row: Mapping[str, str | None], origins: Mapping[str, Mapping[str, str]]) -> _Row:
    student = row.get("student_id") or ""
    score, most = row.get("score") or "", gradefile.number(row.get("max_score") or "")
    if most is None or (score and gradefile.number(score) is None):
        raise AssignmentError(f"{path}, student {student}: score or max_score is no number.")
    origin = origins.get(student, {})
    digits = student.lstrip("0") if student.isascii() and student.isdigit() else ""
    return _Row(
        student,
        gradefile.number(score),
        most,
        row.get("submission_status") or "",
        (row.get("manual_left") or "0") != "0",
        origin.get("lms_id", "").strip().lstrip("0") or digits,
        origin.get("name", ""),
        origin.get("file", ""),
    )


def _grades(table: GradeFile, known: Mapping[str, _Row]) -> tuple[dict[str, float], list[str], list[str]]:
    """Return the grades to enter, in the LMS's points, and sentences about them."""
    grades, replaced, excused, beyond = {}, [], [], []
    for lms_id, row in known.items():
        before = table.grade(lms_id)
        if row.score is None:
            continue
        if table.lms == "Canvas" and before.upper() in ("EX", "N/A"):
            excused.append(row.student)
            continue
        scale = table.maximum / row.max_score if table.maximum and row.max_score else 1.0
        grades[lms_id] = round(row.score * scale, 2)
        if gradefile.number(before) not in (None, grades[lms_id]):
            replaced.append(row.student)
        if table.maximum is not None and grades[lms_id] > table.maximum:
            beyond.append(row.student)
    notes = [f"The column {table.column!r} was filled."]
    most = {row.max_score for row in known.values()} - {table.maximum}
    if table.maximum is None:
        notes.append("The file does not say how many points there are: scores are entered as they are.")
    elif most:
        old = ", ".join(f"{value:g}" for value in sorted(most))
        notes.append(f"Scores are scaled from {old} points to the {table.maximum:g} of {table.lms}.")
    problems = _listed(
        [row.student for row in known.values() if row.score is None and not _is_absent(row)], "no score"
    )
    problems += _listed(
        [row.student for row in known.values() if row.waits], "a person still has to read something"
    )
    problems += _listed(replaced, "the file had another grade, which is replaced")
    problems += _listed(excused, "excused or not assigned in Canvas, left so")
    problems += _listed(beyond, f"more points than {table.lms} has, which may refuse them")
    return grades, notes, problems


def _listed(names: Sequence[str], what: str) -> list[str]:
    """Return a sentence that names students, or none."""
    if not names:
        return []
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return [f"{what} ({len(names)}): {', '.join(names[:_NAMES])}{more}."]


def _pages(
    table: GradeFile, known: Mapping[str, _Row], out: Path, assignment: str
) -> Iterator[tuple[Path, str]]:
    """Yield each page with its path in the archive."""
    for lms_id, row in known.items():
        for page in sorted((out / "feedback" / row.student / assignment).glob("*.html")):
            if row.status == "missing":
                continue
            if table.lms == "Moodle":
                name = re.sub(r'[\x00-\x1f_<>:"/\\|?*]', " ", row.name or table.students[lms_id])
                yield page, f"{name.strip(' .')}_{lms_id}_assignsubmission_file_/{page.name}"
            elif re.search(r"_[0-9]+_[0-9]+_", row.file):  # by these numbers Canvas knows whose it is
                stem = re.sub(r"\.ipynb$", "", Path(row.file).name, flags=re.I)
                yield page, re.sub(r"[^\w. -]", "", stem) + ".html"


def _pack(path: Path, pages: Mapping[Path, str]) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
        for page, name in pages.items():
            archive.write(page, name)
    os.replace(unfinished, path)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_bytes(content)
    os.replace(unfinished, path)
