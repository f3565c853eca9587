"""How fast a class is graded: ``course grade`` against nbgrader as it comes, on the same class.

Run it with ``python -m benchmarks.grading``; it prints tables, and writes them with ``--table FILE``. Both
sides make the same things (executed notebooks, a filled gradebook, a feedback page for each student) in
turns: nbgrader, ours, nbgrader, ours …, each round in a fresh folder, with one OpenMP thread.

- nbgrader is ``nbgrader autograde`` and ``nbgrader generate_feedback`` in a course directory of its own. It
  knows no workers; two workers are two such commands at a time, each with ``--student`` for its half of
  the class, on one gradebook.
- CPU seconds are those of the command and all it started, as the kernel counts them for a control group
  made for it (``getrusage`` would miss processes that end with their namespace). Where none can be made,
  they are what the whole machine did, from ``/proc/stat``, and the machine must be quiet. "Other load" is
  the share of the machine's time that went to anything else.
- Memory is the largest sum over the tree of processes of their proportional shares (PSS), as seen every
  quarter of a second or less often, so that looking takes at most some 3 % of one core.
- The students' own code is timed without any grader: cells and checks of their notebooks, one after
  another, in one process that has imported everything.
- Marks are known beforehand: a check must pass on the reference and on the right answers of answers.py,
  unless they build on a wrong answer; those that a wrong answer names must fail, and all of a blank one.
  No answer in the class hangs. Hidden checks draw their inputs, and nbgrader seeds nothing: there a wrong
  answer may pass, by luck, a check that is not named, and not in the next round.

``--profile`` adds where our time goes; ``--rounds 0 --profile`` does nothing else.
"""

import argparse
import contextlib
import ctypes
import itertools
import math
import multiprocessing
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from csv import DictReader
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import nbformat
import psutil
from nbformat import NotebookNode

from course_lib.grading import assignment as assignments
from course_lib.grading import feedback, records, release, trial
from course_lib.grading.assignment import Assignment
from course_lib.grading.examiner import Cell, Examiner, Verdict, run_here
from course_lib.grading.restore import restore
from tests.grading import classroom
from tests.grading.classroom import Student

SEED = 1
OWN = 20  # submissions whose code is timed without a grader
BIN = Path(sys.executable).parent
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
CONFIG = 'c = get_config()\nc.CourseDirectory.course_id = "bench"\n'
ADOPT = 36  # PR_SET_CHILD_SUBREAPER
GRADERS = ("nbgrader", "course grade")

Marks = dict[tuple[str, str], float | None]  # by student and check


@dataclass(frozen=True)
class Cost:
    """What running some commands cost."""

    seconds: float
    cpu: float
    megabytes: float
    other: float  # share of the machine's time that something else took; nan: unknown
    failed: str  # the end of what was printed, where a command failed


@dataclass(frozen=True)
class Outcome:
    """One round of one grader."""

    cost: Cost
    marks: Marks  # in the gradebook
    lost: tuple[str, ...]  # sentences about what should be there and is not


@dataclass
class Case:
    """A size of class and a number of workers, with its rounds so far."""

    assignment: Assignment
    students: list[Student]
    workers: int
    rounds: dict[str, list[Outcome]] = field(default_factory=lambda: {name: [] for name in GRADERS})


@dataclass(frozen=True)
class Own:
    """CPU seconds that cells and checks take without a grader, for each submission."""

    reference: float
    students: float


# The class


def students(assignment: Assignment, count: int) -> list[Student]:
    """Return a class of which nobody's answers hang or end Python."""
    blank = release.released(assignment)
    tried = trial.trial(assignment, blank, workers=os.cpu_count() or 1, mutants_each=0, progress=False)
    harmful = {
        source
        for outcome in tried.outcomes
        if {verdict.status for verdict in outcome.verdicts} & {"timeout", "memory", "crashed"}
        for source in outcome.candidate.sources.values()
    }
    rng = random.Random(0)
    chosen: list[Student] = []
    while len(chosen) < count:
        one = classroom.student(f"s{len(chosen):03}", assignment, blank, rng)
        if not harmful & {cell.source for cell in one.notebook.cells}:
            chosen.append(one)
    return chosen


def wrong_marks(assignment: Assignment, members: Iterable[Student], marks: Marks) -> list[str]:
    """Return the marks that are others than known beforehand."""
    others = {question: _builds_on(assignment, question) for question in assignment.questions}
    own = {question: {c.name for c in assignment.checks if c.question == question} for question in others}
    found = []
    for one in members:
        spoiled = {question for question, names in own.items() if names & one.fails}
        for check in assignment.checks:
            known = not spoiled & others[check.question] or own[check.question] <= one.fails
            if (
                known
                and check.name in one.passes | one.fails
                and bool(marks.get((one.name, check.name))) != (check.name in one.passes)
            ):
                found.append(f"{check.name} ({one.name})")
    return found


def _builds_on(assignment: Assignment, question: str) -> set[str]:
    """Return the other questions whose answers a question's answers and checks need."""
    cells = assignment.notebook.cells
    wanted = [c.index for c in assignment.checks if c.question == question and c.kind != "manual"]
    places = assignments.needed(assignment.notebook, wanted + assignment.answers(question))
    answers = [cells[place] for place in places if assignments.role(cells[place]) == "answer"]
    return {assignments.grade_id(cell).split("-")[0] for cell in answers} - {question}


def own_code(assignment: Assignment, members: Sequence[Student]) -> Own:
    """Time the students' own code, and the reference's, without a grader."""
    spawn = multiprocessing.get_context("spawn")
    notebooks = [assignment.notebook] * 6 + [one.notebook for one in members[:OWN]]
    submissions = [_cells(assignment, notebook) for notebook in notebooks]
    with ProcessPoolExecutor(1, mp_context=spawn) as executor:
        seconds = executor.submit(_run_all, submissions).result()
    return Own(statistics.median(seconds[1:6]), statistics.mean(seconds[6:]))


def _cells(assignment: Assignment, notebook: NotebookNode) -> list[Cell]:
    """Return what is run of a notebook: its answers, and all checks of the assignment."""
    return [
        Cell(own.source, assignments.grade_id(own)) if assignments.role(own) == "check" else Cell(cell.source)
        for own, cell in zip(assignment.notebook.cells, notebook.cells, strict=True)
        if own.cell_type == "code"
    ]


def _run_all(submissions: list[list[Cell]]) -> list[float]:
    import torch

    torch.set_num_threads(1)
    seconds = []
    for cells in submissions:
        start = time.process_time()
        run_here(cells, SEED)
        seconds.append(time.process_time() - start)
    return seconds


# Measuring


class Memory(threading.Thread):
    """Watches how much memory the children of this process take that were not there before."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._me = psutil.Process()
        self._before = {child.pid for child in self._me.children()}  # such as servers of multiprocessing
        self._end = threading.Event()
        self.peak = 0.0  # megabytes

    def run(self) -> None:
        """Look now and then until the end."""
        wait = 0.25
        while not self._end.wait(wait):
            start = time.thread_time()
            self.peak = max(self.peak, self._now())
            wait = max(0.25, 30 * (time.thread_time() - start))

    def _now(self) -> float:
        total = 0
        for child in self.children():
            for process in (child, *_children(child)):
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:  # it has just ended, or is none of ours to read
                    continue
        return total / 1e6

    def children(self) -> list[psutil.Process]:
        """Return the children of this process that are new."""
        return [child for child in self._me.children() if child.pid not in self._before]

    def end(self) -> float:
        """Stop, and return the peak."""
        self._end.set()
        self.join()
        return self.peak


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


class Group:
    """A control group for commands, in which the kernel counts their CPU time whatever becomes of them."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
        own = [line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line[:3] == "0::"]
        for mount in mounts:
            folder = Path(mount[1], *own[:1] and [own[0].strip("/")], f"bench-{os.getpid()}")
            if mount[2] == "cgroup2" and own:
                with contextlib.suppress(OSError):
                    folder.mkdir(exist_ok=True)
                    subprocess.run(self._in(folder, ["true"]), check=True, stderr=subprocess.DEVNULL)
                    self._folder = folder

    def __bool__(self) -> bool:
        return self._folder is not None

    def command(self, command: Sequence[str]) -> list[str]:
        """Return a command that runs another one in this group."""
        return self._in(self._folder, command) if self._folder else [*command]

    def cpu(self) -> float:
        """Return the seconds so far; those of the whole machine where there is no group."""
        if not self._folder:
            return _busy()
        return int((self._folder / "cpu.stat").read_text().split()[1]) / 1e6

    def remove(self) -> None:
        """Take it away again."""
        if self._folder:
            self._folder.rmdir()

    @staticmethod
    def _in(folder: Path, command: Sequence[str]) -> list[str]:
        return ["sh", "-c", f'echo $$ > "{folder}/cgroup.procs" && exec "$@"', "sh", *command]


def cost(steps: Sequence[Sequence[Sequence[str]]], folder: Path) -> Cost:
    """Run commands in a folder, those of one step at a time together, and return what it cost."""
    ctypes.CDLL(None).prctl(ADOPT, 1, 0, 0, 0)  # what they leave behind becomes a child of this process
    group, memory, failed = Group(), Memory(), ""
    start, cpu, busy, mine = time.perf_counter(), group.cpu(), _busy(), time.process_time()
    memory.start()
    for number, step in enumerate(steps):
        running: list[tuple[Sequence[str], subprocess.Popen[bytes], Path]] = []
        for command in step:
            log = folder / f"log-{number}-{len(running)}"
            with log.open("wb") as file:
                process = subprocess.Popen(
                    group.command(command), cwd=folder, env=ENVIRONMENT, stdout=file, stderr=subprocess.STDOUT
                )
            running.append((command, process, log))
        for command, process, log in running:
            if process.wait():
                told = log.read_text(errors="replace").strip()[-300:]
                failed += f"{' '.join(command[:2])} … ended with {process.returncode}: {told}\n"
    seconds, busy, mine = time.perf_counter() - start, _busy() - busy, time.process_time() - mine
    peak = memory.end()
    _adopt()
    if left := memory.children():
        failed += f"{len(left)} processes still run.\n"
    cpu = group.cpu() - cpu
    other = math.nan
    if group:
        other = max(0.0, busy - cpu - mine) / (seconds * (os.cpu_count() or 1))
    with contextlib.suppress(OSError):  # something still runs there
        group.remove()
    return Cost(seconds, cpu, peak, other, failed)


def _busy() -> float:
    """Return the seconds for which cores of this machine have worked, or waited for the host's."""
    numbers = [int(n) for n in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    user, nice, system, _, _, irq, softirq, steal = numbers
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _adopt() -> None:
    """Wait for the ends of processes that the commands have left behind."""
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.05)
        except ChildProcessError:
            return


# The graders


def template(assignment: Assignment, folder: Path) -> None:
    """Make a course directory of nbgrader's own, with one assignment."""
    source = folder / "source" / assignment.name
    source.mkdir(parents=True)
    shutil.copy(assignment.path, source)
    (folder / "nbgrader_config.py").write_text(CONFIG)
    subprocess.run(
        ["nbgrader", "generate_assignment", assignment.name],
        cwd=folder,
        env=ENVIRONMENT,
        check=True,
        capture_output=True,
    )


def grade(case: Case, grader: str, submitted: Path, course: Path) -> Outcome:
    """Grade a class once, in a fresh folder."""
    name = case.assignment.name
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        folder = Path(place) / "graded"
        if grader == "nbgrader":
            shutil.copytree(course, folder)
            shutil.copytree(submitted, folder / "submitted")
            steps = [_halves(command, name, case.workers) for command in ("autograde", "generate_feedback")]
        else:
            folder.mkdir()
            options = ["--submissions", str(submitted), "--out", str(folder)]
            options += ["--workers", str(case.workers), "--seed", str(SEED)]
            steps = [[["course", "grade", name, *options]]]
        spent = cost(steps, folder)
        marks = gradebook(folder, name)
        return Outcome(spent, marks, tuple(_lost(case, grader, folder, marks)))


def _halves(command: str, name: str, workers: int) -> list[list[str]]:
    """Return nbgrader's command, or one for each part of the class, by the last digit of the name."""
    if workers == 1:
        return [["nbgrader", command, name]]
    digits = ["".join(str(digit) for digit in range(10) if digit % workers == i) for i in range(workers)]
    return [["nbgrader", command, name, f"--student=*[{some}]"] for some in digits]


def gradebook(folder: Path, name: str) -> Marks:
    """Return what nbgrader's gradebook holds; both sides fill one."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
        return {
            (submission.student.id, grade.name): grade.auto_score
            for submission in book.assignment_submissions(name)
            for notebook in submission.notebooks
            for grade in notebook.grades
        }


def _lost(case: Case, grader: str, folder: Path, marks: Marks) -> Iterable[str]:
    """Yield what should be there, one thing for each student or check, and is not."""
    name, path = case.assignment.name, case.assignment.path
    expected = {(one.name, check.name) for one in case.students for check in case.assignment.checks}
    if marks.keys() != expected:
        yield f"{len(marks)} rows in the gradebook instead of {len(expected)}"
    undecided = sum(
        marks.get((one.name, check.name)) is None
        for one in case.students
        for check in case.assignment.checks
        if check.kind != "manual"
    )
    if undecided:
        yield f"{undecided} checks without a score"
    if grader != "nbgrader":
        with (folder / "grades.csv").open(newline="", encoding="utf-8") as file:
            rows = {(row["student_id"], row["check"]): row["status"] for row in DictReader(file)}
        if rows.keys() != expected:
            yield f"{len(rows)} rows in grades.csv instead of {len(expected)}"
        odd = Counter(rows.values()).keys() - {"passed", "failed", "error", "manual"}
        if odd:
            yield f"grades.csv says {', '.join(sorted(odd))}, but no answer should hang"
    for kind, file_name in (("autograded", path.name), ("feedback", f"{path.stem}.html")):
        missing = sum(not (folder / kind / one.name / name / file_name).is_file() for one in case.students)
        if missing:
            yield f"{missing} files missing in {kind}"


# Where our time goes


def profile(assignment: Assignment, members: Sequence[Student], own: Own) -> str:
    """Return a table of the parts of grading a submission.

    What happens inside an examination is taken apart by differences: the same submission is examined
    whole, without its checks, and without any code.
    """
    seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def clock(part: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        seconds[part] = seconds.get(part, 0.0) + time.perf_counter() - start

    with clock("import"):
        code = "import course_lib.grading.farm, nbgrader.api"
        subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, check=True)
    blank = release.released(assignment)
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as place,
        Examiner(assignment, "bwrap", "cpu") as examiner,
    ):
        submitted, out = Path(place) / "submitted", Path(place) / "graded"
        classroom.hand_in(list(members), assignment, submitted)
        with clock("first"):
            _, reference = examiner.examine_reference(SEED)
        with clock("reference"):
            examiner.examine_reference(SEED)
        results = []
        for one in members:
            with clock("restore"):
                restored = restore(submitted / one.name / assignment.name, assignment, blank)
            notebook = restored.notebook
            assert notebook is not None
            for part, kept in (
                ("whole", notebook.cells),
                ("no checks", [cell for cell in notebook.cells if assignments.role(cell) != "check"]),
                ("nothing", [cell for cell in notebook.cells if cell.cell_type != "code"]),
            ):
                with clock(part):
                    examined = examiner.examine(
                        nbformat.from_dict({**notebook, "cells": kept}), reference, SEED
                    )
                if part == "whole":
                    result = _result(assignment, one.name, examined.verdicts)
                    with clock("save"):
                        records.save(out, assignment, result, examined.notebook)
                    results.append(result)
        with clock("new gradebook"):
            records.fill_gradebook(out, assignment, results[:1])
        with clock("gradebook"):
            entries = records.fill_gradebook(out, assignment, results)
        with clock("tables"):
            records.write_tables(out, assignment, results, entries)
        with clock("feedback"):
            for result in results:
                feedback.write(out, assignment, result, entries, isolation="bwrap")
    each = {
        "read and restore the submission": seconds["restore"],
        "fork kernel and examination, connect, end": seconds["nothing"],
        "the student's cells": seconds["no checks"] - seconds["nothing"],
        "checks, across the border": seconds["whole"] - seconds["no checks"],
        "keep result and notebook": seconds["save"],
        "gradebook": seconds["gradebook"],
        "tables": seconds["tables"],
        "feedback page": seconds["feedback"],
    }
    total = sum(each.values())
    once = {
        "import everything": seconds["import"],
        "start the two warm parents (each worker)": seconds["first"] - seconds["reference"],
        "examine the reference": seconds["reference"],
        "make the gradebook": seconds["new gradebook"] - seconds["gradebook"] / len(members),
    }
    lines = [
        f"Where a submission's time goes (mean of {len(members)}, one at a time; the code alone, without a",
        f"grader, takes {1000 * own.students:,.0f} ms of CPU):",
        "",
        "| part | ms | share |",
        "|---|---|---|",
        *(f"| {part} | {1000 * s / len(members):,.1f} | {s / total:.0%} |" for part, s in each.items()),
        f"| all | {1000 * total / len(members):,.1f} | |",
        *(f"| once: {part} | {1000 * s:,.0f} | |" for part, s in once.items()),
    ]
    return "\n".join(lines)


def _result(assignment: Assignment, student: str, verdicts: Sequence[Verdict]) -> records.Result:
    said = {verdict.check: verdict for verdict in verdicts}
    ordered = (said.get(check.name, Verdict(check.name, "manual")) for check in assignment.checks)
    return records.Result(student, assignment.name, "intact", (), tuple(ordered), "", 0.0, None)


# Tables


def spread(values: Sequence[float], digits: int) -> str:
    """Return the median, with the smallest and the largest where there are several."""
    middle = f"{statistics.median(values):,.{digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


COLUMNS = (
    *("students", "workers", "grader", "rounds", "seconds", "seconds each", "a minute", "× nbgrader"),
    *("CPU seconds each", "students' own code", "peak memory, MB", "other load"),
)


def rows(case: Case, own: Own) -> Iterator[list[str]]:
    """Yield a row of the table for each grader that has graded this class."""
    size = len(case.students)
    for grader, outcomes in case.rounds.items():
        costs = [outcome.cost for outcome in outcomes]
        if not costs:
            continue
        walls = [cost.seconds for cost in costs]
        stock = [outcome.cost.seconds for outcome in case.rounds["nbgrader"]]
        ratios = [theirs / ours for theirs, ours in zip(stock, walls, strict=False)]
        cpu = statistics.median(cost.cpu for cost in costs) / size
        yield [
            *(str(size), str(case.workers), f"`{grader}`", str(len(costs)), spread(walls, 1)),
            f"{statistics.median(walls) / size:.2f}",
            spread([60 * size / wall for wall in walls], 1),
            spread(ratios, 2) if ratios and grader != "nbgrader" else "",
            f"{cpu:.2f}",
            f"{own.students / cpu:.0%}",
            f"{max(cost.megabytes for cost in costs):,.0f}",
            f"{max(cost.other for cost in costs):.0%}".replace("nan%", "unknown"),
        ]


def findings(cases: Sequence[Case], own: Own) -> Iterator[str]:
    """Yield sentences about what the numbers of one assignment do not say."""
    timed = min(OWN, max(len(case.students) for case in cases))
    yield (
        f"The code alone, without a grader: {own.reference:.2f} CPU seconds for the reference, "
        f"{own.students:.2f} on average for the class's first {timed}."
    )
    for workers in sorted({case.workers for case in cases}):
        for grader in GRADERS:
            known = [
                (len(case.students), statistics.median(o.cost.seconds for o in case.rounds[grader]))
                for case in cases
                if case.workers == workers and case.rounds[grader]
            ]
            further = [
                f"{(seconds - before) / (size - fewer):.2f} (from {fewer} to {size})"
                for (fewer, before), (size, seconds) in itertools.pairwise(known)
            ]
            if further:
                about = f"{_workers(workers)}, `{grader}`"
                yield f"Seconds for each further submission, {about}: {', '.join(further)}."
    for case in cases:
        yield from _agreement(case)


def _agreement(case: Case) -> Iterator[str]:
    """Yield sentences about rows and marks of one class."""
    about = f"{len(case.students)} students, {_workers(case.workers)}"
    expected = len(case.students) * len(case.assignment.checks)
    for grader, outcomes in case.rounds.items():
        if not outcomes:
            continue
        problems = {problem for outcome in outcomes for problem in outcome.lost}
        problems |= {" ".join(outcome.cost.failed.split()) for outcome in outcomes if outcome.cost.failed}
        whole = f"all {expected} rows, {len(case.students)} notebooks and pages are there"
        wrong = Counter(
            place
            for outcome in outcomes
            for place in wrong_marks(case.assignment, case.students, outcome.marks)
        )
        marked = "every mark known beforehand is right"
        if wrong:
            some = ", ".join(sorted(wrong)[:10])
            marked = f"{len(wrong)} marks are others than known beforehand, such as {some}"
        yield f"{about}, `{grader}`: {'; '.join(sorted(problems)) or whole}; {marked}."
    pairs = list(zip(*case.rounds.values(), strict=False))
    for by_hand in (False, True):
        names = {check.name for check in case.assignment.checks if (check.kind == "manual") == by_hand}
        both = [
            (place[1], theirs.marks[place], ours.marks[place])
            for theirs, ours in pairs
            for place in sorted(theirs.marks.keys() & ours.marks.keys())
            if place[1] in names
        ]
        differing = Counter(
            f"{check}: {_points(theirs)} and {_points(ours)}"
            for check, theirs, ours in both
            if theirs != ours
        )
        counted = "; ".join(f"{what} ({n} times)" for what, n in sorted(differing.items()))
        if both:
            kind = "answers read by a person" if by_hand else "automatic checks"
            told = f"{differing.total()} times they differ{counted and ': '}{counted}"
            yield f"{about}, {kind}: {len(both)} entries of {' and '.join(GRADERS)} compared, {told}."


def _points(score: float | None) -> str:
    return "open" if score is None else f"{score:g}"


def _workers(count: int) -> str:
    return "one worker" if count == 1 else f"{count} workers"


def heading() -> str:
    """Return what was run, where and when."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "nbgrader"))
    memory = psutil.virtual_memory().total / 2**30
    about = (__doc__ or "").split("\n\n")[2]
    command = " ".join(["python -m benchmarks.grading", *sys.argv[1:]])
    return "\n".join(
        [
            "# Grading a class: `course grade` against nbgrader",
            "",
            f"Written by `{command}` on {datetime.now(UTC).date().isoformat()}: {os.cpu_count()} cores "
            f"({_processor()}), {memory:.0f} GiB, Linux {platform.release()}, Python "
            f"{platform.python_version()}, {packages}. Medians, with the smallest and the largest of the "
            "rounds; trust the ratios more than the times.",
            "",
            about,
        ]
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "?")


def section(assignment: Assignment, cases: Sequence[Case], own: Own, profiled: str) -> str:
    """Return what is known of one assignment."""
    measured = [case for case in cases if any(case.rounds.values())]
    lines = [f"## {assignment.name} ({len(assignment.checks)} checks)"]
    if measured:
        table = [COLUMNS, ["---"] * len(COLUMNS), *(row for case in measured for row in rows(case, own))]
        lines += ["", *(f"| {' | '.join(row)} |" for row in table)]
        lines += ["", *(f"- {sentence}" for sentence in findings(measured, own))]
    return "\n".join([*lines, *(["", profiled] if profiled else [])])


# All of it


def measure(
    assignment: Assignment, members: list[Student], case: Case, rounds: int, limit: int, course: Path
) -> Iterator[None]:
    """Grade a class with both graders in turns, and stop after each for whoever wants to look."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        submitted = Path(place)
        classroom.hand_in(members, assignment, submitted)
        for number in range(rounds):
            for grader in GRADERS:
                if grader == "nbgrader" and len(members) > limit:
                    continue
                outcome = grade(case, grader, submitted, course)
                case.rounds[grader].append(outcome)
                spent = outcome.cost
                about = f"{assignment.name}, {len(members)} students, {_workers(case.workers)}"
                print(
                    f"{about}, round {number + 1}, {grader}: {spent.seconds:.1f} s, CPU {spent.cpu:.1f} s, "
                    f"{spent.megabytes:.0f} MB, other load {spent.other:.0%}",
                    *outcome.lost,
                    *([spent.failed] if spent.failed else []),
                    file=sys.stderr,
                    flush=True,
                )
                yield


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.grading", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--students", type=int, nargs="+", default=[20, 100, 500], help="sizes of the class")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--assignments", nargs="+", default=["00_start_here", "02_mlp_backprop"])
    parser.add_argument(
        "--rounds", type=int, nargs="+", default=[3, 2, 1], help="for each size; the last goes for the rest"
    )
    parser.add_argument(
        "--nbgrader-up-to", type=int, default=100, metavar="STUDENTS", help="larger classes: ours alone"
    )
    parser.add_argument("--profile", action="store_true", help="say where our time goes, too")
    parser.add_argument("--table", type=Path, metavar="FILE", help="write the tables there, after each round")
    return parser.parse_args()


def main() -> None:
    """Measure, and print the tables."""
    asked = arguments()
    sections: dict[str, str] = {}
    sizes = sorted(asked.students)

    def text() -> str:
        return "\n\n".join([heading(), *sections.values()]) + "\n"

    for name in asked.assignments:
        assignment = assignments.load(name)
        members = students(assignment, sizes[-1])
        own = own_code(assignment, members)
        cases = [Case(assignment, members[:size], workers) for size in sizes for workers in asked.workers]
        with tempfile.TemporaryDirectory(prefix="bench-") as place:
            course = Path(place) / "course"
            template(assignment, course)
            if asked.rounds[0]:  # files are read for the first time: not counted
                for _ in measure(assignment, members[:1], Case(assignment, members[:1], 1), 1, 1, course):
                    pass
            for case in cases:
                rounds = asked.rounds[min(sizes.index(len(case.students)), len(asked.rounds) - 1)]
                for _ in measure(assignment, case.students, case, rounds, asked.nbgrader_up_to, course):
                    sections[name] = section(assignment, cases, own, "")
                    if asked.table:
                        asked.table.write_text(text(), encoding="utf-8")
        profiled = profile(assignment, members[:OWN], own) if asked.profile else ""
        sections[name] = section(assignment, cases, own, profiled)
    if asked.table:
        asked.table.write_text(text(), encoding="utf-8")
    print(text())


if __name__ == "__main__":
    main()
