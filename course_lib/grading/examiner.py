"""Run the cells of an assignment and say of each check how it ended.

Two ways to run them. :class:`Examiner` takes a submission: the student's cells run in a Jupyter kernel,
behind walls, and the checks outside of it, in a process that is forked for each submission.
:func:`run_here` takes cells that the instructor wrote, in this process.
"""

import ast
import builtins
import contextlib
import copy
import hashlib
import importlib
import io
import linecache
import logging
import multiprocessing
import os
import shutil
import signal
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from nbformat import NotebookNode

from course_lib.grading import assignment as assignments
from course_lib.grading.assignment import Assignment, python

if TYPE_CHECKING:  # importing torch takes seconds, and the parent of the examinations does it
    from course_lib.grading.border import Border
    from course_lib.grading.sandbox import Isolation

CELL_SECONDS = 60.0  # for one of the student's cells
CHECK_SECONDS, CHECK_FACTOR = 10.0, 10.0  # for one check: so long, and so many times the reference's time
SUBMISSION_SECONDS = 600.0  # for all of them
START_SECONDS = 60.0  # for a kernel to start
MEMORY = 6 << 30  # bytes that an examination may take, outside the walls
OUTPUT_BYTES, ALL_OUTPUT_BYTES = 4 << 20, 32 << 20  # kept of what one cell, and all, print and draw

STATUSES = ("passed", "failed", "error", "timeout", "memory", "crashed", "manual", "flagged")

_TRIES = 3
_PUBLIC = 0  # seeds the students' side: the seed of a run must not be known there
_GRACE = 20.0  # seconds after which an examination that does not end by itself is ended
_CHILD = "course_lib.grading.examiner:attend"
_MODULES = (
    *(
        "torch",
        "torch.fx.experimental.symbolic_shapes",
        "numpy",
        "matplotlib.pyplot",
        "sklearn.datasets",
        "nbclient",
        "jupyter_client",
        "zmq.asyncio",
    ),
    *("course_lib.checking", "course_lib.data", "course_lib.device", "course_lib.plotting"),
    *("course_lib.grading.border", "course_lib.grading.sandbox"),
)


@dataclass(frozen=True)
class Verdict:
    """How one check ended: ``status`` is one of STATUSES, ``message`` what it said, "" when it passed."""

    check: str
    status: str
    message: str = ""


@dataclass(frozen=True)
class Cell:
    """One code cell to run: ``check`` is the name of the check that it is, "" for any other cell."""

    source: str
    check: str = ""


@dataclass(frozen=True)
class Examined:
    """What became of a submission: a verdict on every automatic check, and the executed notebook."""

    verdicts: tuple[Verdict, ...]
    notebook: NotebookNode
    seconds: float


@dataclass(frozen=True)
class Reference:
    """What examining the reference has shown: where objects may come back, and how long checks take."""

    objects: frozenset[str]
    seconds: dict[str, float]


@dataclass(frozen=True)
class _Names:
    """What the answers of an assignment define, read from the master and never from a submission."""

    functions: frozenset[str]
    variables: frozenset[str]
    imports: tuple[str, ...]


@dataclass(frozen=True)
class _Job:
    """What one examination needs: cells to run in one kernel, from the first one on."""

    notebook: NotebookNode
    names: _Names
    lost: frozenset[int]  # places of cells that hung or ended a kernel
    decided: frozenset[str]  # checks that have a verdict
    reference: Reference | None
    seed: int
    seconds: float  # for all of it
    cell_seconds: float
    check_seconds: dict[str, float]
    listen_seconds: float  # until the student's side must have answered
    door: str
    isolation: "Isolation"
    folder: str  # for the kernel's sockets


class Examiner:
    """Examines submissions of one assignment, one after another.

    Behind it stand two processes that have imported everything: the parent of the students' kernels,
    inside the walls, and the parent of the examinations, outside. Use it in a ``with`` statement.

    Parameters
    ----------
    assignment : Assignment
    isolation : {"bwrap", "none"}
        With "none" there are no walls: students' code can do whatever the person who runs this can.
    device : {"cpu", "cuda"}
        With "cpu" the code finds no CUDA card, so that marks do not depend on the hardware.
    """

    def __init__(self, assignment: Assignment, isolation: "Isolation", device: str) -> None:
        from course_lib.grading import sandbox

        self._names = _names(assignment)
        self._assignment, self._isolation = assignment, isolation
        self._kernels = sandbox.kernels(isolation, device)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg", "CUDA_VISIBLE_DEVICES": ""}
        self._examinations = sandbox.WarmParent(_CHILD, _MODULES, environment=environment)

    def __enter__(self) -> "Examiner":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End both parents, and whatever runs for them."""
        self._kernels.close()
        self._examinations.close()

    def examine_reference(
        self, seed: int, notebook: NotebookNode | None = None
    ) -> tuple[Examined, Reference]:
        """Examine the reference solution, and note what it shows about the checks.

        Parameters
        ----------
        seed : int
        notebook : NotebookNode, optional
            Another notebook of the instructor's instead, with some of the cells or another right answer.

        Returns
        -------
        tuple
            Its verdicts, all of them passed if checks and machine are in order; and what
            :meth:`examine` needs.
        """
        seen: set[str] = set()
        seconds: dict[str, float] = {}
        examined = self._examine(notebook or self._assignment.notebook, seed, None, seen, seconds)
        return examined, Reference(frozenset(seen), seconds)

    def examine(self, notebook: NotebookNode, reference: Reference, seed: int) -> Examined:
        """Run a restored notebook: the student's cells behind walls, the checks outside.

        A cell that hangs or ends the kernel costs the checks that need it, no others: the rest runs in
        a fresh kernel.

        Parameters
        ----------
        notebook : NotebookNode
            As :func:`course_lib.grading.restore.restore` returns it; it is not changed.
        reference : Reference
        seed : int
            Seeds the random generators on both sides, for each check anew.
        """
        return self._examine(notebook, seed, reference, set(), {})

    def _examine(
        self,
        notebook: NotebookNode,
        seed: int,
        reference: Reference | None,
        seen: set[str],
        seconds: dict[str, float],
    ) -> Examined:
        start = time.monotonic()
        executed = copy.deepcopy(notebook)
        progress = _Progress(executed, {}, seen, seconds)
        failures = 0
        while (left := SUBMISSION_SECONDS - (time.monotonic() - start)) > 0:
            job = _Job(
                notebook,
                self._names,
                frozenset(progress.lost),
                frozenset(progress.verdicts),
                reference,
                seed,
                left,
                CELL_SECONDS,
                _limits(executed, reference),
                CHECK_SECONDS,
                self._kernels.door,
                self._isolation,
                self._kernels.room(),
            )
            try:
                if self._attempt(job, progress):
                    break
            except _FailureError:  # perhaps somebody has killed a process of ours
                failures += 1
                if failures == _TRIES:
                    raise
        for check in _checks(executed).values():
            if check not in progress.verdicts:
                message = f"All {SUBMISSION_SECONDS:.0f} seconds were used up."
                progress.verdicts[check] = Verdict(check, "timeout", message)
        ordered = (progress.verdicts[check] for check in _checks(executed).values())
        return Examined(tuple(ordered), executed, time.monotonic() - start)

    def _attempt(self, job: _Job, progress: "_Progress") -> bool:
        """Run cells in one kernel until all are done (True) or one of them hangs or ends it (False)."""
        from course_lib.grading.sandbox import Forked

        parents = self._kernels, self._examinations
        for parent in parents:
            parent.start()
        for parent in parents:
            parent.ready()
        ours, theirs = multiprocessing.Pipe()
        with ours, theirs:
            try:
                child = Forked(self._examinations.door, {}, [theirs.fileno()])
            except OSError as error:
                raise _FailureError(str(error)) from error
            theirs.close()
            try:
                ours.send(job)
                return progress.follow(ours, job.seconds)
            finally:
                child.kill()
                child.wait(10)
                shutil.rmtree(job.folder, ignore_errors=True)


class _FailureError(Exception):
    """Of the grader itself, not of a submission."""


@dataclass
class _Progress:
    """What is known of a submission so far."""

    executed: NotebookNode
    verdicts: dict[str, Verdict]
    seen: set[str]
    seconds: dict[str, float]
    lost: set[int] = field(default_factory=set)  # places of cells that hung or ended a kernel
    suspects: set[int] = field(default_factory=set)  # that did so once
    hidden: bool = False  # whether hidden checks have begun
    silent: int = 0  # how often the student's side did not answer at all

    def follow(self, pipe: Connection, seconds: float) -> bool:
        """Take in what an examination reports; see :meth:`Examiner._attempt`."""
        place, patience, deadline = -1, START_SECONDS, time.monotonic() + seconds + _GRACE
        while True:
            try:
                if not pipe.poll(max(0.0, min(patience, deadline - time.monotonic()))):
                    return self._lose(place, "timeout", "It took too long.")
                kind, *rest = pipe.recv()
            except (EOFError, OSError):
                return self._lose(place, "crashed", "The grader could not bear what came back.")
            match kind:
                case "at":
                    place, patience = rest
                case "hidden":
                    self.hidden = True
                case "outputs" if self.hidden:  # they may speak of what a hidden check has shown
                    pass
                case "outputs":
                    self.executed.cells[rest[0]].outputs = rest[1]
                case "verdict":
                    self.verdicts[rest[0].check] = rest[0]
                    self.seconds[rest[0].check] = rest[1]
                case "lost":
                    return self._lose(*rest)
                case "failed":
                    raise _FailureError(rest[0])
                case "done":
                    self.seen |= rest[0]
                    return True

    def _lose(self, place: int, status: str, message: str) -> bool:
        """Note which cell hung or ended the kernel; the others go on in a fresh one.

        What ended a process has a second chance: it may have been killed from elsewhere.
        """
        if place < 0:
            raise _FailureError(f"No kernel could be started. {message}")
        if status == "silent":  # somebody has taken the kernel over; that takes its time each time
            status = "crashed"
            self.silent += 1
            if self.silent == _TRIES:
                for name in _checks(self.executed).values():
                    self.verdicts.setdefault(name, Verdict(name, status, message))
                return True
        elif status != "timeout" and place not in self.suspects:
            self.suspects.add(place)
            return False
        self.lost.add(place)
        check = _checks(self.executed).get(place)
        if check is not None and check not in self.verdicts:
            self.verdicts[check] = Verdict(check, status, message)
        else:
            self.executed.cells[place].outputs = [_note(status, message)]
        return False


def _checks(notebook: NotebookNode) -> dict[int, str]:
    """Return the automatic checks by their places."""
    return {
        place: assignments.grade_id(cell)
        for place, cell in enumerate(notebook.cells)
        if assignments.role(cell) == "check"
    }


def _limits(notebook: NotebookNode, reference: Reference | None) -> dict[str, float]:
    """Return how long each check may take: as a student's cell while the reference's time is not known."""
    if reference is None:
        return dict.fromkeys(_checks(notebook).values(), CELL_SECONDS)
    known = reference.seconds
    return {c: CHECK_SECONDS + CHECK_FACTOR * known.get(c, 0.0) for c in _checks(notebook).values()}


def _names(assignment: Assignment) -> _Names:
    functions, variables, imports = set(), set(), []
    for place in assignment.answers():
        source = python(assignment.notebook.cells[place].source)
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                functions.add(node.name)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                imports.append(ast.unparse(node))
            else:
                stored = (n for n in ast.walk(node) if isinstance(n, ast.Name))
                variables |= {n.id for n in stored if isinstance(n.ctx, ast.Store)}
    return _Names(frozenset(functions), frozenset(variables - functions), tuple(imports))


# In the process of an examination


def attend(request: dict[str, Any], files: list[int]) -> None:
    """Be an examination: a fork of a warm parent that receives a job, and reports."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who asked for this will end it
    pipe = Connection(files[0])
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    import torch

    torch.set_num_threads(1)
    try:
        _Examination(pipe.recv(), pipe.send).run()
    except Exception as error:  # the grader's own
        pipe.send(("failed", f"{type(error).__name__}: {error}"))


class _LostError(Exception):
    """The cell at hand hung or ended the kernel."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(status, message)
        self.status, self.message = status, message


class _Examination:
    """Runs a student's cells in a kernel, and checks here."""

    def __init__(self, job: _Job, report: Callable[[Any], None]) -> None:
        self._job, self._report = job, report
        self._deadline = time.monotonic() + job.seconds
        self._names: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
        self._border: Border
        self._examining = False  # the student's side listens to the border, not to the notebook
        self._checking = False  # the code of a check runs

    def run(self) -> None:
        """Run all cells, and report.

        Hidden checks run last, each with the names as they were at its place: nothing that a student's
        code says after it has seen a hidden input is kept.
        """
        from course_lib.grading import border
        from course_lib.grading.walls import wire

        job, checks = self._job, _checks(self._job.notebook)
        with _kernel(job) as client:
            self._client = client
            self._channel = wire.Channel(client.km.provisioner.channel)
            allowed = job.reference.objects if job.reference else None
            self._border = border.Border(self._channel, allowed)
            self._prepare()
            place, later = 0, []
            try:
                for place, cell in enumerate(job.notebook.cells):
                    if cell.cell_type != "code" or place in job.lost or checks.get(place) in job.decided:
                        continue
                    if place not in checks:
                        self._execute(place, cell)
                    elif assignments.BEGIN_HIDDEN in cell.source:
                        self._listen(place, self._border.remember)
                        later.append(place)
                    else:
                        self._check(place, cell, checks[place])
                self._report(("hidden",))
                for place in later:
                    self._listen(place, self._border.recall)
                    self._check(place, job.notebook.cells[place], checks[place])
            except _LostError as lost:
                self._report(("lost", place, lost.status, lost.message))
                return
        self._report(("done", self._border.seen))

    def _prepare(self) -> None:
        """Give the checks their names: proxies for the student's, and what marks arguments."""
        from course_lib import checking
        from course_lib.grading.border import InOut

        for statement in self._job.names.imports:
            exec(statement, self._names)
        for name in self._job.names.functions:
            self._names[name] = self._border.name(name)
        for name, mark in (("inout", InOut), ("student_side", self._border.define)):
            setattr(checking, name, mark)
        for function in ("torch.manual_seed", "numpy.random.seed", "random.seed"):
            self._seed_both(function)

    def _seed_both(self, function: str) -> None:
        """Let a seeding function of a check seed the student's side, too."""
        place, name = function.rsplit(".", 1)
        module = importlib.import_module(place)
        here = getattr(module, name)

        def seed(value: Any = None) -> Any:
            result = here(value)
            if self._checking:
                self._border.seed(function, value)
            return result

        setattr(module, name, seed)

    def _seconds(self, wanted: float) -> float:
        """Return how long the cell at hand may take."""
        return max(1.0, min(wanted, self._deadline - time.monotonic()))

    # Cells

    def _execute(self, place: int, cell: NotebookNode) -> None:
        """Run a cell in the kernel; the author's own run here as well, for the checks need their names."""
        from nbclient.exceptions import CellTimeoutError, DeadKernelError

        seconds = self._seconds(self._job.cell_seconds)
        self._report(("at", place, seconds + _GRACE))
        if self._examining:
            with self._answered(seconds):
                self._border.leave()
            self._examining = False
        cell = self._client.nb.cells[place]
        self._client.timeout = max(1, int(seconds))
        try:
            self._client.seed(seed_of(_PUBLIC, f"cell {place}"))
            self._client.execute_cell(cell, place)
        except CellTimeoutError as error:
            raise _LostError("timeout", f"It took longer than {seconds:.0f} seconds.") from error
        except DeadKernelError as error:
            raise self._ended() from error
        except Exception as error:  # what a forged message makes of the client
            raise _LostError("crashed", "The kernel sent what is no message.") from error
        self._report(("outputs", place, cell.outputs))
        own = not assignments.role(cell) and not cell.metadata.get("course", {}).get("extra")
        students = self._job.names.functions | self._job.names.variables
        if own and not assignments.names_read(cell.source) & students:
            with _silence(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec(_compiled(Cell(cell.source)), self._names)

    def _check(self, place: int, cell: NotebookNode, check: str) -> None:
        """Run a check here, and report the verdict."""
        seconds = self._seconds(self._job.check_seconds[check])
        if not self._examining:
            self._listen(place, self._border.remember)
        self._report(("at", place, seconds + _GRACE))
        start = time.monotonic()
        verdict = self._verdict(Cell(cell.source, check), seconds)
        self._report(("verdict", verdict, time.monotonic() - start))

    def _verdict(self, cell: Cell, seconds: float) -> Verdict:
        from course_lib.device import seed_all
        from course_lib.grading.border import Ended

        def ring(number: int, frame: FrameType | None) -> None:
            raise Ended("the time is up")

        signal.signal(signal.SIGALRM, ring)
        try:
            with self._answered(seconds):
                signal.setitimer(signal.ITIMER_REAL, seconds)
                self._border.seed("course_lib.device.seed_all", seed_of(_PUBLIC, cell.check))
                seed_all(seed_of(self._job.seed, cell.check))
                code = _compiled(cell)
                for name in self._job.names.variables & set(code.co_names):
                    self._names[name] = self._border.get(name)
                self._checking = True
                with warnings.catch_warnings(), _silence():
                    warnings.simplefilter("ignore")
                    exec(code, self._names)
        except _LostError:
            raise
        except BaseException as error:
            return _verdict_on(cell.check, error)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._checking = False
        return Verdict(cell.check, "passed")

    def _listen(self, place: int, ask: Callable[[int], None]) -> None:
        """Let the student's side listen to the border, and ask it for something at once."""
        from course_lib.grading.border import StudentError

        self._report(("at", place, self._job.listen_seconds + _GRACE))
        try:
            with self._answered(self._job.listen_seconds):
                if not self._examining:
                    self._client.kc.execute(_SERVE, silent=True, store_history=False)
                    self._examining = True
                ask(place)
        except (_LostError, StudentError) as error:
            if isinstance(error, _LostError) and error.status != "timeout":
                raise
            raise _LostError("silent", "Python stopped answering.") from error

    @contextlib.contextmanager
    def _answered(self, seconds: float) -> Iterator[None]:
        """Grant the student's side some seconds to answer."""
        from course_lib.grading.border import Ended, Silence

        self._channel.deadline = time.monotonic() + seconds
        try:
            yield
        except Ended as error:
            raise _LostError("timeout", f"It took longer than {seconds:.0f} seconds.") from error
        except Silence as error:
            raise self._ended() from error

    def _ended(self) -> _LostError:
        """Say how the kernel ended."""
        from course_lib.grading.walls.confine import BUSY_EXIT, MEMORY_EXIT

        code = self._client.km.provisioner.exit_code(2)
        if code == MEMORY_EXIT:
            return _LostError("memory", "It needed too much memory, and Python was ended.")
        if code == BUSY_EXIT:
            return _LostError("crashed", "It kept too many threads or processes busy, and Python was ended.")
        return _LostError("crashed", "It ended Python." if code is not None else "Python stopped answering.")


_SERVE = "__import__('course_lib.grading.walls.agent', fromlist=['serve']).serve()"


@contextlib.contextmanager
def _kernel(job: _Job) -> Iterator[Any]:
    """Start a kernel behind the walls, and yield nbclient's client for it."""
    import zmq
    import zmq.asyncio
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.util import run_sync

    from course_lib.grading import sandbox

    class Client(NotebookClient):
        km: Any
        kc: Any
        room, total_room = 0, ALL_OUTPUT_BYTES

        async def async_start_new_kernel_client(self) -> Any:
            self.kc = self.km.client()
            self.kc.start_channels(stdin=False, hb=False)
            self.kc.allow_stdin = False
            await self.kc.get_iopub_msg(timeout=START_SECONDS)  # that outputs will be heard
            return self.kc

        start_new_kernel_client = run_sync(async_start_new_kernel_client)

        def execute_cell(self, cell: NotebookNode, place: int) -> Any:
            self.room = min(OUTPUT_BYTES, self.total_room)
            return super().execute_cell(cell, place)

        def process_message(self, msg: Any, cell: NotebookNode, cell_index: int) -> Any:
            if msg["header"]["msg_type"] in ("stream", "display_data", "execute_result", "error"):
                if self.room < 0:
                    return None
                size = len(str(msg["content"]))
                self.room, self.total_room = self.room - size, self.total_room - size
                if self.room < 0:
                    cell.outputs.append(
                        _note("Output", "The rest is left out: this cell's output is too long.")
                    )
                    return None
            elif msg["header"]["msg_type"].startswith("comm"):
                return None  # widgets are for people
            with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError, IndexError):  # forged
                return super().process_message(msg, cell, cell_index)
            return None

        def seed(self, number: int) -> None:
            source = f"__import__('course_lib.device').device.seed_all({number})"
            self.kc.execute(source, silent=True, store_history=False)

    context = zmq.asyncio.Context()
    context.setsockopt(zmq.MAXMSGSIZE, 16 << 20)
    context.setsockopt(zmq.RCVHWM, 64)
    manager = AsyncKernelManager(context=context)
    manager._kernel_spec = sandbox.specification(job.door, job.isolation, job.folder)
    client = Client(copy.deepcopy(job.notebook), km=manager, allow_errors=True, store_widget_state=False)
    client.shutdown_kernel = "immediate"
    client.log = manager.log = logging.Logger("grading", logging.CRITICAL)
    client.reset_execution_trackers()
    try:
        client.start_new_kernel()
        client.start_new_kernel_client()
        yield client
    finally:
        if manager.provisioner is not None:  # nbclient's own way of ending kernels waits longer
            manager.provisioner.end()  # type: ignore[attr-defined]


def _note(name: str, message: str) -> NotebookNode:
    from nbformat.v4 import new_output

    return new_output("error", ename=name, evalue=message, traceback=[f"{name}: {message}"])


# In either way


def run_here(cells: Iterable[Cell], seed: int) -> list[Verdict]:
    """Run cells one after another in this process, and return the verdicts of those that are checks.

    The cells share one namespace that nothing else sees. What they print is dropped; errors in other
    cells are dropped too, for the checks will notice.
    """
    from course_lib.device import seed_all

    names: dict[str, object] = {"__name__": "__main__", "__builtins__": builtins}
    verdicts = []
    with warnings.catch_warnings(), _silence():
        warnings.simplefilter("ignore")
        for cell in cells:
            seed_all(seed_of(seed, cell.check))
            try:
                exec(_compiled(cell), names)
                verdict = Verdict(cell.check, "passed")
            except BaseException as error:  # whatever a student's code raises, SystemExit too
                verdict = _verdict_on(cell.check, error)
            if cell.check:
                verdicts.append(verdict)
    return verdicts


def _verdict_on(check: str, error: BaseException) -> Verdict:
    """Return the verdict on a check that ended with an exception."""
    name, message = _named(error)
    if name == "NotImplementedError":
        return Verdict(check, "failed", "Not answered yet: the answer still raises NotImplementedError.")
    if name == "" or (isinstance(error, AssertionError) and not _by_student(error)):
        return Verdict(check, "failed", message or "The check does not hold.")
    # torch has no exception of its own for this
    short = name == "MemoryError" or (name == "RuntimeError" and "DefaultCPUAllocator" in message)
    text = f"{name}: {message}" if message else name
    return Verdict(check, "memory" if short else "error", text)


def _by_student(error: BaseException) -> bool:
    return hasattr(error, "student_class")


def _named(error: BaseException) -> tuple[str, str]:
    """Return the name of an exception's class and its text; of a student's, the class over there.

    The name is "" where an answer gives back something else than it should.
    """
    if not _by_student(error):
        return type(error).__name__, str(error)
    from course_lib.grading.border import WrongKindError

    if isinstance(error, WrongKindError):
        return "", str(error)
    name = getattr(error, "student_class", "")
    if name:
        return name, str(error.args[0]) if error.args else ""
    own, _, text = str(error).partition(": ")
    return own, text


def seed_of(seed: int, check: str) -> int:
    """Return the seed of a check in a run with this seed: every check has its own."""
    digest = hashlib.sha256(f"{seed} {check}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def _compiled(cell: Cell) -> CodeType:
    """Compile a cell so that tracebacks and ``inspect.getsource`` find its lines."""
    source = python(cell.source)
    name = f"<{cell.check or 'cell'} {hashlib.sha256(source.encode()).hexdigest()[:8]}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    return compile(source, name, "exec")


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield
