"""An examiner, the things that nobody may touch, and what is looked at after each attack."""

import copy
import dataclasses
import hashlib
import json
import os
import secrets
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import nbformat
import psutil
from nbformat.v4 import new_code_cell

from course_lib.grading import assignment as assignments
from course_lib.grading import examiner
from course_lib.grading.examiner import Examiner
from tests.grading.attacks import target

SEED = 1
HURRY = {"CELL_SECONDS": 3.0, "CHECK_SECONDS": 2.0, "CHECK_FACTOR": 0.0}
WHERE = Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of an attack."""

    statuses: dict[str, str]
    messages: dict[str, str]
    outputs: str  # all of them, as JSON
    notebook: nbformat.NotebookNode
    seconds: float

    @property
    def passed(self) -> set[str]:
        return {check for check, status in self.statuses.items() if status == "passed"}

    @property
    def told(self) -> str:
        return self.outputs + json.dumps(self.messages)


class Arena:
    """Everything that attacks aim at.

    Parameters
    ----------
    world : Path
        Outside: solutions, a gradebook, another student's folder.
    hurried : bool
        Whether cells and checks must end after seconds, and with 1 GiB of memory.
    """

    def __init__(self, world, hurried=False):
        self.world = world
        self.patience = mock.patch.multiple(examiner, **(HURRY if hurried else {"CELL_SECONDS": 60.0}))
        self.canary, self.word = f"canary{secrets.token_hex(12)}", f"word{secrets.token_hex(12)}"
        self.assignment = target.write(world, self.canary, self.word)
        for name in (
            "gradebook.db",
            "submitted/ada/98_target/target.ipynb",
            "solutions/98_target/answers.py",
        ):
            (world / name).parent.mkdir(parents=True, exist_ok=True)
            (world / name).write_text(f"{self.canary}\n")
        self.scratch = world / "scratch"  # where temporary files of this examiner are made
        self.scratch.mkdir()
        before = dict(os.environ), tempfile.tempdir, examiner._MODULES
        os.environ |= {"COURSE_CANARY": self.canary, "TMPDIR": str(self.scratch)}
        tempfile.tempdir = str(self.scratch)
        if hurried:
            os.environ["PYTHONPATH"] = str(WHERE)
            examiner._MODULES = (*examiner._MODULES, "hurry")
        try:
            self.examiner = Examiner(self.assignment, "bwrap", "cpu")
            examined, self.reference = self.examiner.examine_reference(SEED)
        finally:
            os.environ.clear()
            os.environ |= before[0]
            tempfile.tempdir, examiner._MODULES = before[1:]
        self.verdicts = examined.verdicts
        self.still = self._processes()
        self.outside = self._outside()
        self.honest = {v.check for v in examined.verdicts if v.status == "passed"}

    def close(self):
        self.examiner.close()

    # Notebooks

    def notebook(self, before="", answers=None, after="", checks=None, answered=False):
        """Return a restored notebook: answers (stubs if not given) and cells of the student's own.

        Parameters
        ----------
        before, after : str or list of str
            Source of the student's cells above the first answer, and below the last check.
        answers : dict
            Question -> source.
        checks : list of str
            Those to run; by default all.
        answered : bool
            Whether questions without an answer here have the right one.
        """
        notebook = copy.deepcopy(self.assignment.notebook)
        kept = []
        for cell in notebook.cells:
            name = assignments.grade_id(cell)
            if assignments.role(cell) == "answer":
                given = target.right(name) if answered else target.stub(name)
                cell.source = (answers or {}).get(name, given)
            asked = checks is None or name in checks or name in {check.split("-")[0] for check in checks}
            if not assignments.role(cell) or asked:  # answers that no check needs would only take time
                kept.append(cell)
        notebook.cells = [*kept[:2], *_own(before), *kept[2:], *_own(after)]
        return notebook

    # Attacks

    def examine(self, notebook):
        """Examine a notebook, and look at what is left of it and of everything else."""
        with self.patience:
            examined = self.examiner.examine(notebook, self.reference, SEED)
        outcome = Outcome(
            {v.check: v.status for v in examined.verdicts},
            {v.check: v.message for v in examined.verdicts},
            json.dumps([cell.get("outputs", []) for cell in examined.notebook.cells]),
            examined.notebook,
            examined.seconds,
        )
        assert set(outcome.statuses.values()) <= set(examiner.STATUSES)
        self.assert_quiet()
        assert self._outside() == self.outside, "something outside has changed"
        assert self.canary not in outcome.told, "something secret was told"
        return outcome

    def attack(self, before="", answers=None, after="", checks=None, gains=()):
        """Run an attack: it must gain nothing, harm nothing, and leave the next student's marks alone."""
        outcome = self.examine(self.notebook(before, answers, after, checks))
        assert outcome.passed == set(gains), {c: outcome.messages[c] for c in outcome.passed}
        self.assert_next_is_right()
        return outcome

    def noise(self, before="", answers=None, after=""):
        """Run a right answer with something harmless around it: it must have full marks."""
        outcome = self.examine(self.notebook(before, answers, after, answered=True))
        assert outcome.passed == self.honest, outcome.messages
        return outcome

    def assert_next_is_right(self):
        """The next student is right, and gets full marks."""
        checks = ["q1-values", "q2-random", "q5-total", "q6-root"]
        outcome = self.examine(self.notebook(checks=checks, answered=True))
        assert outcome.passed == set(checks), outcome.messages

    def assert_quiet(self):
        """No process of the last submission is left."""
        deadline = time.monotonic() + 5
        while self._processes() != self.still:
            assert time.monotonic() < deadline, "processes are left"
            time.sleep(0.01)

    def _processes(self):
        """Return how many processes belong to this examiner; new parents may have taken others' places."""
        parents = (self.examiner._kernels._process, self.examiner._examinations._process)
        try:
            return sum(len(psutil.Process(p.pid).children(recursive=True)) for p in parents)
        except psutil.NoSuchProcess:
            return -1

    def left(self):
        """Return the names of the temporary files of this examiner."""
        return {path.name for path in self.scratch.iterdir()}

    def _outside(self):
        """Return what everything outside looks like."""
        folders = (self.world, self.world / "submitted" / "ada")
        seen = {str(folder): sorted(path.name for path in folder.iterdir()) for folder in folders}
        for path in sorted(self.world.rglob("*")):
            if path.is_file() and self.scratch not in path.parents:
                seen[str(path)] = (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for folder in {Path(sys.prefix), Path(os.__file__).parent, Path(nbformat.__file__).parents[1]}:
            seen[str(folder)] = sorted(name for name in os.listdir(folder) if name != "__pycache__")
        return seen


def _own(sources):
    """Return cells of the student's own, as restoring a notebook marks them."""
    sources = [sources] if isinstance(sources, str) else sources
    return [new_code_cell(s, metadata={"course": {"extra": True}}) for s in sources if s]
