"""Submissions come in from Moodle and Canvas, and grades and pages go back there."""

import csv
import io
import os
import re
import stat
import zipfile
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib.grading import gradefile, lms
from course_lib.grading.assignment import AssignmentError
from course_lib.grading.handback import export
from course_lib.grading.lms import collect

NOON = (2026, 3, 1, 12, 0, 0)
EVENING = (2026, 3, 1, 18, 0, 0)
NEXT_DAY = (2026, 3, 2, 9, 0, 0)

FOLDERS = {
    "Ada Lovelace_101_assignsubmission_file_/toy.ipynb": (NOON, b"ada"),
    "Zoë Müller_102_assignsubmission_file/toy.ipynb": (EVENING, b"zoe"),  # as Moodle writes it since 4.1
}
FLAT = {
    "Ada Lovelace_101_assignsubmission_file_toy.ipynb": (NOON, b"ada"),
    "Zoë Müller_102_assignsubmission_file_toy.ipynb": (EVENING, b"zoe"),
}
CANVAS = {
    "lovelaceada_501_9001_toy.ipynb": (NOON, b"ada"),
    "müllerzoë_LATE_502_9002_toy-2.ipynb": (EVENING, b"zoe"),
}


def archive(path, files, unix_mode=None):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, (when, content) in files.items():
            info = zipfile.ZipInfo(name, when)
            info.compress_type = zipfile.ZIP_DEFLATED
            if unix_mode:
                info.external_attr = unix_mode << 16
            made.writestr(info, content)
    return path


@pytest.fixture
def bring(tmp_path):
    """Collect an archive with these files into the folder "submitted"."""

    def bring(files, assignment="99_toy", **options):
        path = archive(tmp_path / "download.zip", files, **options)
        return collect(path, assignment, tmp_path / "submitted")

    return bring


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def notebooks(folder):
    return {name: content for name, content in tree(folder).items() if "ipynb" in name}


def table(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# Import


@pytest.mark.parametrize("files", [FOLDERS, FLAT])
def test_moodles_two_layouts_are_sorted_into_students_folders(bring, tmp_path, files):
    result = bring(files)
    assert (result.lms, result.problems) == ("Moodle", ())
    assert result.students == result.written == ("ada-lovelace", "zoe-muller")
    assert notebooks(tmp_path / "submitted") == {
        "ada-lovelace/99_toy/toy.ipynb": b"ada",
        "zoe-muller/99_toy/toy.ipynb": b"zoe",
    }


def test_canvas_names_lose_their_numbers(bring, tmp_path):
    result = bring(CANVAS)
    assert (result.lms, result.problems) == ("Canvas", ())
    assert notebooks(tmp_path / "submitted") == {
        "lovelaceada-501/99_toy/toy.ipynb": b"ada",
        "mullerzoe-502/99_toy/toy.ipynb": b"zoe",
    }


def test_students_csv_says_who_is_who(bring, tmp_path):
    bring(CANVAS)
    rows = table(tmp_path / "submitted" / "students.csv")
    assert rows[1] == {
        "student_id": "mullerzoe-502",
        "name": "müllerzoë",
        "lms_id": "502",
        "assignment": "99_toy",
        "file": "müllerzoë_LATE_502_9002_toy-2.ipynb",
    }
    assert len(rows) == 2


def test_the_time_of_each_submission_is_left_as_nbgrader_does(bring, tmp_path):
    bring(FOLDERS)
    path = tmp_path / "submitted" / "ada-lovelace" / "99_toy" / "timestamp.txt"
    when = datetime.fromisoformat(path.read_text().strip())
    assert when == datetime(*NOON).astimezone()
    assert when.tzinfo is not None


def test_the_time_of_the_download_is_not_taken_for_the_students(bring, tmp_path):
    # Canvas, and Moodle before 5, write the present time into the archive.
    result = bring({name: (NOON, content) for name, (_, content) in CANVAS.items()})
    assert not list((tmp_path / "submitted").rglob("timestamp.txt"))
    assert "that is when the archive was made" in result.problems[0]


def test_names_in_utf8_that_the_archive_does_not_declare_are_read(tmp_path):
    path = archive(tmp_path / "a.zip", {"mxxllerjo_501_9001_toy.ipynb": (NOON, b"1")})
    path.write_bytes(path.read_bytes().replace(b"mxxller", "müller".encode()))
    assert collect(path, "99_toy", tmp_path / "s").students == ("mullerjo-501",)
    assert table(tmp_path / "s" / "students.csv")[0]["name"] == "müllerjo"


def test_the_newest_of_several_attempts_counts(bring, tmp_path):
    result = bring(
        {
            "a_501_1_toy-2.ipynb": (NOON, b"third"),
            "a_501_2_toy.ipynb": (EVENING, b"first"),
            "a_501_3_toy-1.ipynb": (NOON, b"second"),
            "a_501_4_other.ipynb": (NOON, b"other"),
        }
    )
    assert notebooks(tmp_path / "submitted") == {
        "a-501/99_toy/toy.ipynb": b"third",
        "a-501/99_toy/other.ipynb": b"other",
    }
    assert sum("more than once; the newest counts" in problem for problem in result.problems) == 2


def test_a_second_archive_changes_nothing_that_is_the_same(bring, tmp_path):
    bring(FOLDERS)
    before = tree(tmp_path / "submitted")
    again = bring({name: (NEXT_DAY, content) for name, (_, content) in FOLDERS.items()})
    assert again.written == ()
    assert tree(tmp_path / "submitted") == before


def test_a_newer_attempt_replaces_and_the_older_one_is_kept_out_of_sight(bring, tmp_path):
    bring(FOLDERS)
    name = next(iter(FOLDERS))
    result = bring({name: (NEXT_DAY, b"better")})
    assert result.written == ("ada-lovelace",)
    folder = tmp_path / "submitted" / "ada-lovelace" / "99_toy"
    kept = notebooks(folder)
    assert kept.pop("toy.ipynb") == b"better"
    assert list(kept.values()) == [b"ada"]
    assert next(iter(kept)).startswith(".earlier/")
    assert not (folder / "timestamp.txt").exists()  # it was the older one's
    assert len(table(tmp_path / "submitted" / "students.csv")) == 2


@pytest.mark.parametrize("when", [NOON, (2026, 2, 1, 12, 0, 0)])
def test_an_older_attempt_is_left_aside_with_a_sentence(bring, tmp_path, when):
    bring(FOLDERS)
    before = tree(tmp_path / "submitted")
    result = bring({next(iter(FOLDERS)): (when, b"other")})
    assert result.written == ()
    assert result.students == ("ada-lovelace",)
    assert "is newer, or as new" in " ".join(result.problems)
    assert tree(tmp_path / "submitted") == before


def test_the_table_names_the_file_that_lies_there(bring, tmp_path):
    def file():
        return table(tmp_path / "submitted" / "students.csv")[0]["file"]

    bring({"ada_501_2_toy-1.ipynb": (EVENING, b"second")})
    bring({"ada_501_1_toy.ipynb": (NOON, b"first")})
    assert file() == "ada_501_2_toy-1.ipynb"
    bring({"ada_501_3_toy-2.ipynb": (NEXT_DAY, b"third")})
    assert file() == "ada_501_3_toy-2.ipynb"


def test_every_replaced_attempt_is_kept(bring, tmp_path):
    name = next(iter(FOLDERS))
    for day in (1, 2, 3):
        bring({name: ((2026, 3, day, 12, 0, 0), b"%d" % day)})
    kept = notebooks(tmp_path / "submitted")
    assert sorted(kept.values()) == [b"1", b"2", b"3"]


def test_moodle_numbers_change_but_a_student_keeps_the_folder(bring, tmp_path):
    bring(FOLDERS)
    other = {"Ada Lovelace_777_assignsubmission_file_/b.ipynb": (NOON, b"b")}
    assert bring(other, assignment="98_b").students == ("ada-lovelace",)
    rows = table(tmp_path / "submitted" / "students.csv")
    assert [(row["assignment"], row["lms_id"]) for row in rows if row["student_id"] == "ada-lovelace"] == [
        ("98_b", "777"),
        ("99_toy", "101"),
    ]


def test_namesakes_are_told_apart(bring, tmp_path):
    names = [f"Wei Wang_{number}_assignsubmission_file_/toy.ipynb" for number in (7, 8, 9)]
    assert bring(dict.fromkeys(names[:2], (NOON, b"x"))).students == ("wei-wang-7", "wei-wang-8")
    assert bring(dict.fromkeys(names, (NOON, b"x"))).students == ("wei-wang-7", "wei-wang-8", "wei-wang-9")


def test_a_namesake_who_comes_later_does_not_replace_the_first(bring, tmp_path):
    bring({"Wei Wang_7_assignsubmission_file_/toy.ipynb": (NOON, b"7")})
    bring({"Wei Wang_8_assignsubmission_file_/toy.ipynb": (NEXT_DAY, b"8")})
    assert notebooks(tmp_path / "submitted") == {
        "wei-wang/99_toy/toy.ipynb": b"7",
        "wei-wang-8/99_toy/toy.ipynb": b"8",
    }


def test_who_handed_in_no_notebook_is_not_forgotten(bring, tmp_path):
    result = bring({**FOLDERS, "Eve_103_assignsubmission_onlinetext_/onlinetext.html": (NOON, b"<p>")})
    assert "eve" in result.students
    assert list((tmp_path / "submitted" / "eve" / "99_toy").iterdir()) == []
    assert any(
        "onlinetext.html: left aside, for it is no notebook." in problem for problem in result.problems
    )


def test_an_anonymous_canvas_archive_says_what_is_wrong(bring):
    with pytest.raises(AssignmentError, match="no submissions named as"):
        bring({"anon_Ab3dE_9001_toy.ipynb": (NOON, b"x")})
    result = bring({**CANVAS, "anon_Ab3dE_9001_toy.ipynb": (NOON, b"x")})
    assert "Canvas hides whose it is" in result.problems[0]


# Import: whatever an archive may hold


HOSTILE = [
    "../../Ada_1_assignsubmission_file_/toy.ipynb",
    "/etc/Ada_1_assignsubmission_file_/toy.ipynb",
    "Ada_1_assignsubmission_file_/../../../toy.ipynb",
    "..\\Ada_1_assignsubmission_file_\\toy.ipynb",
    "C:/Ada_1_assignsubmission_file_/toy.ipynb",
    "C:\\Ada_1_assignsubmission_file_toy.ipynb",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_is_written_outside(bring, tmp_path, name):
    result = bring({**FOLDERS, name: (NOON, b"evil")})
    assert any("leads out of the archive" in problem for problem in result.problems)
    assert b"evil" not in tree(tmp_path / "submitted").values()
    assert {path.name for path in tmp_path.iterdir()} == {"submitted", "download.zip"}


@pytest.mark.parametrize(
    "name", ["..", ".", "../..", "/", "CON", "nul", "", " ", "...", "\u202e", "💥", "a/b"]
)
def test_a_students_name_cannot_be_a_path(bring, tmp_path, name):
    result = bring({**FOLDERS, f"{name}_9_assignsubmission_file_toy.ipynb": (NOON, b"x")})
    assert {path.name for path in tmp_path.iterdir()} == {"submitted", "download.zip"}
    for student in result.students:
        assert re.fullmatch(r"[\w-]+", student)
        assert student not in ("con", "nul")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_left_aside(bring, tmp_path, kind):
    with pytest.raises(AssignmentError, match="no submissions"):
        bring({"Ada_1_assignsubmission_file_/toy.ipynb": (NOON, b"/etc/passwd")}, unix_mode=kind | 0o777)
    assert not (tmp_path / "submitted").exists()


def test_a_link_among_the_submissions_is_not_followed(bring, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "submitted").mkdir()
    (tmp_path / "submitted" / "ada-lovelace").symlink_to(tmp_path / "elsewhere")
    result = bring(FOLDERS)
    assert any("is a link to another place" in problem for problem in result.problems)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert result.written == ("zoe-muller",)


def test_a_bomb_is_left_aside_and_the_others_are_not(bring, tmp_path, monkeypatch):
    monkeypatch.setattr(lms, "_FILE_ROOM", 1000)
    result = bring({**FOLDERS, "Bob_9_assignsubmission_file_/toy.ipynb": (NOON, bytes(10**6))})
    assert result.written == ("ada-lovelace", "zoe-muller")
    assert "there is too much in it" in " ".join(result.problems)
    assert not list((tmp_path / "submitted" / "bob").rglob("*.ipynb"))


def test_all_bombs_together_have_one_limit(bring, tmp_path, monkeypatch):
    monkeypatch.setattr(lms, "_ARCHIVE_ROOM", 2500)
    names = [f"S_{number}_assignsubmission_file_/toy.ipynb" for number in range(1, 6)]
    result = bring(dict.fromkeys(names, (NOON, bytes(1000))))
    assert result.written == ("s-1", "s-2")


def test_a_damaged_entry_is_left_aside(tmp_path):
    files = {name: (when, os.urandom(5000)) for name, (when, _) in FOLDERS.items()}
    path = archive(tmp_path / "a.zip", files)
    data = bytearray(path.read_bytes())
    data[2000:2010] = bytes(10)
    path.write_bytes(data)
    result = collect(path, "99_toy", tmp_path / "s")
    assert result.written == ("zoe-muller",)
    assert result.problems[-1].startswith("ada-lovelace: ")


def test_too_many_files_are_refused(bring, monkeypatch):
    monkeypatch.setattr(lms, "_ENTRIES", 1)
    with pytest.raises(AssignmentError, match="holds 2 files"):
        bring(FOLDERS)


def test_thousands_of_entries_take_seconds(bring):
    files = {f"Student {n}_{n}_assignsubmission_file_/toy.ipynb": (NOON, b"x") for n in range(1, 1001)}
    assert len(bring(files).written) == 1000


def test_what_computers_add_is_counted_and_nothing_more(bring, tmp_path):
    name = "Ada Lovelace_101_assignsubmission_file_"
    added = [f"__MACOSX/{name}/._toy.ipynb", f"{name}/.DS_Store", f"{name}/.ipynb_checkpoints/toy.ipynb"]
    result = bring({**FOLDERS, **dict.fromkeys(added, (NEXT_DAY, b"x"))})
    assert result.problems == ("Left aside: 3 files that computers add by themselves.",)
    assert len(notebooks(tmp_path / "submitted")) == 2


@pytest.mark.parametrize(
    ("file", "kept"),
    [
        ("x" * 300 + ".ipynb", "x" * 94 + ".ipynb"),
        ("aux.ipynb", "_aux.ipynb"),
        ('a<b>:"|?*.ipynb', "a_b______.ipynb"),
        ("to\ty\x07\u202e.ipynb", "toy.ipynb"),
        (".toy.ipynb", "toy.ipynb"),
        ("toy.ipynb ", "toy.ipynb"),
        ("u\u0308bung.ipynb", "übung.ipynb"),
    ],
)
def test_names_of_files_are_made_fit_for_every_system(bring, tmp_path, file, kept):
    bring({**FLAT, f"Bob_9_assignsubmission_file_{file}": (NOON, b"x")})
    assert [path.name for path in (tmp_path / "submitted" / "bob" / "99_toy").glob("*.ipynb")] == [kept]


@given(st.text(min_size=1, max_size=300))
def test_any_name_becomes_one_that_is_safe(name):
    clean, slug = lms._clean(name), lms._slug(name)
    for made in (clean, slug):
        assert not set(made) & set('/\\<>:"|?*\0\n')
        assert len(made.encode()) <= 255
    assert clean
    assert not clean.startswith(".")
    assert clean == clean.rstrip(" .")
    assert lms._clean(clean) == clean


def test_no_archive_is_a_sentence(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"<html>")
    with pytest.raises(AssignmentError, match=r"a\.zip is no zip archive"):
        collect(tmp_path / "a.zip", "99_toy", tmp_path / "s")
    with pytest.raises(AssignmentError, match=r"b\.zip is no zip archive"):
        collect(tmp_path / "b.zip", "99_toy", tmp_path / "s")


def test_a_table_of_students_with_other_columns_is_refused(bring, tmp_path):
    (tmp_path / "submitted").mkdir()
    (tmp_path / "submitted" / "students.csv").write_text("name\nada\n")
    with pytest.raises(AssignmentError, match=r"students.csv has other columns"):
        bring(FOLDERS)


# The LMS's own files


MOODLE_SHEET = (
    "\ufeffIdentifier,\"Full name\",\"Email address\",Status,"
    "Grade,\"Maximum grade\",\"Grade can be changed\","
    "\"Last modified (submission)\",\"Last modified (grade)\",\"Feedback comments\"\r\n"
    "\"Participant 101\",\"Ada Lovelace\",a@x.org,\"Submitted, for grading\",,100.00,Yes,"
    "\"Sunday, 1 March\",-,\"a \"\"quoted\"\"\nword\"\r\n"
    "\"Participant 102\",\"Zoë Müller\",z@x.org,Submitted,\"40.00\",100.00,Yes,x,-,\r\n"
    "\"Participant 103\",\"Eve\",e@x.org,\"No submission\",,100.00,Yes,-,-,\r\n"
)  # fmt: skip
GERMAN_SHEET = (
    "ID;Vollständiger Name;Status;Bewertung;Bestwertung;Zuletzt geändert\n"
    "Teilnehmer/in101;Ada Lovelace;Abgegeben;;10,00;x\n"
    "Teilnehmer/in102;Zoë Müller;Abgegeben;;10,00;y\n"
)
CANVAS_BOOK = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Homework 0 (4710),Toy (4711),Current Score\n"
    ",,,,,Manual Posting,,\n"
    "    Points Possible,,,,,10,10.0,(read only)\n"
    "\"Lovelace, Ada\",501,s1,ada,\"A, B\",3,,30.0\n"
    "\"Müller, Zoë\",502,s2,zoe,A,EX,,\n"
    "\"Student, Test\",599,,t,A,,,\n"
)  # fmt: skip


def summary(out, unread="malformed", **scores):
    """Write what `course grade` does: a score of 20, or None, for each student."""
    out.mkdir(exist_ok=True)
    with (out / "summary.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["student_id", "assignment", "score", "max_score", "submission_status", "manual_left", "notes"]
        )
        writer.writerow(["ada-lovelace", "98_b", 1, 2, "intact", 0, ""])
        for student, score in scores.items():
            student = student.replace("_", "-")
            status = unread if score is None else "intact"
            writer.writerow([student, "99_toy", "" if score is None else score, 20, status, 0, ""])
            page = out / "feedback" / student / "99_toy" / "toy.html"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(f"<p>{student}</p>")


def put_back(tmp_path, sheet, **options):
    path = tmp_path / "grades.csv"
    path.write_bytes(sheet if isinstance(sheet, bytes) else sheet.encode())
    return export("99_toy", tmp_path / "graded", path, tmp_path / "submitted", **options)


def test_moodle_round_trip(bring, tmp_path):
    bring(FOLDERS)
    summary(tmp_path / "graded", ada_lovelace=15.5, zoe_muller=20)
    result = put_back(tmp_path, MOODLE_SHEET)
    assert (result.lms, result.filled) == ("Moodle", 2)
    expected = MOODLE_SHEET.replace('grading",,100', 'grading",77.5,100').replace('"40.00"', '"100"')
    assert result.grades.read_bytes().decode() == expected
    assert (tmp_path / "grades.csv").read_bytes().decode() == MOODLE_SHEET
    rows = list(csv.DictReader(io.StringIO(expected.removeprefix("\ufeff"), newline="")))
    assert [row["Grade"] for row in rows] == ["77.5", "100", ""]
    assert "Scores are scaled from 20 points to the 100 of Moodle." in result.notes
    assert "handed in nothing, left as they are (1): Eve." in result.notes
    assert any("replaced (1): zoe-muller" in problem for problem in result.problems)


def test_moodles_pages_carry_the_names_that_it_gave(bring, tmp_path):
    bring(FOLDERS)
    summary(tmp_path / "graded", ada_lovelace=1, zoe_muller=None)
    result = put_back(tmp_path, MOODLE_SHEET)
    with zipfile.ZipFile(result.feedback) as pages:
        assert pages.testzip() is None
        assert pages.namelist() == [
            "Ada Lovelace_101_assignsubmission_file_/toy.html",
            "Zoë Müller_102_assignsubmission_file_/toy.html",
        ]
        assert pages.read(pages.namelist()[0]) == b"<p>ada-lovelace</p>"


def test_who_handed_in_nothing_gets_no_page(bring, tmp_path):
    bring(FOLDERS)
    summary(tmp_path / "graded", unread="missing", ada_lovelace=1, zoe_muller=None)
    result = put_back(tmp_path, MOODLE_SHEET)
    with zipfile.ZipFile(result.feedback) as pages:
        assert pages.namelist() == ["Ada Lovelace_101_assignsubmission_file_/toy.html"]
    assert "handed in nothing, left as they are (2): Zoë Müller, Eve." in result.notes
    assert result.problems == ()


def test_moodle_in_another_language_is_understood(bring, tmp_path):
    bring(FOLDERS)
    summary(tmp_path / "graded", ada_lovelace=15, zoe_muller=10)
    result = put_back(tmp_path, GERMAN_SHEET)
    expected = GERMAN_SHEET.replace(";;10,00;x", ";7,5;10,00;x").replace(";;10,00;y", ";5;10,00;y")
    assert result.grades.read_bytes().decode() == expected


def test_canvas_round_trip(bring, tmp_path):
    bring(CANVAS)
    summary(tmp_path / "graded", lovelaceada_501=15, mullerzoe_502=None)
    result = put_back(tmp_path, CANVAS_BOOK)
    assert (result.lms, result.filled) == ("Canvas", 1)
    assert result.grades.read_bytes().decode() == CANVAS_BOOK.replace('"A, B",3,,', '"A, B",3,7.5,')
    assert "The column 'Toy (4711)' was filled." in result.notes
    assert "no score (1): mullerzoe-502." in result.problems
    with zipfile.ZipFile(result.feedback) as pages:
        assert pages.namelist() == [
            "lovelaceada_501_9001_toy.html",
            "müllerzoë_LATE_502_9002_toy-2.html",
        ]


def test_canvas_may_begin_with_a_byte_order_mark_and_sum_up_what_it_does_not_take(bring, tmp_path):
    bring(CANVAS)
    summary(tmp_path / "graded", lovelaceada_501=15)
    book = "\ufeff" + CANVAS_BOOK.replace("Current Score", "All of Toy (7)")
    result = put_back(tmp_path, book)
    assert result.grades.read_bytes().decode() == book.replace('"A, B",3,,', '"A, B",3,7.5,')


def test_what_canvas_excuses_stays_excused(bring, tmp_path):
    bring(CANVAS)
    summary(tmp_path / "graded", lovelaceada_501=15, mullerzoe_502=20)
    result = put_back(tmp_path, CANVAS_BOOK, column="4710")
    assert result.grades.read_bytes().decode() == CANVAS_BOOK.replace('"A, B",3,,', '"A, B",7.5,,')
    assert any(problem.startswith("excused") and "mullerzoe-502" in problem for problem in result.problems)


def test_a_column_that_cannot_be_told_is_asked_for(bring, tmp_path):
    bring(CANVAS)
    summary(tmp_path / "graded", lovelaceada_501=15)
    book = CANVAS_BOOK.replace("Toy (4711)", "Homework 1 (4711)")
    with pytest.raises(AssignmentError, match=r"grades.csv: which column is 99_toy\? .*Homework 1 \(4711\)"):
        put_back(tmp_path, book)
    assert put_back(tmp_path, book, column="Homework 1 (4711)").filled == 1


def test_a_grade_that_is_right_already_is_not_touched(bring, tmp_path):
    bring(FOLDERS)
    summary(tmp_path / "graded", zoe_muller=8)
    result = put_back(tmp_path, MOODLE_SHEET)
    assert result.grades.read_bytes().decode() == MOODLE_SHEET


def test_bytes_that_are_no_utf8_come_back(bring, tmp_path):
    bring(FOLDERS)
    summary(tmp_path / "graded", ada_lovelace=20)
    sheet = MOODLE_SHEET.encode().replace("ë".encode(), b"\xeb")
    assert b"Zo\xeb" in put_back(tmp_path, sheet).grades.read_bytes()


def test_unknown_students_are_listed(bring, tmp_path):
    bring(FOLDERS)
    summary(tmp_path / "graded", ada_lovelace=20, guest=3)
    assert "graded, but not in the file (1): guest." in put_back(tmp_path, MOODLE_SHEET).problems


def test_folders_that_are_called_by_the_number_need_no_table(tmp_path):
    summary(tmp_path / "graded", **{"101": 20})
    assert put_back(tmp_path, MOODLE_SHEET).filled == 1


@pytest.mark.parametrize(
    ("sheet", "sentence"),
    [
        ("a,b\n1,2\n", "grades.csv is neither Moodle's"),
        ("", "grades.csv is neither Moodle's"),
        (b"PK\x03\x04\0\0", "grades.csv is no CSV file"),
        (MOODLE_SHEET.replace("Participant 102", "Participant 101"), "student 101 stands in it twice"),
        (MOODLE_SHEET.replace("Participant 10", "Participant 90"), "none of the 1 students"),
        (MOODLE_SHEET.replace('"Maximum grade"', "Scale"), "scale of words"),
        (GERMAN_SHEET.replace("10,00;y", "11,00;y"), "no column is called Grade"),
    ],
)
def test_what_is_wrong_with_a_file_is_a_sentence(bring, tmp_path, sheet, sentence):
    bring(FOLDERS)
    summary(tmp_path / "graded", ada_lovelace=20)
    with pytest.raises(AssignmentError, match=re.escape(sentence)):
        put_back(tmp_path, sheet)


def test_nothing_graded_is_a_sentence(bring, tmp_path):
    bring(FOLDERS)
    with pytest.raises(AssignmentError, match=r"no .*summary.csv: run course grade first"):
        put_back(tmp_path, MOODLE_SHEET)
    summary(tmp_path / "graded")
    with pytest.raises(AssignmentError, match="has no row of 99_toy"):
        put_back(tmp_path, MOODLE_SHEET)
    summary(tmp_path / "graded", ada_lovelace="many")
    with pytest.raises(AssignmentError, match="student ada-lovelace: score or max_score is no number"):
        put_back(tmp_path, MOODLE_SHEET)


cells = st.text(st.sampled_from('a",;\n é1'), max_size=6)


@given(
    st.lists(st.lists(cells, min_size=2, max_size=4), min_size=1, max_size=5),
    st.sampled_from(",;"),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_cells_are_read_as_the_csv_module_wrote_them(rows, delimiter, quoting, end):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(rows)
    read = gradefile._rows(text.getvalue(), delimiter)
    assert [[cell.value for cell in row] for row in read] == [
        row for row in rows if any(value.strip() for value in row)
    ]
