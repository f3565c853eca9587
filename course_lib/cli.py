"""The ``course`` command."""

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

_DISTRIBUTION = "course-lib"


@click.group()
@click.version_option(package_name=_DISTRIBUTION)
def main() -> None:
    """Look after the course: check this machine, fetch data."""


@main.command()
def doctor() -> None:
    """Say whether this machine can run the course, and what to do where it cannot."""
    findings = list(_examine())
    for finding in findings:
        click.echo(finding.line())
    if any(finding.level == "PROBLEM" for finding in findings):
        click.echo("\nThe course cannot run here yet: follow the arrows above, then run this again.")
        sys.exit(1)
    click.echo("\nYou can start: open notebooks/00_start_here.ipynb.")


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


def _python() -> _Finding:
    state = f"{platform.python_version()} on {platform.platform(terse=True)}"
    return _Finding("ok", "Python", state)


def _packages() -> Iterator[_Finding]:
    """Check every package of the core against the bounds in pyproject.toml."""
    from packaging.requirements import Requirement

    for text in importlib.metadata.requires(_DISTRIBUTION) or []:
        requirement = Requirement(text)
        if requirement.marker is not None and "extra" in str(requirement.marker):
            continue
        name, wanted = requirement.name, str(requirement.specifier)
        remedy = f'pip install "{name}{wanted}"'
        if name == "torch":
            remedy += " (without an NVIDIA card add --index-url https://download.pytorch.org/whl/cpu)"
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield _Finding("PROBLEM", name, "not installed", remedy)
            continue
        if requirement.specifier.contains(version, prereleases=True):
            yield _Finding("ok", name, version)
        else:
            yield _Finding("PROBLEM", name, f"{version}, but the course needs {wanted}", remedy)


def _torch() -> Iterator[_Finding]:
    """Check that torch computes, and say on what."""
    try:
        import torch

        from course_lib.device import device

        gradient = torch.ones(2, requires_grad=True)
        (gradient**2).sum().backward()
        assert gradient.grad is not None
        chosen = device()
        state = torch.cuda.get_device_name() if chosen.type == "cuda" else "CPU"
        threads = torch.get_num_threads()
    except Exception as error:  # whatever it is, the student wants to hear of it
        remedy = "reinstall it: pip install --force-reinstall torch"
        yield _Finding("PROBLEM", "torch", f"does not work: {type(error).__name__}: {error}", remedy)
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
        remedy = "reinstall the course: pip install --force-reinstall --no-deps course-lib, or make lab"
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
    found = []
    for name in ("jupyterlab", "notebook"):
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if int(version.split(".")[0]) >= {"jupyterlab": 4, "notebook": 7}[name]:
            found.append(f"{name} {version}")
    if not found:
        remedy = 'pip install "jupyterlab>=4.2" (VS Code and Colab bring their own)'
        return _Finding("note", "widgets", "no JupyterLab 4 or Notebook 7 here", remedy)
    try:
        importlib.metadata.version("jupyterlab-widgets")
    except importlib.metadata.PackageNotFoundError:
        remedy = "pip install jupyterlab-widgets, then restart JupyterLab"
        return _Finding("PROBLEM", "widgets", "JupyterLab would show no demo", remedy)
    return _Finding("ok", "widgets", " and ".join(found))


if __name__ == "__main__":
    main()
