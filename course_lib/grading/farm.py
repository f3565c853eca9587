"""Grade a folder of submissions: many at a time, each once, none forgotten."""

import contextlib
import hashlib
import json
import multiprocessing
import os
import secrets
import threading
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures import CancelledError as Cancelled
from dataclasses import dataclass
from multiprocessing import connection, util
from pathlib import Path

from nbformat import NotebookNode
from tqdm.auto import tqdm

import course_lib
from course_lib.grading import assignment as assignments
from course_lib.grading import feedback, records, release
from course_lib.grading.assignment import Assignment, AssignmentError
from course_lib.grading.examiner import Examined, Examiner, Reference, Verdict
from course_lib.grading.records import Result
from course_lib.grading.restore import Restored, restore
from course_lib.grading.sandbox import Isolation, SandboxError

_TRIES = 3  # a submission that is on a worker which is killed goes to another one, so often


@dataclass(frozen=True)
class Run:
    """What one ``course grade`` does with every submission of an assignment."""

    assignment: Assignment
    submissions: Path
    out: Path
    seed: int
    device: str
    isolation: Isolation


@dataclass(frozen=True)
class Report:
    """What came of a run: a result for every student, and sentences about what was left aside."""

    results: tuple[Result, ...]
    graded: int  # how many were run now; the others had been before
    problems: tuple[str, ...]
    changes: tuple[str, ...]  # whose points are others than after the run before


@dataclass(frozen=True)
class _Task:
    """A submission on its way to a worker and back."""

    student: str
    key: str
    restored: Restored
    timestamp: str | None

    @property
    def notebook(self) -> NotebookNode:
        assert self.restored.notebook is not None
        return self.restored.notebook


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
        When there is nothing to grade, the walls cannot be built, the reference does not get full marks,
        or the gradebook or a table cannot be written.
    """
    students, problems = _students(run.submissions)
    if not students:
        raise AssignmentError(
            f"{run.submissions} holds no submissions: it needs a folder for each student, with "
            f"{run.assignment.name}/{run.assignment.path.name} inside."
        )
    blank = release.released(run.assignment)
    done: dict[str, Result] = {}
    graded = 0
    bar = tqdm(total=len(students), desc=run.assignment.name, unit=" submissions", disable=not progress)

    def waiting() -> Iterator[_Task]:
        for student in students:
            folder = run.submissions / student / run.assignment.name
            restored = restore(folder, run.assignment, blank)
            if restored.status == "missing":
                problems.extend(_elsewhere(run, student))
            timestamp = _timestamp(folder)
            task = _Task(student, _key(restored, run, timestamp), restored, timestamp)
            kept = records.load(run.out, run.assignment, student, task.key)
            if kept is None and restored.notebook is not None:
                yield task
                continue
            done[student] = kept or _without_run(run, task)
            bar.update()

    with bar:
        for task, outcome in _examined(waiting(), run, workers, scheduler):
            if isinstance(outcome, Exception):  # of the grader, not of a student: the others go on
                told = f"{type(outcome).__name__}: {outcome}"
                problems.append(f"{task.student}: not graded, {told}. Run this again.")
            done[task.student] = _with_run(run, task, None if isinstance(outcome, Exception) else outcome)
            graded += 1
            bar.update()
    results = [done[student] for student in students]
    entries = records.fill_gradebook(run.out, run.assignment, results, db)
    changes = records.write_tables(run.out, run.assignment, results, entries)
    for result in tqdm(results, desc="feedback", unit=" pages", disable=not progress):
        feedback.write(run.out, run.assignment, result, entries, isolation=run.isolation)
    return Report(tuple(results), graded, tuple(problems), tuple(changes))


def choose_seed(out: Path, assignment: Assignment, wanted: int | None) -> int:
    """Return the seed of a run: the one wanted, the one of the run before, or a secret new one."""
    path = out / "results" / assignment.name / "seed"
    if wanted is None and path.is_file():
        return int(path.read_text(encoding="utf-8"))
    seed = secrets.randbelow(2**32) if wanted is None else wanted
    records.write_text(path, f"{seed}\n")
    return seed


# Submissions


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
        elif path.name != "students.csv":  # who is who, by `course collect`
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


# Results


def _without_run(run: Run, task: _Task) -> Result:
    """Keep the result of a submission that cannot be run."""
    why = " ".join(task.restored.notes)
    verdicts = tuple(Verdict(check.name, "flagged", why) for check in run.assignment.checks)
    result = _result(run, task, verdicts, 0.0)
    records.save(run.out, run.assignment, result, None)
    return result


def _with_run(run: Run, task: _Task, examined: Examined | None) -> Result:
    """Keep the result of a submission that was run, or that the grader failed to run."""
    said = {verdict.check: verdict for verdict in examined.verdicts} if examined else {}
    verdicts = []
    for check in run.assignment.checks:
        if check.kind == "manual":
            verdicts.append(Verdict(check.name, "manual"))
        else:
            unknown = Verdict(check.name, "flagged", "The grader failed; a person has to look.")
            verdicts.append(said.get(check.name, unknown))
    result = _result(run, task, tuple(verdicts), examined.seconds if examined else None)
    records.save(run.out, run.assignment, result, examined.notebook if examined else task.notebook)
    return result


def _result(run: Run, task: _Task, verdicts: tuple[Verdict, ...], seconds: float | None) -> Result:
    """Make a result; without a time it is one that the next run must not take over."""
    return Result(
        student=task.student,
        assignment=run.assignment.name,
        submission=task.restored.status,
        notes=task.restored.notes,
        verdicts=verdicts,
        key="" if seconds is None else task.key,
        seconds=round(seconds or 0.0, 2),
        timestamp=task.timestamp,
    )


# Workers


def _examined(
    tasks: Iterator[_Task], run: Run, workers: int, scheduler: str | None
) -> Iterator[tuple[_Task, Examined | Exception]]:
    """Yield each task with what came of it, in the order in which they end.

    Only a few are under way at a time, so that memory does not grow with the class. A worker that is
    killed takes the others of its pool with it: a new pool goes on with what was under way.
    """
    first = next(tasks, None)
    if first is None:
        return
    again = deque([first])
    tries: Counter[str | None] = Counter()  # None: the reference
    reference: Reference | None = None
    pending: dict[Future[Examined], _Task] = {}
    while True:
        try:
            with _executor(workers, scheduler) as (executor, at_a_time):
                if reference is None:
                    reference = _reference(run, executor)
                while task := again[0] if again else next(tasks, None):
                    if not again:
                        again.append(task)  # until it is accepted
                    pending[executor.submit(examine, run, task.notebook, reference)] = task
                    again.popleft()
                    if len(pending) >= at_a_time:
                        yield from _finished(pending)
                while pending:
                    yield from _finished(pending)
                return
        except (BrokenExecutor, Cancelled) as error:
            for task in pending.values():
                tries[task.student] += 1
                if tries[task.student] < _TRIES:
                    again.append(task)
                else:
                    yield task, error
            pending.clear()
            tries[None] += reference is None
            if tries[None] == _TRIES:
                raise AssignmentError(f"No worker stays alive: {error} Too little memory?") from error


def _finished(pending: dict[Future[Examined], _Task]) -> Iterator[tuple[_Task, Examined | Exception]]:
    """Wait until something is finished, and yield it."""
    done, _ = wait(pending, return_when=FIRST_COMPLETED)
    broken: BaseException | None = None
    for future in done:
        error = future.exception()
        if isinstance(error, SandboxError):
            raise AssignmentError(f"The walls do not stand any more. {error}") from error
        if isinstance(error, BrokenExecutor):
            broken = error
        elif isinstance(error, Exception):
            yield pending.pop(future), error
        else:
            yield pending.pop(future), future.result()
    if broken is not None:
        raise broken


def _reference(run: Run, executor: Executor) -> Reference:
    """Return what examining the reference shows; it must get full marks on this machine."""
    try:
        examined, reference = executor.submit(examine_reference, run).result()
    except SandboxError as error:
        raise AssignmentError(
            f"The walls around students' code do not stand here, so nothing was run. {error} `course doctor "
            "--instructor` says more; --isolation none is for code you trust."
        ) from error
    for verdict in examined.verdicts:
        if verdict.status != "passed":
            raise AssignmentError(
                f"{run.assignment.path.name}, cell {verdict.check}: the reference itself does not pass on "
                f"this machine ({verdict.status}: {verdict.message.splitlines()[0]}), so nothing was graded."
            )
    return reference


# In a worker

_here = threading.local()


def examine(run: Run, notebook: NotebookNode, reference: Reference) -> Examined:
    """Examine a submission in this process, with the examiner that it keeps for the run's assignment."""
    return _examiner(run).examine(notebook, reference, run.seed)


def examine_reference(run: Run) -> tuple[Examined, Reference]:
    """Examine the reference in this process."""
    return _examiner(run).examine_reference(run.seed)


def _examiner(run: Run) -> Examiner:
    wanted = (_text(run.assignment.notebook), run.isolation, run.device)
    if getattr(_here, "wanted", None) != wanted:
        if hasattr(_here, "end"):
            _here.end()
        _here.examiner = Examiner(run.assignment, run.isolation, run.device)
        _here.end = util.Finalize(_here, _here.examiner.close, exitpriority=10)
        _here.wanted = wanted
    examiner: Examiner = _here.examiner
    return examiner


def _end_with_parent() -> None:
    """End this worker when the process that started it has ended, however it did."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _executor(workers: int, scheduler: str | None) -> Iterator[tuple[Executor, int]]:
    """Yield what runs the submissions, and how many to hand it at a time.

    Processes of this machine, or the workers of a Dask cluster.
    """
    if scheduler is None:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_end_with_parent) as executor:
            try:
                yield executor, workers + 2
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
        client.wait_for_workers(1, timeout=60)
        yield executor, 2 * sum(client.nthreads().values()) + 2
