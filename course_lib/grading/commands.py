"""The instructors' part of the ``course`` command."""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import click

_folder = click.Path(file_okay=False, path_type=Path)
_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("assignments", metavar="[ASSIGNMENT]...", nargs=-1)
@click.option("--workers", default=os.cpu_count() or 1, show_default=True, help="Answers tried at a time.")
def release(assignments: tuple[str, ...], workers: int) -> None:
    """Write the students' version of ASSIGNMENTs (all of them) into assignments/.

    Refuses an assignment that gives something away, whose reference fails, or whose checks let wrong
    answers or mutants pass.
    """
    with _plain_errors():
        from course_lib.grading import assignment as sources
        from course_lib.grading.release import release as release_one

        refused = 0
        for name in assignments or sources.names():
            table, problems = release_one(sources.load(name), workers=workers)
            if table:
                click.echo(table + "\n")
            for problem in problems:
                click.echo(f"refused: {problem}", err=True)
            refused += bool(problems)
            if not problems:
                click.echo(f"released: assignments/{name}\n")
    sys.exit(1 if refused else 0)


@click.command()
@click.argument("assignment")
@click.option("--submissions", type=_folder, required=True, help="Holds a folder for each student.")
@click.option("--out", type=_folder, required=True, help="Where results, gradebook and feedback are kept.")
@click.option("--workers", default=os.cpu_count() or 1, show_default=True, help="Submissions at a time.")
@click.option("--scheduler", metavar="tcp://…", help="Let the workers of this Dask scheduler grade.")
@click.option("--isolation", type=click.Choice(["bwrap", "none"]), default="bwrap", show_default=True)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option(
    "--seed", type=int, help="Of the hidden inputs. By default that of the run before, or a new one."
)
@click.option("--db", default="", metavar="URL", help="The gradebook's address, instead of a file in --out.")
def grade(
    assignment: str,
    submissions: Path,
    out: Path,
    workers: int,
    scheduler: str | None,
    isolation: Literal["bwrap", "none"],
    device: str,
    seed: int | None,
    db: str,
) -> None:
    """Grade what students handed in for ASSIGNMENT.

    Each student's notebook is expected in SUBMISSIONS/STUDENT/ASSIGNMENT/. Run it again after an
    interruption, or when more was handed in: what was graded already is not graded twice.
    """
    if isolation == "none":
        click.echo(
            "Without isolation: students' code runs with your rights, on your files, with your network. Use "
            "it for code you trust, or on a machine that holds nothing else.",
            err=True,
        )
    with _plain_errors():
        from course_lib.grading import assignment as sources
        from course_lib.grading import farm

        source = sources.load(assignment)
        seed = farm.choose_seed(out, source, seed)
        run = farm.Run(source, submissions, out, seed, device, isolation)
        try:
            graded = farm.grade(run, workers=workers, scheduler=scheduler, db=db)
        except KeyboardInterrupt:
            click.echo("\nInterrupted. What was graded is kept: run the same command to go on.", err=True)
            sys.exit(130)
    kinds = Counter(result.submission for result in graded.results)
    for change in graded.changes:
        click.echo(f"changed: {change}")
    counted = ", ".join(f"{kinds[kind]} {kind}" for kind in ("intact", "repaired", "malformed", "missing"))
    click.echo(f"{len(graded.results)} submissions ({counted}), {graded.graded} graded now; seed {seed}.")
    click.echo(f"{out / 'grades.csv'}, {out / 'summary.csv'}, pages in {out / 'feedback'}")
    click.echo(f"Formgrader: cd {out} && jupyter lab, then menu Nbgrader → Formgrader.")
    _tell(graded.problems)


@click.command()
@click.argument("assignment")
@click.argument("archive", type=_file)
@click.option("--submissions", type=_folder, required=True, help="Gets a folder for each student.")
def collect(assignment: str, archive: Path, submissions: Path) -> None:
    """Sort the submissions in ARCHIVE, a zip from Moodle or Canvas, into folders to grade.

    In Moodle: View all submissions → Download all submissions. In Canvas: Download submissions.
    """
    with _plain_errors():
        from course_lib.grading import assignment as sources
        from course_lib.grading import lms

        name = sources.load(assignment).name
        collected = lms.collect(archive, name, submissions)
    same = len(collected.students) - len(collected.written)
    click.echo(f"{collected.lms}: {len(collected.students)} students, {same} of them with nothing new.")
    click.echo(f"Next: course grade {name} --submissions {submissions} --out graded")
    _tell(collected.problems)


@click.command()
@click.argument("assignment")
@click.option("--submissions", type=_folder, required=True, help="Holds the students.csv of course collect.")
@click.option("--out", type=_folder, required=True, help="Where course grade has written.")
@click.option(
    "--to",
    type=_file,
    required=True,
    help="Moodle's grading worksheet or Canvas's gradebook; a copy is filled.",
)
@click.option("--column", default="", help="The assignment's column in Canvas, where its name does not tell.")
def export(assignment: str, submissions: Path, out: Path, to: Path, column: str) -> None:
    """Take the scores and pages of ASSIGNMENT back to Moodle or Canvas.

    In Moodle: Download grading worksheet; then Upload grading worksheet, and Upload multiple feedback files
    in a zip. In Canvas: Grades → Export; then Import, and Re-upload submissions.
    """
    with _plain_errors():
        from course_lib.grading import assignment as sources
        from course_lib.grading import handback

        name = sources.load(assignment).name
        exported = handback.export(name, out, to, submissions, column)
    click.echo(f"{exported.filled} grades for {exported.lms}: {exported.grades}")
    if exported.feedback:
        click.echo(f"Pages: {exported.feedback}")
    for note in exported.notes:
        click.echo(note)
    _tell(exported.problems)


@click.command()
@click.argument("assignment")
@click.option("--out", type=_folder, required=True, help="Where course grade has written.")
def report(assignment: str, out: Path) -> None:
    """Draw how the class did on ASSIGNMENT: scores, each check, the hints met most, times."""
    with _plain_errors():
        from course_lib.grading import assignment as sources
        from course_lib.grading import report as reports

        made = reports.report(out, sources.load(assignment).name)
    counted = ", ".join(f"{count} {kind}" for kind, count in sorted(made.counts.items()))
    click.echo(f"{sum(made.counts.values())} submissions ({counted}), {len(made.scores)} in the figures.")
    click.echo(f"{made.folder / 'index.html'}, {made.folder / 'checks.csv'}, {made.folder / 'hints.csv'}")
    _tell(made.problems)


@click.command()
@click.argument("repository", metavar="OWNER/NAME")
def fork(repository: str) -> None:
    """Write an address into badges, set-up cells and pyproject.toml: where students will find the course."""
    with _plain_errors():
        from course_lib.grading import copies

        changed = copies.fork(repository)
    for path in changed:
        click.echo(f"changed: {path}")
    click.echo("Commit these and push; the badges open your copy then." if changed else "Nothing to change.")


@click.command(name="student-copy")
@click.argument("folder", type=click.Path(path_type=Path))
def student_copy(folder: Path) -> None:
    """Write the public half of the course into FOLDER: no solutions, nothing that leaks them."""
    with _plain_errors():
        from course_lib.grading import copies

        count = copies.student_copy(folder)
    click.echo(f"{count} files in {folder}. To publish: cd {folder} && git init && git add . && git commit")


COMMANDS = {
    command.name: command for command in (release, collect, grade, report, export, fork, student_copy)
}


def _tell(problems: tuple[str, ...]) -> None:
    """Say what a person has to look at, and end with an exit code that says so."""
    for problem in problems:
        click.echo(f"look at: {problem}", err=True)
    sys.exit(1 if problems else 0)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn what the user can put right into one sentence."""
    try:
        from course_lib.grading.assignment import AssignmentError
    except ModuleNotFoundError as error:
        raise _needs_packages(error) from error
    try:
        yield
    except AssignmentError as error:
        raise click.ClickException(str(error)) from error
    except ModuleNotFoundError as error:
        raise _needs_packages(error) from error


def _needs_packages(error: ModuleNotFoundError) -> click.ClickException:
    return click.ClickException(
        f"This needs the instructors' packages ({error.name} is missing): "
        f'"{sys.executable}" -m pip install -e ".[instructor]"'
    )
