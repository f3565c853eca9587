"""The ``course`` command."""

import importlib
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from course_lib import _files

_DISTRIBUTION = "course-lib"
_MODULES = {"ipython": "IPython", "scikit-learn": "sklearn"}  # where the name to import is another
_CHECKOUT = _files.checkout()


class _Group(click.Group):
    """Adds the instructors' commands where their half of the course is there, and imports it only then."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *self._instructors()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name) or self._instructors().get(cmd_name)

    @staticmethod
    def _instructors() -> dict[str, click.Command]:
        try:
            commands = importlib.import_module("course_lib.grading.commands")
        except ModuleNotFoundError as error:  # the students' copy
            if not str(error.name).startswith("course_lib.grading"):
                raise
            return {}
        return dict(commands.COMMANDS)


@click.group(cls=_Group)
@click.version_option(package_name=_DISTRIBUTION)
def main() -> None:
    """Look after the course: check this machine, fetch data, and what instructors need."""


@main.command()
@click.option("--instructor", is_flag=True, help="Also say whether students' submissions can be graded.")
def doctor(instructor: bool) -> None:
    """Say whether this machine can run the course, and what to do where it cannot."""
    findings = [*_examine(), *(_grading() if instructor else ())]
    for finding in findings:
        click.echo(finding.line())
    if any(finding.level == "PROBLEM" for finding in findings):
        click.echo("\nThe course cannot run here yet: follow the arrows above, then run this again.")
        sys.exit(1)
    start = "grade: see docs/grading.md" if instructor else "start: open notebooks/00_start_here.ipynb"
    click.echo(f"\nYou can {start}.")


@main.command()
@click.argument("names", nargs=-1)
def data(names: tuple[str, ...]) -> None:
    """List the data sets, or fetch the NAMES given into the cache."""
    from course_lib import data as datasets

    if not names:
        for name, description, network in datasets.names():
            there = (
                "included" if not network else "downloaded" if datasets.cached(name) else "needs the network"
            )
            click.echo(f"{name:15} {there:18} {description}")
        return
    for name in names:
        try:
            datasets.load(name)
        except (ValueError, OSError) as error:
            raise click.ClickException(str(error)) from error
        click.echo(f"{name}: ready")


@dataclass(frozen=True)
class _Finding:
    """One line of the doctor's report; level is ``ok``, ``note`` or ``PROBLEM``."""

    level: str
    subject: str
    state: str
    remedy: str = ""

    def line(self) -> str:
        line = f"{self.level:8}{self.subject:16}{self.state}"
        return f"{line}\n{'':24}→ {self.remedy}" if self.remedy else line


def _examine() -> Iterator[_Finding]:
    yield _python()
    yield from _packages()
    yield from _torch()
    yield _disk(Path.cwd(), "disk (here)", 0.2)
    yield _writable(Path.cwd())
    yield from _data()
    yield _widgets()


def _grading() -> Iterator[_Finding]:
    """Say whether submissions can be graded behind walls, by building them."""
    try:
        from course_lib.grading import sandbox
    except ModuleNotFoundError as error:
        if str(error.name).startswith("course_lib"):
            yield _Finding("PROBLEM", "grading", "this is the students' copy of the course")
        else:
            yield _Finding(
                "PROBLEM", "grading", f"{error.name} is missing", _repair("course-lib[instructor]")
            )
        return
    problems = sandbox.missing()
    for problem in problems:
        what, _, remedy = problem.partition(": ")
        yield _Finding("PROBLEM", "walls", what, remedy)
    if not problems:
        yield _Finding("ok", "walls", "stand: students' code sees no network, no files, no other process")


def _python() -> _Finding:
    state = f"{platform.python_version()} on {platform.platform(terse=True)}"
    return _Finding("ok", "Python", state)


def _packages() -> Iterator[_Finding]:
    """Import every package of the core, and compare its version with the bounds in pyproject.toml."""
    from packaging.requirements import Requirement

    for text in importlib.metadata.requires(_DISTRIBUTION) or []:
        requirement = Requirement(text)
        if requirement.marker is None or "extra" not in str(requirement.marker):
            yield _package(requirement.name, str(requirement.specifier))


def _package(name: str, wanted: str) -> _Finding:
    from packaging.specifiers import SpecifierSet

    try:
        version = importlib.metadata.version(name)
        importlib.import_module(_MODULES.get(name, name.replace("-", "_")))
    except importlib.metadata.PackageNotFoundError:
        return _Finding("PROBLEM", name, "not installed", _repair(name + wanted))
    except Exception as error:  # whatever it is, the student wants to hear of it
        state = f"cannot be imported: {type(error).__name__}: {error}"
        return _Finding("PROBLEM", name, state, _repair(name + wanted))
    if SpecifierSet(wanted).contains(version, prereleases=True):
        return _Finding("ok", name, version)
    return _Finding("PROBLEM", name, f"{version}, but the course needs {wanted}", _repair(name + wanted))


def _repair(requirement: str) -> str:
    """Say how to install a package into the environment that this command runs in."""
    if _CHECKOUT and Path(sys.prefix) == _CHECKOUT / ".venv":
        return "make repair (Windows: py bootstrap.py repair) makes the environment anew"
    cpu = " --extra-index-url https://download.pytorch.org/whl/cpu" if "torch" in requirement else ""
    return f'"{sys.executable}" -m pip install --force-reinstall{cpu} "{requirement}"'


def _torch() -> Iterator[_Finding]:
    """Check that torch computes, and say on what."""
    try:
        import torch

        from course_lib.device import device

        gradient = torch.ones(2, requires_grad=True)
        (gradient**2).sum().backward()
        state = torch.cuda.get_device_name() if device().type == "cuda" else "CPU"
        threads = torch.get_num_threads()
    except Exception as error:  # whatever it is, the student wants to hear of it
        state = f"does not compute: {type(error).__name__}: {error}"
        yield _Finding("PROBLEM", "torch", state, _repair("torch"))
        return
    yield _Finding("ok", "device", state)
    yield _Finding("ok", "threads", f"{threads} of {os.cpu_count()} cores")


def _disk(folder: Path, subject: str, needed: float) -> _Finding:
    free = shutil.disk_usage(folder).free / 1e9
    if free >= needed:
        return _Finding("ok", subject, f"{free:.1f} GB free")
    remedy = f"free at least {needed:g} GB on the disk that holds {folder}"
    return _Finding("PROBLEM", subject, f"{free:.2f} GB free", remedy)


def _writable(folder: Path) -> _Finding:
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        remedy = "copy the course to a folder of your own, such as your home folder"
        return _Finding("PROBLEM", "folder", f"{folder} cannot be written ({error.strerror})", remedy)
    return _Finding("ok", "folder", str(folder))


def _data() -> Iterator[_Finding]:
    """Check that the embedded data loads, and say where downloads are kept."""
    try:
        from course_lib import data as datasets

        rows = len(datasets.load("digits").train.X) + len(datasets.load("glyphs", n=100).train.X)
        downloads = {name: datasets.cached(name) for name, _, network in datasets.names() if network}
        cache = datasets.cache_folder()
    except Exception as error:  # whatever it is, the student wants to hear of it
        remedy = "fetch the course anew (git clone, or the first cell of a notebook on Colab)"
        yield _Finding("PROBLEM", "data", f"does not load: {type(error).__name__}: {error}", remedy)
        return
    yield _Finding("ok", "data", f"included sets load ({rows} images looked at)")
    missing = [name for name, there in downloads.items() if not there]
    remedy = f"no lecture needs them; to fetch: course data {' '.join(missing)}" if missing else ""
    state = f"{len(downloads) - len(missing)} of {len(downloads)} in {cache}"
    yield _Finding("note" if missing else "ok", "downloads", state, remedy)


def _widgets() -> _Finding:
    """Find a front end that draws the interactive demos."""
    if "google.colab" in sys.modules or "COLAB_RELEASE_TAG" in os.environ:
        return _Finding("ok", "widgets", "drawn by Colab")
    found: list[str] = []
    problems: list[str] = []
    for name, wanted in (("jupyterlab", ">=4"), ("notebook", ">=7")):
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        finding = _package(name, wanted)
        (found if finding.level == "ok" else problems).append(f"{name} {finding.state}")
    if not found and not problems:
        remedy = f"{_repair('jupyterlab>=4.2')} (VS Code and Colab bring their own)"
        return _Finding("note", "widgets", "no JupyterLab 4 or Notebook 7 here", remedy)
    drawing = _package("jupyterlab-widgets", "")
    if not found or drawing.level != "ok":
        problems += [] if drawing.level == "ok" else [f"jupyterlab-widgets {drawing.state}"]
        return _Finding("PROBLEM", "widgets", "; ".join(problems), _repair("jupyterlab"))
    return _Finding("ok", "widgets", " and ".join(found))


if __name__ == "__main__":
    main()
