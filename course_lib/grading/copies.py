"""Copies of the course: an instructor's own, and the one that students get."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

from course_lib import _files
from course_lib.grading.assignment import AssignmentError

# What students must not get: the solutions, and what is only about them.
PRIVATE = (
    "solutions",
    "course_lib/grading",
    "tests/grading",
    "benchmarks/grading.py",
    "tests/test_assignments.py",
    "tests/browser/test_formgrader.py",
    "tests/verify.py",
    "tests/verified.json",
    "nbgrader_config.py",
)


def fork(repository: str) -> list[str]:
    """Write another repository's address wherever the course names its own.

    Parameters
    ----------
    repository : str
        ``"OWNER/NAME"`` on GitHub, or the address that ends so.

    Returns
    -------
    list of str
        The files that were changed.

    Raises
    ------
    AssignmentError
        When this is no GitHub repository's name, or not a checkout.
    """
    repository = repository.removeprefix("https://github.com/").rstrip("/").removesuffix(".git")
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?/[A-Za-z0-9._-]+", repository):
        raise AssignmentError(f"Expected OWNER/NAME, the end of a GitHub address, got {repository!r}.")
    root = _root()
    old = _repository(root)
    address = re.compile(rf"(github\.com/|/github/|/gh/){re.escape(old)}(?![A-Za-z0-9._-])")
    changed = []
    for path in _tracked(root):
        try:
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:  # a picture
            continue
        new = address.sub(lambda match: match[1] + repository, text)
        if new != text:
            path.write_bytes(new.encode("utf-8"))
            changed.append(path.relative_to(root).as_posix())
    return changed


def student_copy(folder: Path) -> int:
    """Write the files that students may have into a new folder; return their number.

    Raises
    ------
    AssignmentError
        When the folder exists and is not empty, or this is not a checkout.
    """
    root = _root()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AssignmentError(f"{folder} is not empty: name a new folder.")
    if folder.resolve().is_relative_to(root):
        raise AssignmentError(f"{folder} lies in this course: name a folder outside it.")
    public = [path for path in _tracked(root) if not _is_private(path.relative_to(root).as_posix())]
    for path in public:
        target = folder / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target, follow_symlinks=False)
    _without_walls(folder / "pyproject.toml")
    return len(public)


def _without_walls(path: Path) -> None:
    """Take out of the students' pyproject.toml how Jupyter finds the kernels that submissions run in."""
    text = path.read_text(encoding="utf-8")
    table = r"(?:#[^\n]*\n)*\[project\.entry-points[^\n]*\n(?:[^\[\n][^\n]*\n)*\n"
    path.write_text(re.sub(table, "", text), encoding="utf-8", newline="")


def _is_private(path: str) -> bool:
    return any(path == private or path.startswith(private + "/") for private in PRIVATE)


def _root() -> Path:
    root = _files.checkout()
    if root is None:
        raise AssignmentError("This works in a checkout of the course: git clone it first.")
    return root


def _repository(root: Path) -> str:
    """Return OWNER/NAME as pyproject.toml has it."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["urls"]["Repository"]).removeprefix("https://github.com/")


def _tracked(root: Path) -> list[Path]:
    """Return the files that belong to the course: what git tracks, and new files it would."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, check=False)
    if listed.returncode:
        raise AssignmentError(f"git says: {listed.stderr.decode('utf-8', 'replace').strip()}")
    names = sorted(set(listed.stdout.decode("utf-8", "surrogateescape").split("\0")) - {""})
    return [root / name for name in names if (root / name).is_file()]
