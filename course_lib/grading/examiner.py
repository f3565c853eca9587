"""Run the cells of an assignment and say of each check how it ended.

Two ways to run them: :func:`examine` takes a submission, in a Jupyter kernel of its own;
:func:`run_here` takes cells that the instructor wrote, in this process.
"""

import builtins
import contextlib
import copy
import hashlib
import io
import linecache
import logging
import os
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import CodeType

from nbformat import NotebookNode

from course_lib.grading import assignment as assignments
from course_lib.grading.assignment import python

CELL_SECONDS = 60.0  # for one cell of a submission
SUBMISSION_SECONDS = 600.0  # for all of them

STATUSES = ("passed", "failed", "error", "timeout", "memory", "crashed", "manual", "flagged")


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


def examine(notebook: NotebookNode, *, seed: int, device: str) -> Examined:
    """Run a restored notebook in a Jupyter kernel: the student's cells, and the checks beside them.

    There are no walls around that kernel (``--isolation none``): the code can do whatever the person
    who runs this can. A cell that hangs or ends the kernel costs the checks that need it, no others:
    the rest runs in a fresh kernel.

    Parameters
    ----------
    notebook : NotebookNode
        As :func:`course_lib.grading.restore.restore` returns it; it is not changed.
    seed : int
        Seeds the random generators, for each check anew.
    device : {"cpu", "cuda"}
        With "cpu" the code finds no CUDA card, so that marks do not depend on the hardware.
    """
    start = time.monotonic()
    executed = copy.deepcopy(notebook)
    verdicts: dict[str, Verdict] = {}
    lost: set[int] = set()  # cells that hung or ended a kernel
    while (left := SUBMISSION_SECONDS - (time.monotonic() - start)) > 0:
        with tempfile.TemporaryDirectory(prefix="grade-") as folder:
            trouble = _run_all(executed, lost, verdicts, seed, _environment(folder, device), folder, left)
        if trouble is None:
            break
        lost.add(trouble)
    for cell in executed.cells:
        check = assignments.grade_id(cell)
        if assignments.role(cell) == "check" and check not in verdicts:
            verdicts[check] = Verdict(check, "timeout", f"All {SUBMISSION_SECONDS:.0f} seconds were used up.")
    return Examined(tuple(verdicts.values()), executed, time.monotonic() - start)


def _environment(folder: str, device: str) -> dict[str, str]:
    """Return the environment of a kernel: one thread, a card only when asked for, no one's profile."""
    hidden = {} if device == "cuda" else {"CUDA_VISIBLE_DEVICES": ""}
    own = {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "IPYTHONDIR": os.path.join(folder, ".ipython")}
    return os.environ | own | hidden


def _run_all(
    executed: NotebookNode,
    lost: set[int],
    verdicts: dict[str, Verdict],
    seed: int,
    environment: dict[str, str],
    folder: str,
    seconds: float,
) -> int | None:
    """Run the cells in a fresh kernel; return the place of the first that hangs or ends it.

    Checks that have a verdict are not run again; all other cells are, for the names they make.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    deadline = time.monotonic() + seconds
    resources = {"metadata": {"path": folder}}
    client = NotebookClient(executed, allow_errors=True, resources=resources, store_widget_state=False)
    client.shutdown_kernel = "immediate"
    client.log = logging.Logger("nbclient", logging.CRITICAL)  # a timeout becomes a verdict, said once
    quiet = {
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }  # what bypasses the kernel's messages
    with client.setup_kernel(env=environment, **quiet):
        for place, cell in enumerate(executed.cells):
            check = assignments.grade_id(cell) if assignments.role(cell) == "check" else ""
            if cell.cell_type != "code" or place in lost or check in verdicts:
                continue
            client.timeout = max(1, int(min(CELL_SECONDS, deadline - time.monotonic())))
            try:
                _seed(client, seed_of(seed, check), place)
                client.execute_cell(cell, place)
            except (CellTimeoutError, DeadKernelError) as error:
                hung = isinstance(error, CellTimeoutError)
                status = "timeout" if hung else "crashed"
                message = (
                    f"It took longer than {CELL_SECONDS:.0f} seconds." if hung else "It ended the kernel."
                )
                cell.outputs = [_note(status, message)]
                if check:
                    verdicts[check] = Verdict(check, status, message)
                return place
            if check:
                verdicts[check] = _verdict_of(cell, check)
    return None


def _seed(client: object, seed: int, place: int) -> None:
    """Seed the generators in the kernel, in a cell that leaves no trace in the notebook."""
    from nbformat.v4 import new_code_cell

    source = f"__import__('course_lib.device').device.seed_all({seed})"
    client.execute_cell(new_code_cell(source), place, store_history=False)  # type: ignore[attr-defined]


def _note(name: str, message: str) -> NotebookNode:
    from nbformat.v4 import new_output

    return new_output("error", ename=name, evalue=message, traceback=[f"{name}: {message}"])


def _verdict_of(cell: NotebookNode, check: str) -> Verdict:
    for output in cell.outputs:
        if output.output_type == "error":
            return verdict_on(check, output.ename, output.evalue)
    return Verdict(check, "passed")


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
                verdict = verdict_on(cell.check, type(error).__name__, str(error))
            if cell.check:
                verdicts.append(verdict)
    return verdicts


def verdict_on(check: str, error: str, message: str) -> Verdict:
    """Return the verdict on a check that ended with an exception, given its class's name and text."""
    if error == "AssertionError":
        return Verdict(check, "failed", message or "The check does not hold.")
    if error == "NotImplementedError":
        return Verdict(check, "failed", "Not answered yet: the answer still raises NotImplementedError.")
    status = "memory" if error == "MemoryError" else "error"
    return Verdict(check, status, f"{error}: {message}" if message else error)


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
