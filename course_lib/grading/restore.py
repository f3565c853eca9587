"""A notebook that is fit to grade: the master's cells, the student's answers, and their extra code cells.

Of the student's file nothing is kept but the sources of these cells and pictures pasted into text, so
nothing else in it can do harm.
"""

import ast
import copy
import difflib
import functools
import json
import re
import stat
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from nbformat import NotebookNode, v4

from course_lib.grading.assignment import TEXT_STUB, Assignment, grade_id, names_bound, names_read, role

MAX_BYTES = 100_000_000
MAX_CELLS = 2_000  # a class must not wait for one file; the longest notebook of a student has a few hundred
# What a cell was recognized by, the surest first.
_BY_GRADE_ID, _BY_ID, _BY_ID_OF_COLAB, _BY_CONTENT = range(4)
_SIGNATURES = (  # how files start that are handed in instead of a notebook
    (rb"%PDF", "a PDF: hand in the notebook it was made from"),
    (rb"PK\x03\x04", "a zip archive: unpack it and hand in the notebook"),
    (rb"(?i)<!doctype html|<html", "an HTML page: hand in the notebook it was made from"),
    (rb"(?m)^(import|from|def|class) ", "a Python script: hand in the notebook itself"),
)
_DEFINITION = re.compile(
    r"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)|^(\w+(?:[ \t]*,[ \t]*\w+)*)[ \t]*(?::[^=\n]*)?=(?!=)",
    re.MULTILINE,
)
_SENTENCES = {  # what students read; the order is that of the report
    "lost": "No cell for {} was found in your file: it counts as not answered.",
    "elsewhere": "There is no cell for {} in your file; the answer stands in another question's.",
    "several": "Your file holds different answers to {}: the last one counts, as when all cells run.",
    "joined": "Your answer to {} stands in several cells: they are read as one.",
    "retyped": "The type of the cell of {} (code, Markdown) had changed and was set right.",
    "unmarked": "The labels that graders look for were missing on {}: your answers were found without them.",
    "edited": "What you changed in checks ({}) does not count: they run as they were given out.",
    "removed": "The cell {} was missing in your file and was put back.",
}


@dataclass(frozen=True)
class Restored:
    """What became of one submission."""

    status: Literal["intact", "repaired", "malformed", "missing"]
    notebook: NotebookNode | None  # None when malformed or missing
    notes: tuple[str, ...]  # for the student: what was repaired, or why nothing could be read
    file: Path | None  # what was read


class _UnreadableError(Exception):
    """A file that cannot be restored; the message is a sentence for the student."""


@dataclass(frozen=True)
class _Cell:
    """What is read of a student's cell."""

    code: bool
    source: str
    grade_id: str
    ids: tuple[str, str]  # Jupyter's and Colab's
    images: dict[str, Any]  # pasted into a written answer


def restore(folder: Path, assignment: Assignment, release: NotebookNode) -> Restored:
    """Make a notebook that is fit to grade from what a student handed in.

    Parameters
    ----------
    folder : Path
        ``submitted/STUDENT/ASSIGNMENT``; it may be missing.
    assignment : Assignment
        With the master notebook.
    release : NotebookNode
        What students got: the same cells, with stubs where the master has solutions.
    """
    name = assignment.path.name
    try:
        files = _notebooks(folder, name)
    except (_UnreadableError, OSError) as error:
        return Restored("malformed", None, (_sentence(error, folder),), None)
    if not files:
        return Restored(
            "missing",
            None,
            (f"There is no notebook {name} in the folder {folder.name} of what you handed in.",),
            None,
        )
    key = _Key(assignment, release)
    restored, answered = _restore_file(files[0], key)
    if not answered:
        others = [other for other, answered in (_restore_file(file, key) for file in files[1:]) if answered]
        restored = others[0] if len(others) == 1 else restored
    if restored.file and (len(files) > 1 or _likeness(restored.file, name)):
        unread = ", ".join(_printable(file.name) for file in files if file != restored.file)
        which = f"The file {_printable(restored.file.name)} was read{', not ' if unread else ''}{unread}."
        return replace(restored, notes=(which, *restored.notes))
    return restored


def _restore_file(path: Path, key: "_Key") -> tuple[Restored, bool]:
    """Restore one file, and say whether there is an answer in it."""
    try:
        match = _Match(_read(path), key)
        if not match.is_of_assignment():
            reason = f"This seems to be another notebook: it has none of the answer cells of {key.name}."
            raise _UnreadableError(reason)
    except (_UnreadableError, OSError) as error:
        return Restored("malformed", None, (_sentence(error, path),), path), False
    notes = tuple(match.notes())
    return Restored("repaired" if notes else "intact", match.rebuilt(), notes, path), match.is_answered()


# --- the file


def _notebooks(folder: Path, name: str) -> list[Path]:
    """Return what may be the notebook, the likeliest first; look one level down if there is nothing."""
    if folder.is_symlink():
        raise _UnreadableError("The folder is a link to another place: hand in the files themselves.")
    if not folder.exists():
        return []
    if not folder.is_dir():
        raise _UnreadableError(f"There is a file where a folder should be: hand in a folder with {name}.")
    here = _visible(folder)
    found = [path for path in here if ".ipynb" in path.name.lower()]
    if not found:
        folders = [path for path in here if path.is_dir() and not path.is_symlink()]
        found = [path for below in folders for path in _visible(below) if ".ipynb" in path.name.lower()]
    if not found and any(path.is_symlink() for path in here):
        raise _UnreadableError("The folder holds links to other places: hand in the files themselves.")
    return sorted(found, key=lambda path: (_likeness(path, name), -path.lstat().st_mtime, path))


def _visible(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith((".", "__MACOSX"))]


def _likeness(path: Path, name: str) -> int:
    """Return 0 for the expected name, 1 for one that contains it, as in "Copy of …", and 2 for others."""
    if unicodedata.normalize("NFC", path.name) == unicodedata.normalize("NFC", name):
        return 0
    given, stem = (
        re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", text).casefold())
        for text in (path.name, name.removesuffix(".ipynb"))
    )
    return 1 if stem in given else 2


def _read(path: Path) -> list[_Cell]:
    """Read the cells of any version of the format, valid or not."""
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise _UnreadableError("The notebook is a link to another file: hand in the file itself.")
    if not stat.S_ISREG(status.st_mode):  # to open a pipe would wait forever
        raise _UnreadableError(
            "This is a folder, or something else, but no file: hand in the notebook itself."
        )
    if status.st_size > MAX_BYTES:
        raise _UnreadableError("The file is larger than 100 MB: clear all outputs, save and hand it in anew.")
    notebook = _dict(_parse(path.read_bytes()))
    cells = notebook.get("cells")
    if isinstance(notebook.get("worksheets"), list):  # before version 4
        cells = [cell for sheet in notebook["worksheets"] for cell in _list(_dict(sheet).get("cells"))]
    if not isinstance(cells, list):
        raise _UnreadableError("The file holds data, but no notebook: there are no cells in it.")
    if len(cells) > MAX_CELLS:
        raise _UnreadableError(f"The notebook has more than {MAX_CELLS} cells: delete those you do not need.")
    return [_cell(cell) for cell in cells if isinstance(cell, dict)]


def _parse(content: bytes) -> Any:
    try:
        return json.loads(content)
    except UnicodeDecodeError as error:
        reason = "The file is not text in UTF-8: save the notebook in Jupyter and hand it in anew."
        cut = error.reason == "unexpected end of data"
    except json.JSONDecodeError as error:
        reason = f"The file is damaged at line {error.lineno}: save the notebook again and hand it in anew."
        cut = error.msg.startswith("Unterminated") or error.pos >= len(error.doc.rstrip()) - 5
    except (ValueError, RecursionError):  # numbers of thousands of digits, lists in lists in lists
        reason, cut = "The file is not a notebook that Jupyter could have written.", False
    if not content.strip(b"\0 \t\r\n"):
        raise _UnreadableError("The file is empty: save the notebook again and hand it in anew.")
    for signature, what in _SIGNATURES:
        if not content.startswith(b"{") and re.search(signature, content[:2000]):
            raise _UnreadableError(f"This is no notebook; it seems to be {what}.")
    if cut and content.startswith(b"{"):
        reason = (
            "The file ends in the middle: it was probably cut off while it was uploaded. "
            "Save the notebook again and hand it in anew."
        )
    raise _UnreadableError(reason)


def _cell(raw: dict[str, Any]) -> _Cell:
    metadata = _dict(raw.get("metadata"))
    source = _text(raw.get("source", raw.get("input")))  # its name before version 4
    return _Cell(
        raw.get("cell_type") == "code",
        source.replace("\r\n", "\n").replace("\r", "\n"),
        _text(_dict(metadata.get("nbgrader")).get("grade_id")),
        (_text(raw.get("id")), _text(metadata.get("id"))),
        dict(_images(_dict(raw.get("attachments")))),
    )


def _images(attachments: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """Select what a page can show without risk."""
    for name, bundle in attachments.items():
        for kind, content in _dict(bundle).items():
            if kind in ("image/png", "image/jpeg") and isinstance(content, str):
                yield _printable(name), {kind: _text(content)}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    """Return a text that may be given as a list of lines."""
    parts = value if isinstance(value, list) else [value]
    return _printable("".join(part for part in parts if isinstance(part, str)))


def _printable(text: str) -> str:
    """Replace halves of characters, which JSON and file names may hold and no file in UTF-8 can."""
    return text.encode("utf-8", "replace").decode()


def _sentence(error: Exception, path: Path) -> str:
    if isinstance(error, _UnreadableError):
        return str(error)
    return f"{_printable(path.name)} cannot be opened ({type(error).__name__}): hand it in anew."


# --- the cells


class _Key:
    """What cells are recognized by. A cell's place is its index in the release, and in the master."""

    def __init__(self, assignment: Assignment, release: NotebookNode) -> None:
        self.name, self.master, self.cells = assignment.path.name, assignment.notebook, release.cells
        self.answers = [i for i, cell in enumerate(release.cells) if role(cell) in ("answer", "manual")]
        self.grade_ids = {grade_id(cell): i for i, cell in enumerate(release.cells) if grade_id(cell)}
        self.ids = {cell.id: i for i, cell in enumerate(release.cells)}
        self.sources: dict[tuple[bool, str], int] = {}  # of the cells that nobody is asked to change
        for i, cell in enumerate(release.cells):
            if i not in self.answers:
                self.sources.setdefault((cell.cell_type == "code", _plain(cell.source)), i)
        self.makes = self._made_by_answers()  # names that an answer in code is there to define

    def _made_by_answers(self) -> dict[int, set[str]]:
        """Return what each stub defines; where it defines nothing, what the checks use of the solution."""
        checks = [cell.source for cell in self.master.cells if role(cell) == "check"]
        checked = {name for source in checks for name in names_read(source)}
        makes = {}
        for place in self.answers:
            if self.cells[place].cell_type == "code":
                sources = self.cells[place].source, self.master.cells[place].source
                given, solution = (names_bound(source) & _defines(source) for source in sources)
                makes[place] = given or solution & checked
        return makes

    def is_fixed(self, place: int) -> bool:
        """Say whether students are not to change a cell: a check, or one that its author locked."""
        cell = self.cells[place]
        locked = cell.metadata.get("nbgrader", {}).get("locked", False)
        return place not in self.answers and (role(cell) == "check" or locked)

    def recognize(self, cell: _Cell) -> tuple[int | None, int]:
        """Return the place of a student's cell (None: it is their own) and what it was recognized by."""
        marked = [self.grade_ids.get(cell.grade_id), *map(self.ids.get, cell.ids)]
        same = self.sources.get((cell.code, _plain(cell.source)))
        if same is not None:
            return same, _BY_CONTENT
        for means, place in enumerate(marked):
            if place is not None:
                return place, means
        for place, original in enumerate(self.cells):
            if role(original) == "check" and _alike(cell.source, original.source):
                return place, _BY_CONTENT
        made = _defines(cell.source)
        shared = {place: len(made & wanted) for place, wanted in self.makes.items() if made & wanted}
        return max(shared, key=shared.__getitem__, default=None), _BY_CONTENT


class _Match:
    """Which cells of a student are which of the release."""

    def __init__(self, cells: list[_Cell], key: _Key) -> None:
        self.cells, self.key = cells, key
        recognized = [key.recognize(cell) for cell in cells]
        self.places = [place for place, _ in recognized]  # None: the student's own
        self.means = [means for _, means in recognized]
        self.stands: dict[int, list[int]] = {}  # place -> which cells count: one, more for a written answer
        for place in range(len(key.cells)):
            claims = [j for j, claimed in enumerate(self.places) if claimed == place]
            if place in key.answers and place not in key.makes:
                self.stands[place] = self._written(place, claims)
            else:
                self.stands[place] = sorted(claims, key=lambda j: (self._merit(j, place), j))[-1:]

    def _merit(self, j: int, place: int) -> tuple[int, ...]:
        """Return what the cells that claim one place are compared by."""
        source, original = self.cells[j].source, self.key.cells[place].source
        if place not in self.key.makes:
            return _plain(source) == _plain(original), _alike(source, original), -j
        made = _defines(source) & self.key.makes[place]
        return self._is_answered(j, place), len(made), -self.means[j]

    def _written(self, place: int, claims: list[int]) -> list[int]:
        """Return where a written answer stands: in its cell, and in the student's own text around it.

        Where there is no such text, it is what stands below the cell's neighbor.
        """
        others = [k for k, other in enumerate(self.places) if other not in (None, place)]

        @functools.cache
        def below(start: int) -> list[int]:
            run = range(start + 1, min((k for k in others if k > start), default=len(self.cells)))
            code = [k for k in run if self.cells[k].code and _is_python(self.cells[k].source)]
            return [k for k in run if k not in code or k in claims]

        def answers(stands: set[int]) -> list[int]:
            texts = {_plain(self.cells[k].source): k for k in sorted(stands, reverse=True)}  # each text once
            return sorted(k for k in texts.values() if self._is_answered(k, place))

        around = {k for j in claims for k in below(max((k for k in others if k < j), default=-1))}
        neighbor = next((self.stands[i][-1] for i in range(place - 1, -1, -1) if self.stands[i]), -1)
        return answers(around) or answers({*below(neighbor)}) or claims[:1]

    def _found(self) -> list[tuple[int, int]]:
        """Return the place and the cell of each answer."""
        return [(place, j) for place in self.key.answers for j in self.stands[place]]

    def is_answered(self) -> bool:
        """Say whether there is anything but stubs."""
        return any(self._is_answered(j, place) for place, j in self._found())

    def _is_answered(self, j: int, place: int) -> bool:
        return _plain(self.cells[j].source) not in ("", _plain(self.key.cells[place].source), TEXT_STUB)

    def is_of_assignment(self) -> bool:
        """Say whether anything is this assignment's own; a grade id like q1 is in every assignment."""
        makes, originals = self.key.makes, self.key.cells
        given = {_plain(cell.source) for cell in self.cells}
        checks = [_plain(cell.source) for cell in originals if role(cell) == "check"]
        if not any(makes.values()) or any("\n" in check and check in given for check in checks):
            return bool(self._found())
        return any(
            originals[place].id in self.cells[j].ids
            or _defines(self.cells[j].source) & makes.get(place, set())
            for place, j in self._found()
        )

    def rebuilt(self) -> NotebookNode:
        """Return the master's notebook with the answers and the extra code cells."""
        notebook = copy.deepcopy(self.key.master)
        extras = self._extras()
        cells = extras[-1]
        for place, cell in enumerate(notebook.cells):
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
            if place in self.key.answers:
                self._answer(place, cell)
            cells += [cell, *extras[place]]
        notebook.cells = cells
        return notebook

    def _answer(self, place: int, cell: NotebookNode) -> None:
        """Put the student's answer, or else the stub, in the place of the reference."""
        found = [self.cells[j] for j in self.stands[place]]
        cell.source = "\n\n".join(answer.source for answer in found)
        cell.pop("attachments", None)
        images = {name: image for answer in found for name, image in answer.images.items()}
        if images and cell.cell_type == "markdown":
            cell.attachments = images
        if not found:
            elsewhere = self._elsewhere(place)
            cell.source = self.key.cells[place].source
            if elsewhere:  # where a stub would take the answer's place
                cell.source = f"# Answered in the cell of {elsewhere}."

    def _elsewhere(self, place: int) -> str:
        """Return the other question whose cell defines all that this one should: students merge cells."""
        wanted = self.key.makes.get(place)
        for other, j in self._found():
            if wanted and other != place and wanted <= _defines(self.cells[j].source):
                return grade_id(self.key.cells[other])
        return ""

    def _extras(self) -> dict[int, list[NotebookNode]]:
        """Return the student's own code cells by the place that they follow (-1: none)."""
        known = {"", *(_plain(cell.source) for cell in self.key.cells)}
        known |= {_plain(self.cells[j].source) for _, j in self._found()}
        stands = {j: place for place, positions in self.stands.items() for j in positions}
        extras, at = defaultdict(list), -1
        for j, (cell, place) in enumerate(zip(self.cells, self.places, strict=True)):
            at = stands.get(j, at)
            if not cell.code or _plain(cell.source) in known:
                continue
            if place is None or not self.key.is_fixed(place) or not self._is_check(j, place):
                mark = {"course": {"extra": True}}
                extras[at].append(v4.new_code_cell(cell.source, id=f"extra-{j}", metadata=mark))
        return extras

    def _is_check(self, j: int, place: int) -> bool:
        """Say whether this is the check, or an edited copy of it, and not a cell made out of a copy."""
        return j in self.stands[place] or _alike(self.cells[j].source, self.key.cells[place].source)

    def notes(self) -> list[str]:
        """Tell the student what had to be repaired."""
        names = defaultdict(list)
        given = {_plain(cell.source) for cell in self.cells}
        for place, original in enumerate(self.key.cells):
            stands, name = self.stands[place], grade_id(original)
            if self.key.is_fixed(place) and _plain(original.source) not in given:
                names["edited" if stands else "removed"].append(name)
            if place in self.key.answers:
                for what in self._repairs(place):
                    names[what].append(name)
        return [text.format(", ".join(names[what])) for what, text in _SENTENCES.items() if what in names]

    def _repairs(self, place: int) -> Iterator[str]:
        stands = self.stands[place]
        if not stands:
            yield "elsewhere" if self._elsewhere(place) else "lost"
            return
        if self.means[stands[0]] != _BY_GRADE_ID:
            yield "unmarked"
        if any(self.cells[j].code != (self.key.cells[place].cell_type == "code") for j in stands):
            yield "retyped"
        if len(stands) > 1:
            yield "joined"
        if place in self.key.makes and self._has_rivals(stands[0], place):
            yield "several"

    def _has_rivals(self, answer: int, place: int) -> bool:
        """Say whether other answers, not the same, were as good as the one that counts."""
        merit = self._merit(answer, place)
        claims = [j for j, claimed in enumerate(self.places) if claimed == place]
        rivals = {_plain(self.cells[j].source) for j in claims if self._merit(j, place) == merit}
        return len(rivals) > 1


def _plain(source: str) -> str:
    """Return the source without the white space that editors add and remove."""
    return "\n".join(line.rstrip() for line in source.strip().splitlines())


def _alike(source: str, check: str) -> bool:
    """Say whether this is the check, perhaps edited."""
    first = source.strip().split("\n", 1)[0].rstrip()
    if first.startswith("#") and first == check.split("\n", 1)[0].rstrip():
        return True
    matcher = difflib.SequenceMatcher(None, source, check)
    return all(ratio() >= 0.8 for ratio in (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio))


def _defines(source: str) -> set[str]:
    """Return the names of functions, classes and variables that a source makes, or tries to.

    By a pattern: a student's cell need not be Python, and IPython may take minutes to find that out.
    """
    found = " ".join(name for pair in _DEFINITION.findall(source) for name in pair)
    return set(re.findall(r"\w+", found))


@functools.lru_cache(maxsize=MAX_CELLS)
def _is_python(source: str) -> bool:
    try:
        ast.parse(re.sub(r"(?m)^([ \t]*)[%!].*", r"\1pass", source[:20_000]))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # what the compiler says of other text
        return False
    return True
