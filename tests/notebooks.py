"""Read and execute the course's notebooks; used by the tests and by ``make claims``."""

import csv
import os
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient
from nbformat import NotebookNode
from tqdm.auto import tqdm

ROOT = Path(__file__).parents[1]
LECTURES = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


@dataclass(frozen=True)
class Run:
    """An executed notebook and what it cost."""

    notebook: NotebookNode
    seconds: float
    slowest_cell: float
    peak_megabytes: float


def read(path: Path) -> NotebookNode:
    """Return a notebook as format version 4."""
    return nbformat.read(path, as_version=4)


def syllabus() -> dict[str, dict[str, str]]:
    """Return the rows of notebooks/syllabus.csv by concept id."""
    with open(ROOT / "notebooks/syllabus.csv", newline="", encoding="utf-8") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def concepts(cell: NotebookNode) -> list[str]:
    """Return the concept ids a cell is tagged with."""
    tags = cell.metadata.get("tags", [])
    return [tag.removeprefix("concept:") for tag in tags if tag.startswith("concept:")]


def execute(path: Path, *, env: dict[str, str] | None = None, kernel: str = "python3") -> Run:
    """Run every cell of a notebook in a fresh kernel, in the notebook's folder.

    Raises nbclient's ``CellExecutionError``, which shows the cell, at the first error.
    """
    notebook = read(path)
    client = NotebookClient(
        notebook,
        kernel_name=kernel,
        timeout=1800,
        record_timing=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    # One thread: on a busy machine, two threads that wait for each other are many times slower.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **(env or {})}
    start = time.perf_counter()
    with client.setup_kernel(env=environment), _PeakMemory(client.km.provisioner.pid) as memory:
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
    return Run(notebook, time.perf_counter() - start, max(map(_seconds, notebook.cells)), memory.megabytes)


class _PeakMemory:
    """Samples the resident memory of a process and its children while the block runs."""

    def __init__(self, pid: int) -> None:
        self.megabytes = 0.0
        self._process = psutil.Process(pid)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def _sample(self) -> None:
        while not self._stop.wait(0.05):
            try:
                family = [self._process, *self._process.children(recursive=True)]
                used = sum(process.memory_info().rss for process in family)
            except psutil.NoSuchProcess:  # a child ended between the two lines
                continue
            self.megabytes = max(self.megabytes, used / 2**20)

    def __enter__(self) -> "_PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()


def _seconds(cell: NotebookNode) -> float:
    times = cell.metadata.get("execution", {})
    if "shell.execute_reply" not in times:
        return 0.0
    begin, end = (datetime.fromisoformat(times[key]) for key in ("iopub.status.busy", "shell.execute_reply"))
    return (end - begin).total_seconds()


def record_claims(target: Path = ROOT / "notebooks/claims.csv") -> None:
    """Run every lecture with ten seeds and write the table of claims anew, for ``make claims``."""
    header = "claim,setting,mean,sd,n,date,versions\n"
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "claims.csv"
        record.write_text(header, encoding="utf-8")
        for path in tqdm(LECTURES, desc="lectures"):
            execute(path, env={"COURSE_SEEDS": "10", "COURSE_CLAIMS": str(record)})
        target.write_text(record.read_text(encoding="utf-8"), encoding="utf-8")
    print(f"{target}: {len(target.read_text(encoding='utf-8').splitlines()) - 1} claims")


if __name__ == "__main__":
    record_claims()
