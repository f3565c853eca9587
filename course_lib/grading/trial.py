"""Try an assignment's checks: on the reference, the untouched release, known answers and mutants.

``solutions/NN_topic/answers.py`` lists what students write::

    @wrong("q1-columns")
    def one_hot(labels, num_classes):
        "Makes as many columns as the labels seem to need."
        return np.eye(labels.max() + 1)[labels]

The file is read, never run. Each definition takes the place of the one of the same name in the
reference's answer cell; the rest of that cell stays.
"""

import ast
import copy
import multiprocessing
import os
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import pebble
from nbformat import NotebookNode
from tqdm.auto import tqdm

from course_lib.grading import assignment as assignments
from course_lib.grading import mutants as mutations
from course_lib.grading.assignment import Assignment, AssignmentError
from course_lib.grading.examiner import Cell, Examiner, Verdict, run_here

SEEDS = 5  # the reference must score 100 % with each
LEAST = 0.95  # share of the mutants that must be caught
_SECONDS = 60.0  # for a reference; the others have as long as it took, many times over
_PRELOAD = [
    "__main__",
    "course_lib.grading.trial",
    "torch",
    "sklearn.datasets",
    "matplotlib.pyplot",
    "course_lib.checking",
    "course_lib.data",
]

Definition = TypeVar("Definition")


def wrong(*checks: str) -> Callable[[Definition], Definition]:
    """Mark an answer that is wrong, and name the checks that must fail."""
    return lambda definition: definition


def right(definition: Definition) -> Definition:
    """Mark an answer that is right: it must get full marks."""
    return definition


@dataclass(frozen=True)
class Candidate:
    """Something to put into the answer cells of one question, and what must come of it."""

    question: str
    kind: Literal["reference", "blank", "right", "wrong", "mutant"]
    about: str
    sources: dict[int, str]  # answer cell's place → source
    checks: tuple[str, ...] = ()  # those that must fail
    diff: str = ""
    seed: int = 0
    line: int = 0  # of answers.py


@dataclass(frozen=True)
class Outcome:
    """A candidate and what the checks of its question said."""

    candidate: Candidate
    verdicts: tuple[Verdict, ...]
    seconds: float
    outside: bool = False  # the checks ran as they do when submissions are graded, not beside the answer

    @property
    def failed(self) -> set[str]:
        """Names of the checks that did not pass."""
        return {verdict.check for verdict in self.verdicts if verdict.status != "passed"}

    @property
    def ok(self) -> bool:
        """Whether the checks said what they must about this candidate."""
        if self.candidate.kind in ("reference", "right"):
            return not self.failed
        if self.candidate.kind == "blank":
            return len(self.failed) == len(self.verdicts)
        if self.candidate.kind == "wrong":
            return set(self.candidate.checks) <= self.failed
        return bool(self.failed)


@dataclass(frozen=True)
class Trial:
    """All outcomes for one assignment, and the survivors its author declared harmless."""

    assignment: Assignment
    outcomes: tuple[Outcome, ...]
    equivalent: dict[str, str]  # label of a mutant → why nobody could tell it from the reference

    def of(self, kind: str, question: str | None = None) -> list[Outcome]:
        """Return the outcomes of one kind (of one question)."""
        return [
            o
            for o in self.outcomes
            if o.candidate.kind == kind and question in (None, o.candidate.question) and not o.outside
        ]

    def counted(self, question: str | None = None) -> list[Outcome]:
        """Return the outcomes of the mutants that are not declared equivalent."""
        return [o for o in self.of("mutant", question) if o.candidate.about not in self.equivalent]

    def problems(self) -> list[str]:
        """Return what keeps this assignment from being released, one sentence each."""
        name = self.assignment.path.name
        found = []
        for question in {o.candidate.question: None for o in self.of("reference")}:
            for kind in ("wrong", "right"):
                if not self.of(kind, question):
                    found.append(f"answers.py: there is no {kind} answer to {question}.")
        told = set()
        for outcome in self.outcomes:
            candidate = outcome.candidate
            repeated = outcome.outside or candidate.kind == "reference"
            repeated = repeated and candidate.question in told
            if not outcome.ok and candidate.kind != "mutant" and not repeated:
                found.append(f"{name}, {_complaint(outcome)}")
                told.add(candidate.question)
        counted = self.counted()
        caught = sum(o.ok for o in counted)
        if counted and caught < LEAST * len(counted):
            found.append(
                f"{name}: the checks catch {caught} of {len(counted)} mutants, {caught / len(counted):.0%}; "
                f"at least {LEAST:.0%} are due. The table lists the survivors."
            )
        caught_ones = {o.candidate.about for o in self.of("mutant") if o.ok}
        for label in sorted(set(self.equivalent) & caught_ones):
            found.append(f"answers.py: the mutant {label!r} is listed as equivalent, but a check catches it.")
        return found

    def table(self) -> str:
        """Return the trial as text: one line for each question, then the survivors."""
        rows = [("question", "wrong answers caught", "right ones accepted", "mutants caught", "equivalent")]
        for question in [*self.assignment.questions, None]:
            wrongs, rights = self.of("wrong", question), self.of("right", question)
            mutants = self.counted(question)
            if not self.of("reference", question):
                continue
            rows.append(
                (
                    question or "all",
                    f"{sum(o.ok for o in wrongs)} of {len(wrongs)}",
                    f"{sum(o.ok for o in rights)} of {len(rights)}",
                    f"{sum(o.ok for o in mutants)} of {len(mutants)}",
                    str(len(self.of("mutant", question)) - len(mutants)),
                )
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        for outcome in self.counted():
            if not outcome.ok:
                lines.append(f"\nsurvivor, {outcome.candidate.question}: {outcome.candidate.about}")
                lines.append(textwrap.indent(outcome.candidate.diff, "    "))
        return "\n".join([self.assignment.name, *lines])


def _complaint(outcome: Outcome) -> str:
    """Say what is wrong with an outcome that is not as it must be."""
    candidate, failed = outcome.candidate, sorted(outcome.failed)
    first = next((v for v in outcome.verdicts if v.status != "passed"), None)
    said = f": {first.check} says: {first.message.splitlines()[0]}" if first else ""
    if outcome.outside:
        said = f" when it is examined from outside, as submissions are{said}"
    listed = f"{candidate.about!r} (answers.py, line {candidate.line})"
    match candidate.kind:
        case "reference":
            text = f"the reference fails {', '.join(failed)} with seed {candidate.seed}{said}"
            return f"cell {candidate.question}: {text}"
        case "blank":
            passed = sorted({v.check for v in outcome.verdicts} - outcome.failed)
            return f"cell {passed[0]}: an empty answer passes {', '.join(passed)}."
        case "right":
            return f"cell {candidate.question}: the right answer {listed} fails{said}"
        case _:
            missed = sorted(set(candidate.checks) - outcome.failed)
            return f"cell {missed[0]}: it passes the wrong answer {listed}."


def trial(
    assignment: Assignment,
    release: NotebookNode,
    *,
    workers: int = 2,
    mutants_each: int | None = None,
    progress: bool = True,
) -> Trial:
    """Run the checks of every question on all its candidates.

    Parameters
    ----------
    assignment : Assignment
    release : NotebookNode
        What students get, cell for cell.
    workers : int
        Processes at a time. Each candidate gets a fresh one, forked from a parent that has imported
        torch and has run nothing.
    mutants_each : int, optional
        Try only so many mutants of each question, spread evenly; by default all.
    progress : bool
        Show a progress bar.

    Raises
    ------
    AssignmentError
        When answers.py names a check, a definition or a mutant that does not exist.
    """
    known, equivalent = answers(assignment)
    everything = list(_mutants(assignment))
    stale = sorted(set(equivalent) - {mutant.about for mutant in everything})
    if stale:
        raise AssignmentError(f"answers.py: EQUIVALENT lists {stale[0]!r}, but there is no such mutant.")
    references = [*_references(assignment)]
    outcomes = _run(assignment, references, workers, lambda candidate: _SECONDS, progress)
    seconds = {o.candidate.question: o.seconds for o in outcomes}
    rest = [*_blanks(assignment, release), *known, *_some(everything, mutants_each)]

    def limit(candidate: Candidate) -> float:
        patience = 3 if candidate.kind == "mutant" else 12  # some wrong answers never end
        return patience + 5 * seconds[candidate.question]

    outcomes += _run(assignment, rest, workers, limit, progress)
    outcomes += _outside(assignment, [*references, *known], workers, progress)
    return Trial(assignment, tuple(outcomes), equivalent)


def _some(candidates: list[Candidate], each: int | None) -> list[Candidate]:
    """Return so many candidates of each question, spread evenly."""
    if each is None:
        return candidates
    chosen = []
    for question in dict.fromkeys(candidate.question for candidate in candidates):
        own = [candidate for candidate in candidates if candidate.question == question]
        chosen += [own[i * len(own) // each] for i in range(each)] if len(own) > each else own
    return chosen


# ---- candidates ---------------------------------------------------------------------------------


def _tested(assignment: Assignment) -> Iterator[tuple[str, list[int]]]:
    """Yield the questions that have automatic checks, with the places of their answer cells."""
    for question in assignment.questions:
        if any(check.question == question and check.kind != "manual" for check in assignment.checks):
            yield question, assignment.answers(question)


def _references(assignment: Assignment) -> Iterator[Candidate]:
    for question, places in _tested(assignment):
        sources = {place: assignment.notebook.cells[place].source for place in places}
        for seed in range(SEEDS):
            yield Candidate(question, "reference", "the reference", sources, seed=seed)


def _blanks(assignment: Assignment, release: NotebookNode) -> Iterator[Candidate]:
    for question, places in _tested(assignment):
        sources = {place: release.cells[place].source for place in places}
        yield Candidate(question, "blank", "the untouched release", sources)


def _mutants(assignment: Assignment) -> Iterator[Candidate]:
    for question, places in _tested(assignment):
        for place in places:
            cell = assignment.notebook.cells[place]
            if "training" in cell.metadata.get("tags", []):
                continue  # takes seconds, not milliseconds: tried by answers alone
            for mutant in mutations.mutants(cell.source):
                yield Candidate(question, "mutant", mutant.label, {place: mutant.source}, diff=mutant.diff)


def answers(assignment: Assignment) -> tuple[list[Candidate], dict[str, str]]:
    """Read answers.py: its candidates, and the mutants it declares equivalent with the reasons.

    Raises
    ------
    AssignmentError
        When the file is missing or names a check or a definition that does not exist.
    """
    path = assignment.path.parent / "answers.py"
    if not path.is_file():
        raise AssignmentError(f"{path.name} is missing beside {assignment.path.name}: see docs/authoring.md.")
    text = path.read_text(encoding="utf-8")
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise AssignmentError(f"{path.name}, line {error.lineno}: {error.msg}.") from error
    homes = {
        name: (check_question, place)
        for check_question, places in _tested(assignment)
        for place in places
        for name in assignments.names_bound(assignment.notebook.cells[place].source)
    }
    candidates, equivalent = [], {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            candidates.append(_candidate(node, text, path.name, assignment, homes))
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "EQUIVALENT":
            equivalent = ast.literal_eval(node.value)
    return candidates, equivalent


def _candidate(
    node: ast.FunctionDef | ast.ClassDef,
    text: str,
    file: str,
    assignment: Assignment,
    homes: dict[str, tuple[str, int]],
) -> Candidate:
    where = f"{file}, line {node.lineno}"
    if node.name not in homes:
        raise AssignmentError(f"{where}: no answer cell of {assignment.path.name} defines {node.name!r}.")
    question, place = homes[node.name]
    about = (ast.get_docstring(node) or "").split("\n")[0]
    if not about or len(node.decorator_list) != 1:
        raise AssignmentError(
            f"{where}: {node.name} needs one decorator, @right or @wrong(checks), and a docstring that says "
            "what the student was thinking."
        )
    mark = node.decorator_list[0]
    sources = {place: _with(assignment.notebook.cells[place].source, node, text)}
    if isinstance(mark, ast.Name) and mark.id == "right":
        return Candidate(question, "right", about, sources, line=node.lineno)
    checks = tuple(ast.literal_eval(argument) for argument in getattr(mark, "args", []))
    own = {check.name for check in assignment.checks if check.question == question}
    if not checks or not set(checks) <= own:
        named = ", ".join(repr(check) for check in checks if check not in own) or "nothing"
        raise AssignmentError(
            f"{where}: @wrong names {named}; it must name checks of {question}: {', '.join(sorted(own))}."
        )
    return Candidate(question, "wrong", about, sources, checks, line=node.lineno)


def _with(source: str, answer: ast.FunctionDef | ast.ClassDef, text: str) -> str:
    """Return a cell's source with one definition replaced by an answer's."""
    own = "\n".join(text.splitlines()[answer.lineno - 1 : answer.end_lineno])  # without its decorator
    tree = ast.parse(assignments.python(source))
    lines = assignments.python(source).splitlines()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == answer.name:
            return "\n".join([*lines[: node.lineno - 1], own, *lines[node.end_lineno :]])
    raise AssignmentError(f"{answer.name} is not defined by def or class in its answer cell.")


# ---- running ------------------------------------------------------------------------------------


def _run(
    assignment: Assignment,
    candidates: Iterable[Candidate],
    workers: int,
    limit: Callable[[Candidate], float],
    progress: bool,
) -> list[Outcome]:
    """Run candidates in processes of their own; one that hangs is killed, and all its checks time out."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # two busy threads on a busy machine wait for each other
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    outcomes = []
    with pebble.ProcessPool(max_workers=workers, max_tasks=1, context=context) as pool:
        jobs = []
        for candidate in candidates:
            cells = _cells(assignment, candidate)
            job = pool.schedule(_timed, args=(cells, candidate.seed), timeout=limit(candidate))
            jobs.append((candidate, cells, job))
        bar = tqdm(jobs, desc=assignment.name, unit=" answers", leave=False, disable=not progress)
        for candidate, cells, job in bar:
            outcomes.append(_outcome(candidate, cells, job))
    return outcomes


def _outcome(candidate: Candidate, cells: list[Cell], job: Any) -> Outcome:
    checks = [cell.check for cell in cells if cell.check]
    try:
        verdicts, seconds = job.result()
        return Outcome(candidate, tuple(verdicts), seconds)
    except TookTooLong:
        status, message = "timeout", "The answer took too long."
    except pebble.ProcessExpired:
        status, message = "crashed", "The answer ended the process it ran in."
    return Outcome(candidate, tuple(Verdict(check, status, message) for check in checks), _SECONDS)


def _timed(cells: list[Cell], seed: int) -> tuple[list[Verdict], float]:
    import torch

    torch.set_num_threads(1)
    start = time.perf_counter()
    verdicts = run_here(cells, seed)
    return verdicts, time.perf_counter() - start


def _outside(
    assignment: Assignment, candidates: list[Candidate], workers: int, progress: bool
) -> list[Outcome]:
    """Examine candidates as submissions are, but without walls: their author is the instructor.

    What differs between the two ways of running a check (arguments and results are copies and plain
    data) shows only here.
    """
    if not hasattr(os, "fork"):  # on Windows submissions are graded in WSL, too
        return []
    bar = tqdm(total=len(candidates), desc=f"{assignment.name}, outside", leave=False, disable=not progress)

    def examine(share: list[Candidate]) -> list[Outcome]:
        outcomes = []
        with Examiner(assignment, "none", "cpu") as examiner:
            _, reference = examiner.examine_reference(seed=0)
            for candidate in share:
                examined = examiner.examine(_notebook(assignment, candidate), reference, candidate.seed)
                outcomes.append(Outcome(candidate, examined.verdicts, examined.seconds, outside=True))
                bar.update()
        return outcomes

    with bar, ThreadPoolExecutor(workers) as executor:
        shares = [candidates[i::workers] for i in range(workers)]
        return [outcome for outcomes in executor.map(examine, shares) for outcome in outcomes]


def _notebook(assignment: Assignment, candidate: Candidate) -> NotebookNode:
    """Return a notebook with only the cells that :func:`_cells` names."""
    wanted = [*_checks(assignment, candidate), *assignment.answers(candidate.question)]
    notebook = copy.deepcopy(assignment.notebook)
    for place, source in candidate.sources.items():
        notebook.cells[place].source = source
    notebook.cells = [notebook.cells[place] for place in assignments.needed(assignment.notebook, wanted)]
    return notebook


def _checks(assignment: Assignment, candidate: Candidate) -> dict[int, str]:
    """Return the automatic checks of a candidate's question, by their places."""
    return {
        check.index: check.name
        for check in assignment.checks
        if check.question == candidate.question and check.kind != "manual"
    }


def _cells(assignment: Assignment, candidate: Candidate) -> list[Cell]:
    """Return the cells to run for a candidate: only its question's, and what they build on."""
    notebook, checks = assignment.notebook, _checks(assignment, candidate)
    wanted = [*checks, *assignment.answers(candidate.question)]
    cells = []
    for place in assignments.needed(notebook, wanted):
        source = candidate.sources.get(place, notebook.cells[place].source)
        cells.append(Cell(source, checks.get(place, "")))
    return cells
