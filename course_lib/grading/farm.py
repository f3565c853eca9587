"""Grade a folder of submissions: many at a time, each once, none forgotten."""

import contextlib
import hashlib
import json
import multiprocessing
import secrets
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode
from tqdm.auto import tqdm

import course_lib
from course_lib.grading import assignment as assignments
from course_lib.grading import feedback, records, release
from course_lib.grading.assignment import Assignment, AssignmentError
from course_lib.grading.examiner import Examined, Verdict, examine
from course_lib.grading.records import Result
from course_lib.grading.restore import Restored, restore


@dataclass(frozen=True)
class Run:
    """What one ``course grade`` does with every submission of an assignment."""

    assignment: Assignment
    submissions: Path
    out: Path
    seed: int
    device: str
    isolation: str


@dataclass(frozen=True)
class Report:
    """What came of a run: a result for every student, and sentences about what was left aside."""

    results: tuple[Result, ...]
    graded: int  # how many were run now; the others had been before
    problems: tuple[str, ...]


def grade(
    run: Run, *, workers: int = 2, scheduler: str | None = None, db: str = "", progress: bool = True
) -> Report:
    """Grade every submission in a folder, and bring gradebook, tables and feedback up to date.

    What was graded before, with the same answers, checks and seed, is taken from ``out``.

    Parameters
    ----------
    run : Run
    workers : int
        Submissions at a time on this machine.
    scheduler : str, optional
        Address of a Dask scheduler whose workers grade instead, such as ``"tcp://10.0.0.5:8786"``.
    db : str
        The gradebook's address for SQLAlchemy; by default a file in ``out``.

    Raises
    ------
    AssignmentError
        When there is nothing to grade, or the gradebook or a table cannot be written.
    """
    students, problems = _students(run.submissions)
    if not students:
        raise AssignmentError(
            f"{run.submissions} holds no submissions: it needs a folder for each student, with "
            f"{run.assignment.name}/{run.assignment.path.name} inside."
        )
    blank = release.released(run.assignment)
    done: dict[str, Result] = {}
    waiting: dict[str, tuple[Restored, str]] = {}
    notebooks: dict[str, NotebookNode] = {}
    for student in students:
        folder = run.submissions / student / run.assignment.name
        restored = restore(folder, run.assignment, blank)
        if restored.status == "missing":
            problems += _elsewhere(run, student)
        key = _key(restored, run, _timestamp(folder))
        kept = records.load(run.out, run.assignment, student, key)
        if kept is not None:
            done[student] = kept
        elif restored.notebook is None:
            done[student] = _without_run(run, student, restored, key)
        else:
            waiting[student] = (restored, key)
            notebooks[student] = restored.notebook
    with _executor(workers, scheduler) as executor:
        jobs = {
            executor.submit(examine, notebook, seed=run.seed, device=run.device): student
            for student, notebook in notebooks.items()
        }
        bar = tqdm(as_completed(jobs), total=len(jobs), desc=run.assignment.name, disable=not progress)
        for job in bar:
            student = jobs[job]
            try:
                examined = job.result()
            except Exception as error:  # of the grader, not of a student: the others go on
                problems.append(f"{student}: not graded, {type(error).__name__}: {error}. Run this again.")
                examined = None
            done[student] = _with_run(run, student, *waiting[student], examined)
    results = [done[student] for student in students]
    entries = records.fill_gradebook(run.out, run.assignment, results, db)
    records.write_tables(run.out, run.assignment, results, entries)
    for result in tqdm(results, desc="feedback", unit=" pages", disable=not progress):
        feedback.write(run.out, run.assignment, result, entries, isolation=run.isolation)
    return Report(tuple(results), len(waiting), tuple(problems))


def choose_seed(out: Path, assignment: Assignment, wanted: int | None) -> int:
    """Return the seed of a run: the one wanted, the one of the run before, or a secret new one."""
    path = out / "results" / assignment.name / "seed"
    if wanted is None and path.is_file():
        return int(path.read_text(encoding="utf-8"))
    seed = secrets.randbelow(2**32) if wanted is None else wanted
    records.write_text(path, f"{seed}\n")
    return seed


def _students(submissions: Path) -> tuple[list[str], list[str]]:
    """Return the names of the students' folders, and a sentence about everything else that lies there."""
    if not submissions.is_dir():
        raise AssignmentError(f"There is no folder {submissions}.")
    students, problems = [], []
    for path in sorted(submissions.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir() and not path.is_symlink():
            students.append(path.name)
        else:
            problems.append(f"{path}: left aside, for it is no folder. Whose is it?")
    return students, problems


def _elsewhere(run: Run, student: str) -> list[str]:
    """Return a sentence about notebooks that lie in the student's folder, but not where they are expected."""
    known = {*assignments.names(), run.assignment.name}
    for path in sorted((run.submissions / student).rglob("*.ipynb")):
        inside = path.relative_to(run.submissions / student)
        if not any(part in known or part.startswith(".") for part in inside.parts[:-1]):
            return [f"{path}: is this {run.assignment.name}? Then it belongs into a folder of that name."]
    return []


def _timestamp(folder: Path) -> str | None:
    """Return when a submission was handed in, as nbgrader's exchange notes it beside the notebook."""
    path = folder / "timestamp.txt"
    if path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as file:
        return file.read(100).decode("utf-8", "replace").strip()


def _key(restored: Restored, run: Run, timestamp: str | None) -> str:
    """Return a hash of everything a result depends on."""
    parts = [
        course_lib.__version__,
        restored.status,
        *restored.notes,
        str(run.seed),
        run.device,
        run.isolation,
        timestamp,
        _text(restored.notebook),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _text(notebook: NotebookNode | None) -> str:
    """Return what a notebook computes, without the names that cells get by chance."""
    if notebook is None:
        return ""
    return json.dumps([[cell.cell_type, cell.metadata, cell.source] for cell in notebook.cells])


def _without_run(run: Run, student: str, restored: Restored, key: str) -> Result:
    """Keep the result of a submission that cannot be run."""
    verdicts = tuple(
        Verdict(check.name, "flagged", " ".join(restored.notes)) for check in run.assignment.checks
    )
    result = _result(run, student, restored, key, verdicts, 0.0)
    records.save(run.out, run.assignment, result, None)
    return result


def _with_run(run: Run, student: str, restored: Restored, key: str, examined: Examined | None) -> Result:
    """Keep the result of a submission that was run, or that the grader failed to run."""
    said = {verdict.check: verdict for verdict in examined.verdicts} if examined else {}
    verdicts = []
    for check in run.assignment.checks:
        if check.kind == "manual":
            verdicts.append(Verdict(check.name, "manual"))
        else:
            unknown = Verdict(check.name, "flagged", "The grader failed; a person has to look.")
            verdicts.append(said.get(check.name, unknown))
    seconds = examined.seconds if examined else 0.0
    result = _result(run, student, restored, key if examined else "", tuple(verdicts), seconds)
    records.save(run.out, run.assignment, result, examined.notebook if examined else restored.notebook)
    return result


def _result(
    run: Run, student: str, restored: Restored, key: str, verdicts: tuple[Verdict, ...], seconds: float
) -> Result:
    return Result(
        student=student,
        assignment=run.assignment.name,
        submission=restored.status,
        notes=restored.notes,
        verdicts=verdicts,
        key=key,
        seconds=round(seconds, 2),
        timestamp=_timestamp(run.submissions / student / run.assignment.name),
    )


@contextlib.contextmanager
def _executor(workers: int, scheduler: str | None) -> Iterator[Executor]:
    """Yield what runs the submissions: processes of this machine, or the workers of a Dask cluster."""
    if scheduler is None:
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as executor:
            try:
                yield executor
            except BaseException:  # an interruption: do not wait for what runs
                executor.shutdown(wait=False, cancel_futures=True)
                for process in multiprocessing.active_children():
                    process.terminate()
                raise
        return
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise AssignmentError("--scheduler needs Dask: pip install -e '.[cluster]'.") from error
    try:
        client = Client(scheduler, timeout=20)
    except (OSError, ValueError) as error:
        raise AssignmentError(f"No Dask scheduler answers at {scheduler} ({error}).") from error
    with client, client.get_executor() as executor:
        yield executor
