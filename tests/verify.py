"""What takes too long for every test run: ``make verify`` does it, and records it in verified.json.

Each part has a hash of the files it speaks of. ``make verify`` repeats the parts whose files have
changed since; ``make test`` fails while there are any.
"""

import csv
import hashlib
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests import notebooks

ROOT = notebooks.ROOT
REPORT = ROOT / "tests" / "verified.json"
CLASS = 500  # submissions
KILLS = 20

_MODULES = ("_files", "_widget", "checking", "device", "plotting", "quiz", "training")  # that lectures use
_STUDENTS_HALF = [
    *(f"course_lib/{module}.py" for module in _MODULES),
    *("course_lib/data/*.py", "course_lib/demos/*.py", "data/*.npz", "data/*.csv"),
]
_GRADER = [
    "course_lib/checking.py",
    "course_lib/device.py",
    "course_lib/grading/walls/*.py",
    *(
        f"course_lib/grading/{module}.py"
        for module in ("assignment", "border", "examiner", "farm", "records", "restore", "sandbox")
    ),
]


def parts() -> dict[str, list[str]]:
    """Return the parts, each with the patterns of the files it speaks of."""
    found = {}
    for path in notebooks.LECTURES:
        found[f"second run of {path.stem}"] = [f"notebooks/{path.name}", *_STUDENTS_HALF]
    found["claims"] = ["notebooks/*.ipynb", *_STUDENTS_HALF]
    for path in sorted((ROOT / "solutions").glob("*/*.ipynb")):
        name = path.parent.name
        modules = ["assignment", "examiner", "mutants", "trial", "release"]
        grader = [f"course_lib/grading/{module}.py" for module in modules]
        found[f"mutants of {name}"] = [f"solutions/{name}/*", "course_lib/checking.py", *grader]
    found[f"{CLASS} submissions"] = ["solutions/00_start_here/*", *_GRADER]
    found[f"{KILLS} kills"] = _GRADER
    return found


def fingerprint(part: str) -> str:
    """Return a hash of the names and contents of a part's files; of notebooks, what runs."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in parts()[part] for path in ROOT.glob(pattern) if path.is_file()}):
        content = _code(path) if path.suffix == ".ipynb" else path.read_bytes()
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + content + b"\0")
    return digest.hexdigest()


def _code(path: Path) -> bytes:
    """Return the code cells of a notebook: prose may be improved without running everything again."""
    cells = [cell for cell in notebooks.read(path).cells if cell.cell_type == "code"]
    return json.dumps([[cell.source, cell.metadata] for cell in cells], sort_keys=True).encode()


def report() -> dict[str, dict[str, Any]]:
    """Return what was recorded, by part."""
    return json.loads(REPORT.read_text(encoding="utf-8")) if REPORT.is_file() else {}


def stale() -> list[str]:
    """Return the parts whose files have changed since they were verified."""
    recorded = report()
    return [part for part in parts() if recorded.get(part, {}).get("files") != fingerprint(part)]


def second_run(lecture: str) -> str:
    """Run a lecture twice; both must print the same numbers and draw the same pictures."""
    path = ROOT / "notebooks" / f"{lecture}.ipynb"
    first, second = (_shown(notebooks.execute(path).notebook) for _ in range(2))
    differing = sorted({place for place, _ in set(first) ^ set(second)})
    assert not differing, f"{path.name}: two runs differ in cells {differing}"
    return f"{len(first)} outputs, the same in both runs"


def _shown(notebook: Any) -> list[tuple[int, str]]:
    """Return what each cell shows; cells that measure time, and widgets, are left out."""
    shown = []
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or "timing" in cell.metadata.get("tags", []):
            continue
        for output in cell.outputs:
            data = output.get("data", {})
            if not any("widget-view" in kind for kind in data):
                shown.append(
                    (place, output.get("text") or data.get("image/png") or data.get("text/plain", ""))
                )
    return shown


def claims() -> str:
    """Run every claim with ten seeds again; the recorded table must come out, date and versions apart."""
    with open(ROOT / "notebooks/claims.csv", newline="", encoding="utf-8") as file:
        recorded = {(row["claim"], row["setting"]): row for row in csv.DictReader(file)}
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "claims.csv"
        notebooks.record_claims(target)
        with open(target, newline="", encoding="utf-8") as file:
            now = {(row["claim"], row["setting"]): row for row in csv.DictReader(file)}
    assert now.keys() == recorded.keys(), f"other claims than recorded: {now.keys() ^ recorded.keys()}"
    for key, row in now.items():
        error = float(recorded[key]["sd"]) / int(row["n"]) ** 0.5
        difference = abs(float(row["mean"]) - float(recorded[key]["mean"]))
        assert difference <= error + 0.01 * abs(float(row["mean"])), f"{key}: {row} against {recorded[key]}"
    return f"{len(now)} claims with ten seeds, as recorded"


def mutants(name: str) -> str:
    """Try every mutant of an assignment, and every answer."""
    from course_lib.grading import assignment, release
    from course_lib.grading.trial import trial

    source = assignment.load(name)
    result = trial(source, release.released(source))
    assert not result.problems(), "\n".join([result.table(), *result.problems()])
    print(result.table())
    counted = result.counted()
    equivalent = len(result.of("mutant")) - len(counted)
    return (
        f"{sum(o.ok for o in counted)} of {len(counted)} mutants caught, {equivalent} equivalent; "
        f"{len(result.of('wrong'))} wrong answers caught, {len(result.of('right'))} right ones accepted"
    )


def submissions() -> str:
    """Grade a large class, part of it damaged in every way we know; every mark is known beforehand."""
    from course_lib.grading import assignment, farm, release
    from tests.grading import classroom, damage

    source = assignment.load("00_start_here")
    rng = random.Random(0)
    blank = release.released(source)
    mended = [one for one in damage.DAMAGES.values() if one.ends == "same" and not one.differs]
    students = [classroom.student(f"s{i:03}", source, blank, rng) for i in range(CLASS - len(mended))]
    right = damage.submission(source, blank)
    checks = frozenset(check.name for check in source.checks if check.kind != "manual")
    with tempfile.TemporaryDirectory() as folder:
        submitted, out = Path(folder) / "submitted", Path(folder) / "graded"
        classroom.hand_in(students, source, submitted)
        for number, one in enumerate(mended, start=len(students)):
            students.append(classroom.Student(f"s{number:03}", right, checks, frozenset()))
            one.write(right, blank, submitted / f"s{number:03}" / source.name)
        run = farm.Run(source, submitted, out, seed=1, device="cpu", isolation="bwrap")
        start = time.perf_counter()
        first = farm.grade(run)
        minutes = (time.perf_counter() - start) / 60
        tables = [(out / name).read_bytes() for name in ("grades.csv", "summary.csv")]
        assert not first.problems
        again = farm.grade(run)
        assert again.graded == 0, "a second run grades nothing anew"
        assert tables == [(out / name).read_bytes() for name in ("grades.csv", "summary.csv")]
    for student, result in zip(students, first.results, strict=True):
        passed = {verdict.check for verdict in result.verdicts if verdict.status == "passed"}
        assert student.passes <= passed, f"{student.name} lost marks: {student.passes - passed}"
        assert not student.fails & passed, f"{student.name} won marks: {student.fails & passed}"
    return (
        f"graded in {minutes:.0f} minutes, {len(mended)} of them damaged, every mark as expected; a second "
        "run changed no byte"
    )


def kills() -> str:
    """Kill processes of the grader at random moments; the tables must come out as undisturbed."""
    from tests.grading import kills as killing

    hit = Counter(killing.survived(KILLS, seed=0))
    told = ", ".join(f"{count} × {what}" for what, count in hit.most_common())
    return f"{told}; started again, the same tables"


def _work(part: str) -> Callable[[], str]:
    kind, _, name = part.partition(" of ")
    if kind == "second run":
        return lambda: second_run(name)
    if kind == "mutants":
        return lambda: mutants(name)
    return {"claims": claims, f"{KILLS} kills": kills}.get(part, submissions)


def main(wanted: list[str]) -> int:
    """Verify the parts whose names contain one of the words wanted, by default those that are stale."""
    chosen = [part for part in parts() if any(word in part for word in wanted)] if wanted else stale()
    for part in chosen:
        print(f"{part} …", flush=True)
        files = fingerprint(part)
        try:
            result = _work(part)()
        except AssertionError as error:
            print(f"{part}: {error}", file=sys.stderr)
            return 1
        recorded = report()  # read anew: another run may have finished a part meanwhile
        recorded[part] = {"files": files, "date": datetime.now(UTC).date().isoformat(), "result": result}
        ordered = {part: recorded[part] for part in parts() if part in recorded}
        REPORT.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"{part}: {result}", flush=True)
    print("Nothing is stale." if not stale() else f"Stale: {', '.join(stale())}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
