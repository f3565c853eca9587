"""Bring in what students handed in to Moodle or Canvas; :mod:`handback` takes grades and pages back."""

import contextlib
import csv
import filecmp
import io
import itertools
import lzma
import os
import re
import stat
import tempfile
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from course_lib.grading import records
from course_lib.grading.assignment import AssignmentError
from course_lib.grading.gradefile import LMS

STUDENTS = ("student_id", "name", "lms_id", "assignment", "file")  # the columns of students.csv

_FILE_ROOM, _ARCHIVE_ROOM = 100_000_000, 5_000_000_000  # bytes
_ENTRIES, _NAME_ROOM, _ID_ROOM = 100_000, 100, 40
_DOWNLOAD = timedelta(minutes=10)  # times that differ less are those at which the archive was made

_MOODLE = re.compile(r"(?P<name>.+?)_(?P<id>[0-9]{1,18})_assignsubmission_[a-z]+(?:_(?P<file>.*))?", re.S)
_CANVAS = re.compile(
    r"(?P<name>.+?)_(?:LATE_)?(?P<id>[0-9]{1,18})_(?P<attachment>[0-9]{1,18})_(?P<file>.+)", re.S
)
# All that an archive makes zipfile raise when it is damaged or encrypted.
_DAMAGES = (ValueError, RuntimeError, OSError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
_ADDED_BY_MACHINES = {"__macosx", ".ds_store", ".ipynb_checkpoints", "thumbs.db", "desktop.ini"}
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.I | re.S)  # Windows keeps these


@dataclass(frozen=True)
class Collected:
    """What came of an archive: who is in it, whose notebooks are new here, and what was left aside."""

    lms: LMS
    students: tuple[str, ...]
    written: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class _Handed:
    """One notebook in an archive."""

    info: zipfile.ZipInfo
    path: str  # in the archive
    name: str  # the student's, as the LMS writes it
    lms_id: str
    file: str  # the notebook's name, fit for any file system
    attempt: int
    when: datetime | None


# Import


def collect(archive: Path, assignment: str, submissions: Path) -> Collected:
    """Sort the submissions in an LMS's zip archive into ``SUBMISSIONS/STUDENT/ASSIGNMENT/``.

    Only notebooks are taken. What lies there already is replaced by something newer, and then kept in
    ``.earlier``, which grading does not read; by something older it is not replaced.

    Raises
    ------
    AssignmentError
        When this is no such archive, or ``students.csv`` has other columns.
    """
    try:
        opened = zipfile.ZipFile(archive)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise AssignmentError(f"{archive} is no zip archive that can be read ({error}).") from error
    with opened:
        lms, people, handed, problems = _contents(opened, archive)
        rows = read_students(submissions)
        ids = _student_ids(lms, people, rows, assignment)
        mine = {lms_id: [one for one in handed if one.lms_id == lms_id] for lms_id in people}
        newest = {
            lms_id: max((one.when for one in files if one.when), default=None)
            for lms_id, files in mine.items()
        }
        known = [when for when in newest.values() if when]
        timed = bool(known) and max(known) - min(known) > _DOWNLOAD
        if known and not timed:
            problems.append(
                f"All notebooks are of {max(known):%Y-%m-%d %H:%M}: that is when the archive was made, not "
                "when students handed in. So no timestamp.txt was written."
            )
        new = {
            lms_id: _origin(ids[lms_id], people[lms_id], lms_id, assignment, mine[lms_id]) for lms_id in ids
        }
        here = {(row["assignment"], row["lms_id"]): row for row in rows}
        here = {(assignment, lms_id): row for lms_id, row in new.items()} | here
        _write_students(submissions, here.values())
        written, room = [], _ARCHIVE_ROOM
        for lms_id, student in ids.items():
            folder = submissions / student / assignment
            with tempfile.TemporaryDirectory(dir=submissions, prefix=".collect-") as unpacked:
                room -= _unpack(opened, mine[lms_id], Path(unpacked), student, room, problems)
                changed = _place(Path(unpacked), folder, submissions, problems)
            if changed:
                written.append(student)
                here[assignment, lms_id] = new[lms_id]
                _note_time(folder / "timestamp.txt", newest[lms_id] if timed else None)
        _write_students(submissions, here.values())
    return Collected(lms, tuple(ids.values()), tuple(written), tuple(problems))


def _contents(opened: zipfile.ZipFile, archive: Path) -> tuple[LMS, dict[str, str], list[_Handed], list[str]]:
    """Return whose archive it is, names by the LMS's number, notebooks, and what was left aside."""
    infos = [info for info in opened.infolist() if not info.is_dir()]
    if len(infos) > _ENTRIES:
        raise AssignmentError(f"{archive} holds {len(infos):,} files: no class hands in so many.")
    paths = [_decoded(info) for info in infos]
    lms: LMS = "Moodle" if any(_found("Moodle", path) for path in paths) else "Canvas"
    people: dict[str, str] = {}
    handed: dict[tuple[str, str], _Handed] = {}
    problems, machine = [], 0
    for info, path in zip(infos, paths, strict=True):
        parts = path.split("/")
        found = _found(lms, path)
        if any(part.casefold() in _ADDED_BY_MACHINES or part.startswith("._") for part in parts):
            machine += 1
        elif ".." in parts or path.startswith("/") or re.search(r"\\|^[A-Za-z]:", path):
            problems.append(f"{_shown(path)}: left aside, for its path leads out of the archive.")
        elif stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            problems.append(f"{_shown(path)}: left aside, for it is a link or a device and no file.")
        elif found is None:
            anonymous = lms == "Canvas" and re.match(r"(LATE_)?anon_", parts[-1])
            reason = "Canvas hides whose it is" if anonymous else f"{lms} names no submission so"
            problems.append(f"{_shown(path)}: left aside, for {reason}.")
        else:
            one = _handed(lms, info, path, found)
            people.setdefault(one.lms_id, one.name)
            if ".ipynb" not in one.file.casefold():
                problems.append(f"{_shown(path)}: left aside, for it is no notebook.")
                continue
            key = one.lms_id, one.file.casefold()
            if key in handed:
                problems.append(f"{one.name}: {one.file} is there more than once; the newest counts.")
            handed[key] = max(handed.get(key, one), one, key=_age)
    if not people:
        raise AssignmentError(
            f"{archive} holds no submissions named as Moodle (Name_12345_assignsubmission_file_) or Canvas "
            "(name_12345_67890_file.ipynb) name them. Take the archive as the LMS gives it."
        )
    if machine:
        problems.append(f"Left aside: {machine} files that computers add by themselves.")
    return lms, people, list(handed.values()), problems


def _decoded(info: zipfile.ZipInfo) -> str:
    """Return an entry's path; writers of UTF-8 do not always say that it is UTF-8."""
    if not info.flag_bits & 0x800:
        with contextlib.suppress(UnicodeError):
            return info.orig_filename.encode("cp437").decode("utf-8")
    return info.orig_filename


def _found(lms: LMS, path: str) -> re.Match[str] | None:
    """Return the part of a path in which an LMS says whose file it is."""
    if lms == "Canvas":
        return _CANVAS.fullmatch(path.split("/")[-1])
    return next(filter(None, map(_MOODLE.fullmatch, path.split("/"))), None)


def _handed(lms: LMS, info: zipfile.ZipInfo, path: str, found: re.Match[str]) -> _Handed:
    last = path.split("/")[-1]
    file = (found["file"] or last) if last == found[0] else last
    attempt = 0
    if lms == "Canvas":  # it numbers files that are handed in again
        again = re.fullmatch(r"(.+)-([0-9]{1,3})(\.ipynb)", file, re.S)
        file, attempt = (again[1] + again[3], int(again[2])) if again else (file, 0)
    try:
        when = datetime(*info.date_time).astimezone()
    except (ValueError, OverflowError, OSError):
        when = None
    name, lms_id = _printable(found["name"]), str(int(found["id"]))
    return _Handed(info, _printable(path), name, lms_id, _clean(file), attempt, when)


def _age(one: _Handed) -> tuple[int, float]:
    return one.attempt, one.when.timestamp() if one.when else 0


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in text)


def _shown(path: str) -> str:
    return _printable(path if len(path) <= 200 else path[:200] + "…")


def _clean(name: str) -> str:
    """Return a name that every file system takes and that hides nothing."""
    name = unicodedata.normalize("NFC", "".join(c for c in name if c.isprintable()))
    name = re.sub(r'[<>:"/\\|?*]', "_", name).strip(" .")
    stem, suffix = (name[:-6], name[-6:]) if name.casefold().endswith(".ipynb") else (name, "")
    while len((stem + suffix).encode("utf-8", "replace")) > _NAME_ROOM:
        stem = stem[:-1]
    return f"_{stem}{suffix}" if not stem or _DEVICES.fullmatch(stem) else stem + suffix


def _student_ids(
    lms: LMS, people: Mapping[str, str], rows: Sequence[Mapping[str, str]], assignment: str
) -> dict[str, str]:
    """Return a folder's name for each student, by the LMS's number; one that is known stays.

    Canvas gives a student one number, so it is part of the name. Moodle gives another one for each
    assignment, so a name is only numbered when two students share it.
    """
    same = [row for row in rows if lms == "Canvas" or row["assignment"] == assignment]
    ids = {row["lms_id"]: row["student_id"] for row in same}
    slugs = {lms_id: _slug(name) for lms_id, name in people.items()}
    often = Counter(slugs.values())
    for lms_id, slug in slugs.items():
        plain = lms == "Moodle" and often[slug] == 1 and slug not in ids.values()
        if not plain or not slug or slug[-1].isdigit() or _DEVICES.fullmatch(slug):
            slug = f"{slug or 'student'}-{lms_id}"
        ids.setdefault(lms_id, slug)
    return {lms_id: ids[lms_id] for lms_id in sorted(people, key=int)}


def _slug(name: str) -> str:
    """Return a name in small letters, digits and hyphens; accents on Latin letters are dropped."""
    name = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", name).casefold())
    name = unicodedata.normalize("NFC", name)
    kept = "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else "-" for c in name)
    return re.sub("-+", "-", kept)[:_ID_ROOM].strip("-")


def _unpack(
    opened: zipfile.ZipFile, files: list[_Handed], folder: Path, student: str, room: int, problems: list[str]
) -> int:
    """Write a student's notebooks to a folder, each with its time; return how many bytes that took."""
    taken = 0
    for one in files:
        path = folder / one.file
        most = taken + min(_FILE_ROOM, room - taken)
        try:
            with opened.open(one.info) as source, path.open("wb") as target:
                while part := source.read(1 << 20):
                    taken += len(part)
                    if taken > most:
                        raise ValueError("there is too much in it")
                    target.write(part)
            os.utime(path, (one.when.timestamp(),) * 2 if one.when else (0, 0))
        except _DAMAGES as error:
            path.unlink(missing_ok=True)
            problems.append(f"{student}: {_shown(one.path)} was left aside ({error}).")
    return taken


def _place(unpacked: Path, folder: Path, submissions: Path, problems: list[str]) -> bool:
    """Move notebooks to where they are graded; return whether anything there has changed."""
    student = folder.parent.name
    if not folder.resolve().is_relative_to(submissions.resolve()) or folder.is_symlink():
        problems.append(f"{student}: left aside, for {folder} is a link to another place.")
        return False
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problems.append(f"{student}: left aside, for {folder} cannot be made ({error.strerror}).")
        return False
    new = sorted(unpacked.iterdir())
    old = sorted(path for path in folder.iterdir() if ".ipynb" in path.name.casefold() and path.is_file())
    if not new or _same(old, new):
        return False
    if old and max(path.stat().st_mtime for path in new) <= max(path.stat().st_mtime for path in old):
        problems.append(f"{student}: left aside, for what lies in {folder} is newer, or as new.")
        return False
    for path in old:
        (folder / ".earlier").mkdir(exist_ok=True)
        when = datetime.fromtimestamp(path.stat().st_mtime)
        names = (f"{when:%Y%m%d-%H%M%S}-{count}-{path.name}" for count in itertools.count(1))
        free = next(name for name in names if not (folder / ".earlier" / name).exists())
        path.rename(folder / ".earlier" / free)
    for path in new:
        os.replace(path, folder / path.name)
    return True


def _same(old: Sequence[Path], new: Sequence[Path]) -> bool:
    return [path.name for path in old] == [path.name for path in new] and all(
        filecmp.cmp(one, other, shallow=False) for one, other in zip(old, new, strict=True)
    )


def _note_time(path: Path, when: datetime | None) -> None:
    """Leave the time of a submission beside it, as nbgrader does."""
    if when is None:
        path.unlink(missing_ok=True)
    else:
        records.write_text(path, f"{when.isoformat()}\n")


# Who is who


def read_students(submissions: Path) -> list[dict[str, str]]:
    """Return the rows of ``students.csv``: under which name an LMS's student is kept here."""
    path = submissions / "students.csv"
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows, columns = list(reader), tuple(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AssignmentError(f"{path} is no table in UTF-8 that can be read ({error}).") from error
    if columns != STUDENTS:
        raise AssignmentError(f"{path} has other columns than {', '.join(STUDENTS)}: put them back.")
    return [{key: row[key] or "" for key in STUDENTS} for row in rows]


def _origin(
    student: str, name: str, lms_id: str, assignment: str, files: Sequence[_Handed]
) -> dict[str, str]:
    """Return a student's row in ``students.csv``."""
    file = max(files, key=_age).path if files else ""
    return dict(zip(STUDENTS, (student, _safe(name), lms_id, assignment, _safe(file)), strict=True))


def _safe(text: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    return "'" + text if text.startswith(("=", "+", "-", "@")) else text


def _write_students(submissions: Path, rows: Iterable[Mapping[str, str]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, STUDENTS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(rows, key=lambda row: (row["assignment"], row["student_id"])))
    records.write_text(submissions / "students.csv", text.getvalue())
