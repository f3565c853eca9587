"""The table in which Moodle or Canvas takes grades: fill its cells, leave every other byte as it is."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from course_lib.grading import records
from course_lib.grading.assignment import AssignmentError

LMS = Literal["Moodle", "Canvas"]


@dataclass(frozen=True)
class _Cell:
    value: str
    start: int  # where it stands in the text, quotation marks included
    end: int


_Rows = Sequence[Sequence[_Cell]]


@dataclass(frozen=True)
class GradeFile:
    """Moodle's grading worksheet or Canvas's gradebook, with the column of one assignment."""

    path: Path
    lms: LMS
    column: str  # its heading
    maximum: float | None  # points that the LMS gives at most; None where the file does not say
    students: Mapping[str, str]  # names by the LMS's number, in the file's order
    _text: str
    _delimiter: str
    _comma: bool  # whether decimals follow a comma
    _places: Mapping[str, _Cell]

    def grade(self, lms_id: str) -> str:
        """Return what the cell of a student holds."""
        return self._places[lms_id].value.strip()

    def filled(self, grades: Mapping[str, float]) -> bytes:
        """Return the file with these grades, by the LMS's number, in their cells.

        A cell that holds the same number already is left as it is.
        """
        text = self._text
        for lms_id in sorted(grades, key=lambda one: self._places[one].start, reverse=True):
            cell = self._places[lms_id]
            if number(cell.value) == grades[lms_id]:
                continue
            new = records.number(grades[lms_id])
            new = new.replace(".", ",") if self._comma else new
            if text[cell.start : cell.end].startswith('"') or self._delimiter in new:
                new = f'"{new}"'
            text = text[: cell.start] + new + text[cell.end :]
        return text.encode("utf-8", "surrogateescape")


def number(text: str) -> float | None:
    """Return a number written with a point or a comma; None for anything else."""
    text = text.strip()
    return float(text.replace(",", ".")) if re.fullmatch(r"-?[0-9]+([.,][0-9]+)?", text) else None


def read(path: Path, assignment: str, column: str = "") -> GradeFile:
    """Read a file that Moodle or Canvas has written, and find the column of an assignment in it.

    Parameters
    ----------
    column : str
        The column's heading in Canvas, or the number in it; by default the one that is named like the
        assignment, or the only one.

    Raises
    ------
    AssignmentError
        When the file is neither, or the columns or the right one cannot be told.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AssignmentError(f"{path} cannot be read ({error.strerror}).") from error
    # Bytes that are not UTF-8 come back as they were.
    text = data.decode("utf-8", "surrogateescape")
    if "\0" in text:
        raise AssignmentError(f"{path} is no CSV file in UTF-8: take the file as the LMS gives it.")
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    rows = _rows(text, delimiter)
    head = [cell.value.strip() for cell in rows[0]] if rows else []
    if head[:1] in (["Student"], ["LastName"]) and "ID" in head and "Section" in head:
        return _canvas(path, text, delimiter, rows, head, assignment, column)
    return _moodle(path, text, delimiter, rows, [name.casefold() for name in head])


def _rows(text: str, delimiter: str) -> list[list[_Cell]]:
    """Return the cells of a table, with their places in the text; empty lines are left out."""
    pattern = re.compile(
        rf'("(?:[^"]|"")*+"(?=[{delimiter}\r\n]|\Z)|[^{delimiter}\r\n]*)({delimiter}|\r\n|\r|\n|\Z)'
    )
    rows: list[list[_Cell]] = [[]]
    for match in pattern.finditer(text, text.startswith("\ufeff")):
        raw = match[1]
        value = raw[1:-1].replace('""', '"') if raw[:1] == '"' == raw[-1:] and len(raw) > 1 else raw
        rows[-1].append(_Cell(value, match.start(1), match.end(1)))
        if match[2] != delimiter:
            rows.append([])
        if not match[2]:
            break
    return [row for row in rows if any(cell.value.strip() for cell in row)]


def _canvas(
    path: Path,
    text: str,
    delimiter: str,
    rows: _Rows,
    head: list[str],
    assignment: str,
    column: str,
) -> GradeFile:
    most = next((row for row in rows[1:] if row[0].value.strip() == "Points Possible"), ())
    limits = {index: cell.value for index, cell in enumerate(most)}
    columns = [
        index
        for index, title in enumerate(head)
        if re.search(r"\([0-9]+\)$", title) and "read only" not in limits.get(index, "")
    ]
    place = _column(path, {index: head[index] for index in columns}, assignment, column)
    key = head.index("ID")
    body = [row for row in rows[1:] if len(row) > key and re.fullmatch("[0-9]+", row[key].value.strip())]
    ids = [row[key].value.strip() for row in body]
    names = [" ".join(cell.value.strip() for cell in reversed(row[:key])) for row in body]
    limit = limits.get(place, "")
    return _file(path, "Canvas", text, delimiter, head[place], limit, ids, names, body, place)


def _column(path: Path, titles: Mapping[int, str], assignment: str, wanted: str) -> int:
    """Return the place of the column that is meant."""
    if wanted:
        found = [index for index, title in titles.items() if wanted in (title, title.split("(")[-1][:-1])]
    else:
        topic = _words(re.sub(r"^[0-9]+_", "", assignment))
        found = [index for index, title in titles.items() if f" {topic} " in f" {_words(title)} "]
        found = found if found or len(titles) != 1 else list(titles)
    if len(found) != 1:
        raise AssignmentError(
            f"{path}: which column is {wanted or assignment}? Name it with --column. There are "
            f"{', '.join(map(repr, titles.values())) or 'none for assignments'}."
        )
    return found[0]


def _words(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


def _moodle(path: Path, text: str, delimiter: str, rows: _Rows, head: list[str]) -> GradeFile:
    """Find Moodle's columns: by their English names, else by what is in them."""
    body = rows[1:]
    key = head.index("identifier") if "identifier" in head else 0
    matches = [re.fullmatch(r"\D+([0-9]+)", row[key].value.strip()) for row in body if len(row) > key]
    ids = [match[1] for match in matches if match]
    if not body or len(ids) != len(body):
        raise AssignmentError(
            f"{path} is neither Moodle's grading worksheet (columns Identifier, Grade) nor Canvas's "
            "gradebook (columns Student, ID, Section)."
        )
    if "maximum grade" in head:
        limits = [head.index("maximum grade")]
    else:  # another language: the same number in all rows
        limits = [
            index
            for index in range(key + 1, len(head))
            if _constant([row[index : index + 1] for row in body])
        ]
    if "grade" in head:
        place = head.index("grade")
    elif len(limits) == 1 and limits[0] > key + 1:
        place = limits[0] - 1
    else:
        raise AssignmentError(
            f"{path}: no column is called Grade. Switch Moodle to English and take it anew."
        )
    if head[place + 1 : place + 2] == ["scale"]:
        raise AssignmentError(
            f"{path}: Moodle grades this with a scale of words. Let it take points instead."
        )
    named = head.index("full name") if "full name" in head else key
    names = [row[named].value for row in body]
    limit = body[0][limits[0]].value if limits == [place + 1] and len(body[0]) > place + 1 else ""
    return _file(path, "Moodle", text, delimiter, rows[0][place].value, limit, ids, names, body, place)


def _constant(cells: Sequence[Sequence[_Cell]]) -> bool:
    values = {number(cell[0].value) if cell else None for cell in cells}
    return len(values) == 1 and (values.pop() or 0) > 0


def _file(
    path: Path,
    lms: LMS,
    text: str,
    delimiter: str,
    column: str,
    limit: str,
    ids: Sequence[str],
    names: Sequence[str],
    body: _Rows,
    place: int,
) -> GradeFile:
    places = {}
    for lms_id, row in zip(ids, body, strict=True):
        if len(row) <= place or str(int(lms_id)) in places:
            what = "stands in it twice" if len(row) > place else f"has no cell in the column {column!r}"
            raise AssignmentError(f"{path}: student {lms_id} {what}. Take the file anew from the LMS.")
        places[str(int(lms_id))] = row[place]
    students = {lms_id: records.plain(name).strip() for lms_id, name in zip(places, names, strict=True)}
    return GradeFile(path, lms, column, number(limit), students, text, delimiter, "," in limit, places)
