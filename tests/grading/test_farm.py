"""A whole class is graded: each submission gets what it earned, and none stands in another's way."""

import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor

import nbformat
import psutil
import pytest

from course_lib.grading import assignment, farm, release
from course_lib.grading.assignment import AssignmentError
from tests.grading import classroom, damage, toy

SOURCE = "00_start_here"


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def grade(source, submitted, out, **options):
    run = farm.Run(source, submitted, out, seed=7, device="cpu", isolation="bwrap")
    return farm.grade(run, workers=2, progress=False, **options)


@pytest.fixture
def small(tmp_path):
    """The toy, released, with a class of four."""
    source = toy.write(tmp_path)
    folder = release.convert(source, tmp_path / "assignments")
    blank = nbformat.read(folder / "toy.ipynb", as_version=4)
    rng = random.Random(1)
    classroom.hand_in(
        [classroom.student(name, source, blank, rng) for name in ("ada", "bob", "cyd", "dan")],
        source,
        tmp_path / "submitted",
    )
    return source


@pytest.fixture(scope="module")
def everyone(tmp_path_factory):
    """One student for each way in which a notebook can be damaged, an intact one, and their results."""
    root = tmp_path_factory.mktemp("class")
    source = assignment.load(SOURCE)
    blank = release.released(source)
    answered = damage.submission(source, blank)
    names = [name for name, one in damage.DAMAGES.items() if one.ends != "same" or name in _RUN]
    for name in names:
        (root / "submitted" / name).mkdir(parents=True)
        damage.DAMAGES[name].write(answered, blank, root / "submitted" / name / SOURCE)
    damage.write(answered, root / "submitted" / "intact" / SOURCE)
    report = grade(source, root / "submitted", root / "graded")
    return names, report, root / "graded"


# Of those that keep their answers, the ones whose cells run in another order, type or company; that all
# of them are restored to the same cells is tested in test_restore.py.
_RUN = {
    "answer_deleted",
    "answer_moved_to_the_top",
    "code_turned_into_markdown",
    "metadata_and_ids_dropped",
    "saved_by_colab_without_marks",
    "tags_added",
    "checks_edited",
    "cells_that_do_not_parse",
    "helpers_above_and_below",
    "format_3",
    "copy_of",
    "half_a_character",
}


def test_every_damaged_notebook_earns_what_the_intact_one_does_or_is_quarantined(everyone):
    names, report, _ = everyone
    assert report.problems == ()
    results = {result.student: result for result in report.results}
    assert results.keys() == {*names, "intact"}
    intact = {verdict.check: verdict.status for verdict in results["intact"].verdicts}
    assert set(intact.values()) == {"passed", "manual"}
    for name in names:
        expected, result = damage.DAMAGES[name], results[name]
        if expected.ends == "same":
            got = {verdict.check: verdict.status for verdict in result.verdicts}
            for check, status in intact.items():
                if check.split("-")[0] not in expected.differs:
                    assert got[check] == status, (name, check)
            assert result.submission in ("intact", "repaired"), name
        else:
            assert result.submission == {"quarantined": "malformed"}.get(expected.ends, expected.ends), name
            assert result.notes, name
            assert result.notes[0].endswith("."), name


def test_every_student_has_a_row_for_each_check_a_summary_and_a_page(everyone):
    names, _, out = everyone
    checks = [check.name for check in assignment.load(SOURCE).checks]
    by_student: dict[str, list[str]] = {}
    for row in rows(out / "grades.csv"):
        by_student.setdefault(row["student_id"], []).append(row["check"])
    assert by_student == dict.fromkeys(sorted([*names, "intact"]), checks)
    summary = {row["student_id"]: row for row in rows(out / "summary.csv")}
    assert summary.keys() == by_student.keys()
    for name in [*names, "intact"]:
        assert (out / "feedback" / name / SOURCE / "start_here.html").is_file()


def test_a_quarantined_submission_has_no_score_rather_than_zero(everyone):
    names, _, out = everyone
    lost = [name for name in names if damage.DAMAGES[name].ends != "same"]
    assert lost
    for row in rows(out / "grades.csv"):
        if row["student_id"] in lost:
            assert (row["score"], row["status"]) == ("", "flagged")
    for row in rows(out / "summary.csv"):
        if row["student_id"] in lost:
            assert row["score"] == ""


def test_a_second_run_grades_nothing_anew_and_changes_no_byte(small, tmp_path):
    first = grade(small, tmp_path / "submitted", tmp_path / "graded")
    tables = [(tmp_path / "graded" / name).read_bytes() for name in ("grades.csv", "summary.csv")]
    again = grade(small, tmp_path / "submitted", tmp_path / "graded")
    assert (first.graded, again.graded) == (4, 0)
    assert tables == [(tmp_path / "graded" / name).read_bytes() for name in ("grades.csv", "summary.csv")]
    fresh = grade(small, tmp_path / "submitted", tmp_path / "elsewhere")
    assert fresh.graded == 4
    assert tables == [(tmp_path / "elsewhere" / name).read_bytes() for name in ("grades.csv", "summary.csv")]


def test_a_new_answer_is_graded_anew_and_so_is_another_check(small, tmp_path):
    submitted, out = tmp_path / "submitted", tmp_path / "graded"
    grade(small, submitted, out)
    path = submitted / "ada" / "99_toy" / "toy.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[3].source += "\n# a second thought"
    nbformat.write(notebook, path)
    assert grade(small, submitted, out).graded == 1
    changed = toy.write(tmp_path / "changed", errors=toy.ERRORS + "  # with a comment")
    release.convert(changed, tmp_path / "changed" / "assignments")
    assert grade(changed, submitted, out).graded == 4


def test_the_time_of_handing_in_is_kept_and_a_link_in_its_place_is_not_followed(small, tmp_path):
    submitted = tmp_path / "submitted"
    (submitted / "ada" / "99_toy" / "timestamp.txt").write_text("2026-11-20 12:00:00 UTC\n", encoding="utf-8")
    secret = tmp_path / "secret.txt"
    secret.write_text("not for you", encoding="utf-8")
    (submitted / "bob" / "99_toy" / "timestamp.txt").symlink_to(secret)
    report = grade(small, submitted, tmp_path / "graded")
    times = {result.student: result.timestamp for result in report.results}
    assert times == {"ada": "2026-11-20 12:00:00 UTC", "bob": None, "cyd": None, "dan": None}


def test_a_notebook_in_the_wrong_place_is_named(small, tmp_path):
    submitted = tmp_path / "submitted"
    (submitted / "ada" / "99_toy" / "toy.ipynb").rename(submitted / "ada" / "toy.ipynb")
    (submitted / "bob" / "99_toy").rename(submitted / "bob" / "00_start_here")
    report = grade(small, submitted, tmp_path / "graded")
    (problem,) = report.problems
    assert problem.endswith("ada/toy.ipynb: is this 99_toy? Then it belongs into a folder of that name.")
    assert [result.submission for result in report.results] == ["missing", "missing", "intact", "intact"]


def test_an_interruption_ends_the_workers_and_keeps_what_was_graded(small, tmp_path):
    program = (
        "from course_lib.grading import assignment, farm; from pathlib import Path; import sys\n"
        # A shell that runs the tests in the background has it ignored.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "if __name__ == '__main__':\n"
        "    root = Path(sys.argv[1])\n"
        "    source = assignment.read(root / 'solutions' / '99_toy')\n"
        "    run = farm.Run(source, root / 'submitted', root / 'graded', 1, 'cpu', 'bwrap')\n"
        "    farm.grade(run, workers=1)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(program, encoding="utf-8")
    slow = tmp_path / "submitted" / "dan" / "99_toy" / "toy.ipynb"
    notebook = nbformat.read(slow, as_version=4)
    notebook.cells[3].source = "import time\ntime.sleep(50)"
    nbformat.write(notebook, slow)
    kept = tmp_path / "graded" / "results" / "99_toy" / "cyd.json"
    process = subprocess.Popen([sys.executable, script, tmp_path], stderr=subprocess.PIPE)
    while not kept.exists():
        assert process.poll() is None
        time.sleep(0.2)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) != 0
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
    run = farm.Run(small, tmp_path / "submitted", tmp_path / "graded", 1, "cpu", "bwrap")
    shutil.rmtree(slow.parent)
    assert farm.grade(run, workers=1, progress=False).graded == 0


def test_a_grader_that_fails_on_one_student_says_so_and_goes_on(small, tmp_path, monkeypatch):
    monkeypatch.setattr(farm, "_executor", lambda workers, scheduler: _Failing("bob"))
    report = grade(small, tmp_path / "submitted", tmp_path / "graded")
    (problem,) = report.problems
    assert problem.startswith("bob: not graded, OSError: disk full. Run this again.")
    assert {v.status for v in report.results[1].verdicts} == {"flagged", "manual"}
    assert len(rows(tmp_path / "graded" / "summary.csv")) == 4
    monkeypatch.undo()
    again = grade(small, tmp_path / "submitted", tmp_path / "graded")
    assert again.graded == 1
    assert again.problems == ()


def test_a_dask_cluster_gives_the_same_marks(small, tmp_path):
    from distributed import LocalCluster

    grade(small, tmp_path / "submitted", tmp_path / "graded")
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        there = grade(
            small, tmp_path / "submitted", tmp_path / "cluster", scheduler=cluster.scheduler_address
        )
    assert there.graded == 4
    for name in ("grades.csv", "summary.csv"):
        assert (tmp_path / "graded" / name).read_bytes() == (tmp_path / "cluster" / name).read_bytes()


def test_a_dask_worker_that_is_lost_costs_nothing_but_time(small, tmp_path):
    from distributed import LocalCluster

    submitted, out = tmp_path / "submitted", tmp_path / "cluster"
    grade(small, submitted, tmp_path / "graded")
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        ThreadPoolExecutor(1) as executor,
    ):
        running = executor.submit(grade, small, submitted, out, scheduler=cluster.scheduler_address)
        while not list(out.rglob("*.json")):
            assert not running.done()
            time.sleep(0.05)
        os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
        assert running.result(timeout=120).problems == ()
    for name in ("grades.csv", "summary.csv"):
        assert (tmp_path / "graded" / name).read_bytes() == (out / name).read_bytes()


def test_a_scheduler_that_does_not_answer_is_named(small, tmp_path):
    with pytest.raises(AssignmentError, match="No Dask scheduler answers at nowhere"):
        grade(small, tmp_path / "submitted", tmp_path / "graded", scheduler="nowhere://1")


def test_the_seed_is_secret_kept_and_can_be_chosen(small, tmp_path):
    first = farm.choose_seed(tmp_path / "graded", small, None)
    assert farm.choose_seed(tmp_path / "graded", small, None) == first
    assert farm.choose_seed(tmp_path / "another", small, None) != first
    assert farm.choose_seed(tmp_path / "graded", small, 5) == 5
    assert farm.choose_seed(tmp_path / "graded", small, None) == 5


def test_a_release_that_is_older_than_its_source_is_refused(small, tmp_path):
    path = tmp_path / "assignments" / "99_toy" / "toy.ipynb"
    old = nbformat.read(path, as_version=4)
    del old.cells[-1]
    nbformat.write(old, path)
    with pytest.raises(AssignmentError, match="run course release 99_toy"):
        release.released(small)


def test_an_empty_folder_is_no_class(small, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        AssignmentError, match="empty holds no submissions: it needs a folder for each student"
    ):
        grade(small, tmp_path / "empty", tmp_path / "graded")
    shutil.rmtree(tmp_path / "empty")
    with pytest.raises(AssignmentError, match="There is no folder"):
        grade(small, tmp_path / "empty", tmp_path / "graded")


class _Failing:
    """Grades in this process, and fails for one student."""

    def __init__(self, student):
        self.student = student

    def __enter__(self):
        return self, 1

    def __exit__(self, *exception):
        pass

    def submit(self, function, *arguments):
        future: Future = Future()
        if len(arguments) > 1 and f"In my words, {self.student}." in arguments[1].cells[-1].source:
            future.set_exception(OSError("disk full"))
        else:
            future.set_result(function(*arguments))
        return future
