"""What happens to notebooks on their way: a table of damages, and how each must end."""

import ast
import copy
import io
import json
import os
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import nbformat
from nbformat import NotebookNode, v4
from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions

from course_lib.grading.assignment import Assignment, grade_id, role


@dataclass(frozen=True)
class Damage:
    """One thing that happens; ``write`` is given the submission, the release, and a folder to make."""

    write: Callable[[NotebookNode, NotebookNode, Path], None]
    ends: Literal["same", "quarantined", "missing"]  # same: the answers are those of the intact submission
    differs: tuple[str, ...] = ()  # but for these questions
    change: Callable[[NotebookNode, NotebookNode], None] | None = None  # what is done to the notebook


DAMAGES: dict[str, Damage] = {}


def released(assignment: Assignment) -> NotebookNode:
    """Return what students get."""
    notebook = copy.deepcopy(assignment.notebook)
    for step in (ClearSolutions(), ClearHiddenTests()):
        notebook, _ = step.preprocess(notebook, {})
    return notebook


def submission(assignment: Assignment, release: NotebookNode) -> NotebookNode:
    """Return a release with right answers that are not the reference's: its local names are renamed.

    A line in each answer says whose it is ("my q1"), so that damages find it again.
    """
    notebook = copy.deepcopy(release)
    for cell, master in zip(notebook.cells, assignment.notebook.cells, strict=True):
        if role(cell) == "answer":
            cell.source = f"# my {grade_id(cell)}\n" + ast.unparse(_Renamed().visit(ast.parse(master.source)))
        elif role(cell) == "manual":
            cell.source = f"This is my {grade_id(cell)}.\n\nA bird, a microphone & a café.\n\nThe end."
    return notebook


class _Renamed(ast.NodeTransformer):
    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        arguments = {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
        names = [name for name in ast.walk(node) if isinstance(name, ast.Name)]
        local = {name.id for name in names if isinstance(name.ctx, ast.Store)} - arguments
        for name in names:
            name.id = f"my_{name.id}" if name.id in local else name.id
        return node


def write(notebook: dict, folder: Path) -> Path:
    """Write a notebook, valid or not, under the name that is expected in this folder."""
    return _put(folder, json.dumps(notebook, ensure_ascii=False, indent=1).encode())


def _put(folder: Path, content: bytes, name: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name or expected(folder))
    path.write_bytes(content)
    return path


def expected(folder: Path) -> str:
    return f"{folder.name.split('_', 1)[1]}.ipynb"


def find(notebook: NotebookNode, question: str) -> int | None:
    """Return the index of the answer that :func:`submission` wrote; None when it is gone."""
    places = (i for i, cell in enumerate(notebook.cells) if f" my {question}" in cell.source[:20])
    return next(places, None)


# --- what happens to the notebook: these can be combined


def happens(*differs: str) -> Callable:
    """Register a change to the notebook."""

    def register(change: Callable[[NotebookNode, NotebookNode], None]) -> Callable:
        def written(notebook: NotebookNode, release: NotebookNode, folder: Path) -> None:
            notebook = copy.deepcopy(notebook)
            change(notebook, release)
            write(notebook, folder)

        DAMAGES[change.__name__] = Damage(written, "same", differs, change)
        return change

    return register


def _new_id() -> str:
    return uuid.uuid4().hex[:8]


def _stub(release: NotebookNode, question: str) -> NotebookNode:
    return copy.deepcopy(next(cell for cell in release.cells if grade_id(cell) == question))


def _checks(notebook: NotebookNode, release: NotebookNode) -> list[NotebookNode]:
    lines = {cell.source.split("\n")[0] for cell in release.cells if role(cell) == "check"}
    return [cell for cell in notebook.cells if cell.source.split("\n")[0] in lines]


@happens()
def answer_duplicated(notebook, release):
    if (at := find(notebook, "q1")) is not None:
        notebook.cells.insert(at + 1, {**copy.deepcopy(notebook.cells[at]), "id": _new_id()})
    notebook.cells = [nbformat.from_dict(cell) for cell in notebook.cells]


@happens()
def answer_duplicated_above_as_an_earlier_attempt(notebook, release):
    if (at := find(notebook, "q2")) is not None:
        attempt = copy.deepcopy(notebook.cells[at])
        attempt.source = "def stratified_split(X, y, seed, share=0.25):\n    return X, y, X[:0], y[:0]"
        attempt.id = _new_id()
        notebook.cells.insert(at, attempt)


@happens()
def stub_duplicated_below_the_answer(notebook, release):
    if (at := find(notebook, "q2")) is not None:
        notebook.cells.insert(at + 1, _stub(release, "q2"))


@happens()
def answer_in_a_cell_of_its_own_and_the_stub_left(notebook, release):
    if (at := find(notebook, "q5")) is not None:
        cell_type = notebook.cells[at].cell_type
        new = v4.new_code_cell if cell_type == "code" else v4.new_markdown_cell
        notebook.cells[at] = new(notebook.cells[at].source)
        notebook.cells.insert(at, _stub(release, "q5"))


@happens("q3")
def answer_deleted(notebook, release):
    if (at := find(notebook, "q3")) is not None:
        del notebook.cells[at]


@happens()
def answers_swapped(notebook, release):
    one, two = find(notebook, "q1"), find(notebook, "q5")
    if one is not None and two is not None:
        notebook.cells[one], notebook.cells[two] = notebook.cells[two], notebook.cells[one]


@happens()
def answer_moved_to_the_top(notebook, release):
    if (at := find(notebook, "q4")) is not None:
        notebook.cells.insert(0, notebook.cells.pop(at))


@happens()
def checks_in_reverse_order(notebook, release):
    checks = [id(cell) for cell in _checks(notebook, release)]
    places = [i for i, cell in enumerate(notebook.cells) if id(cell) in checks]
    cells = [notebook.cells[i] for i in places]
    for place, cell in zip(places, reversed(cells), strict=True):
        notebook.cells[place] = cell


def _retype(notebook: NotebookNode, question: str, cell_type: str) -> None:
    if (at := find(notebook, question)) is not None:
        cell = notebook.cells[at]
        cell.cell_type = cell_type
        for field in ("outputs", "execution_count"):
            cell.pop(field, None)


@happens()
def code_turned_into_markdown(notebook, release):
    _retype(notebook, "q3", "markdown")


@happens()
def code_turned_into_raw(notebook, release):
    _retype(notebook, "q4", "raw")


@happens()
def text_turned_into_code(notebook, release):
    _retype(notebook, "q6", "code")


@happens()
def text_split_as_jupyter_splits(notebook, release):
    if (at := find(notebook, "q6")) is not None and "\n\n" in notebook.cells[at].source:
        below = copy.deepcopy(notebook.cells[at])
        notebook.cells[at].source, below.source = below.source.split("\n\n", 1)
        below.id = _new_id()
        notebook.cells.insert(at + 1, below)


@happens()
def grade_ids_missing(notebook, release):
    for question in ("q1", "q6"):
        if (at := find(notebook, question)) is not None:
            notebook.cells[at].metadata.pop("nbgrader", None)


@happens()
def grade_id_on_an_import_cell(notebook, release):
    for cell in notebook.cells:
        if cell.source.startswith("import numpy"):
            cell.metadata["nbgrader"] = {"grade_id": "q2", "solution": True}


@happens()
def grade_id_of_an_answer_on_a_check(notebook, release):
    for cell in _checks(notebook, release)[:1]:
        cell.metadata["nbgrader"] = {"grade_id": "q1", "solution": True}


@happens()
def grade_ids_made_up(notebook, release):
    marks = {"grade_id": "q99", "grade": True, "points": 100}
    notebook.cells.append(v4.new_code_cell("bonus = 1", metadata={"nbgrader": marks}))
    notebook.cells.append(v4.new_code_cell("bonus = 2", metadata={"nbgrader": ["q1"]}))


@happens()
def marks_of_an_old_version(notebook, release):
    for cell in notebook.cells:
        if isinstance(cell.metadata.get("nbgrader"), dict):
            cell.metadata.nbgrader = {"grade_id": grade_id(cell), "schema_version": 1, "checksum": "12"}


@happens()
def metadata_dropped(notebook, release):
    notebook.metadata = {}
    for cell in notebook.cells:
        cell.metadata = NotebookNode()


@happens()
def metadata_and_ids_dropped(notebook, release):
    metadata_dropped(notebook, release)
    for cell in notebook.cells:
        cell.pop("id", None)


@happens()
def ids_made_anew(notebook, release):
    for cell in notebook.cells:
        cell.id = _new_id()


@happens()
def saved_by_colab(notebook, release):
    notebook.nbformat_minor = 0
    notebook.metadata.update(colab={"provenance": []}, accelerator="GPU")
    for cell in notebook.cells:
        cell.metadata.update(id=cell.pop("id", _new_id()))
        if cell.cell_type == "code":
            cell.metadata.update(outputId="0f-1", colab={"base_uri": "https://localhost:8080/"})


@happens()
def saved_by_colab_without_marks(notebook, release):
    saved_by_colab(notebook, release)
    for cell in notebook.cells:
        cell.metadata.pop("nbgrader", None)


@happens()
def saved_by_vs_code(notebook, release):
    notebook.metadata["kernelspec"] = {"display_name": ".venv (3.12.1)", "language": "python", "name": "venv"}
    notebook.metadata["language_info"] = {"name": "python", "version": "3.12.1"}
    for cell in notebook.cells:
        cell.metadata["vscode"] = {"languageId": "python"}
        cell.source = cell.source.splitlines(keepends=True)
    notebook.cells = [NotebookNode({**cell, "source": "".join(cell.source)}) for cell in notebook.cells]


@happens()
def fields_missing(notebook, release):
    for cell in notebook.cells:
        for field in ("outputs", "execution_count"):
            cell.pop(field, None)


@happens()
def another_kernel(notebook, release):
    notebook.metadata["kernelspec"] = {"name": "deep-learning", "display_name": "ml", "language": "python"}


@happens()
def checks_edited(notebook, release):
    for cell in _checks(notebook, release)[::2]:
        cell.source += "\nprint('fine')"


@happens()
def check_emptied(notebook, release):
    for cell in _checks(notebook, release)[-1:]:
        cell.source = ""


@happens()
def check_deleted(notebook, release):
    gone = [id(cell) for cell in _checks(notebook, release)[3:4]]
    notebook.cells = [cell for cell in notebook.cells if id(cell) not in gone]


@happens()
def points_raised_and_cells_unlocked(notebook, release):
    for cell in notebook.cells:
        if isinstance(cell.metadata.get("nbgrader"), dict):
            cell.metadata["nbgrader"].update(points=1000, locked=False)


@happens()
def tags_added(notebook, release):
    for cell in notebook.cells:
        cell.metadata.update(tags=["skip-execution", "raises-exception"], deletable=False, collapsed=True)


@happens()
def run_with_outputs(notebook, release):
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            cell.outputs = [v4.new_output("stream", text="42\n"), {"output_type": "nonsense"}]
            cell.execution_count = number


@happens()
def line_endings_of_windows(notebook, release):
    for cell in notebook.cells:
        cell.source = cell.source.replace("\r\n", "\n").replace("\n", "\r\n")


@happens()
def white_space_at_line_ends(notebook, release):
    for cell in _checks(notebook, release):
        cell.source = cell.source.replace("\n", "  \n") + "\n"


@happens()
def helpers_above_and_below(notebook, release):
    if (at := find(notebook, "q2")) is not None:
        notebook.cells.insert(at + 1, v4.new_code_cell("%time helper_below = 2"))
        notebook.cells.insert(at, v4.new_code_cell("def helper_above(x):\n    return x"))
    notebook.cells.insert(0, v4.new_code_cell("import math"))


@happens()
def cells_that_do_not_parse(notebook, release):
    if (at := find(notebook, "q1")) is not None:
        notebook.cells.insert(at + 1, v4.new_code_cell("one_hot([1, 2], 3"))


@happens()
def notes_of_their_own(notebook, release):
    for cell in _checks(notebook, release)[:1]:
        at = next(i for i, other in enumerate(notebook.cells) if other is cell)
        notebook.cells[at + 1 : at + 1] = [v4.new_markdown_cell("Why?"), v4.new_raw_cell("Ask.")]


@happens()
def imports_edited(notebook, release):
    for cell in notebook.cells:
        if cell.source.startswith("import numpy"):
            cell.source += "\nimport math"


@happens("q2")
def answer_that_does_not_parse_without_metadata(notebook, release):
    if (at := find(notebook, "q2")) is not None:
        notebook.cells[at].source += "\n    return (1,"
    metadata_and_ids_dropped(notebook, release)


# --- what happens to the file


def file(ends: Literal["same", "quarantined", "missing"]) -> Callable:
    """Register something that happens to the file or its folder."""

    def register(written: Callable[[NotebookNode, NotebookNode, Path], None]) -> Callable:
        DAMAGES[written.__name__] = Damage(written, ends)
        return written

    return register


def _text(notebook: NotebookNode) -> str:
    return json.dumps(notebook, ensure_ascii=False)


@file("same")
def byte_order_mark(notebook, release, folder):
    _put(folder, _text(notebook).encode("utf-8-sig"))


@file("same")
def utf_16(notebook, release, folder):
    _put(folder, _text(notebook).encode("utf-16"))


@file("same")
def format_3(notebook, release, folder):
    _put(folder, nbformat.writes(copy.deepcopy(notebook), version=3).encode())


@file("same")
def format_4_0(notebook, release, folder):
    notebook = copy.deepcopy(notebook)
    notebook.nbformat_minor = 0
    for cell in notebook.cells:
        del cell["id"]
    write(notebook, folder)


@file("same")
def outputs_of_50_megabytes(notebook, release, folder):
    notebook = copy.deepcopy(notebook)
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
    cell.outputs = [v4.new_output("stream", text="x" * 50_000_000)]
    write(notebook, folder)


@file("same")
def copy_of(notebook, release, folder):
    _put(folder, _text(notebook).encode(), f"Copy of {expected(folder)}")


@file("same")
def second_download(notebook, release, folder):
    _put(folder, _text(notebook).encode(), expected(folder).replace(".ipynb", " (1).ipynb"))


@file("same")
def name_added(notebook, release, folder):
    _put(folder, _text(notebook).encode(), expected(folder).title().replace(".Ipynb", "-JaneDoe.ipynb"))


@file("same")
def suffix_added(notebook, release, folder):
    _put(folder, _text(notebook).encode(), f"{expected(folder)}.txt")


@file("same")
def another_name(notebook, release, folder):
    _put(folder, _text(notebook).encode(), "Untitled.ipynb")


@file("same")
def folder_in_the_folder(notebook, release, folder):
    _put(folder / "my work", _text(notebook).encode(), expected(folder))


@file("same")
def other_files(notebook, release, folder):
    write(notebook, folder)
    for name in ("notes.txt", "Untitled.ipynb", "data.csv", ".DS_Store", f"._{expected(folder)}"):
        _put(folder, b"anything", name)
    _put(folder / ".ipynb_checkpoints", b"{}", expected(folder))


@file("same")
def untouched_release_beside_a_copy(notebook, release, folder):
    write(release, folder)
    copy_of(notebook, release, folder)


@file("same")
def damaged_file_beside_a_copy(notebook, release, folder):
    truncated(notebook, release, folder)
    copy_of(notebook, release, folder)


@file("same")
def older_copy_beside(notebook, release, folder):
    second_download(notebook, release, folder)
    os.utime(_put(folder, _text(release).encode(), f"Copy of {expected(folder)}"), (1, 1))


@file("same")
def half_a_character(notebook, release, folder):
    notebook = copy.deepcopy(notebook)
    notebook.cells.append(v4.new_code_cell("print('\ud83d')"))
    _put(folder, json.dumps(notebook).encode())


@file("quarantined")
def empty(notebook, release, folder):
    _put(folder, b"")


@file("quarantined")
def zeros(notebook, release, folder):
    _put(folder, bytes(5000))


@file("quarantined")
def truncated(notebook, release, folder):
    content = _text(notebook).encode()
    _put(folder, content[: len(content) // 2])


@file("quarantined")
def truncated_within_a_character(notebook, release, folder):
    content = _text(notebook).encode()
    _put(folder, content[: content.index("é".encode()) + 1])


@file("quarantined")
def not_utf_8(notebook, release, folder):
    _put(folder, _text(notebook).replace("…", "...").encode("latin-1", "replace"))


@file("quarantined")
def edited_by_hand(notebook, release, folder):
    _put(folder, _text(notebook).replace('"cells"', "cells", 1).encode())


@file("quarantined")
def html(notebook, release, folder):
    _put(folder, b"\n<!DOCTYPE html>\n<html><body>start_here</body></html>")


@file("quarantined")
def pdf(notebook, release, folder):
    _put(folder, b"%PDF-1.5\n%\xbf\xf7\xa2\xfe\n1 0 obj\n<< /Type /Catalog >>\nendobj\n")


@file("quarantined")
def zip_archive(notebook, release, folder):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("start_here.ipynb", _text(notebook))
    _put(folder, content.getvalue())


@file("quarantined")
def script(notebook, release, folder):
    _put(folder, b"# coding: utf-8\nimport numpy as np\n\ndef one_hot(labels):\n    return labels\n")


@file("quarantined")
def json_list(notebook, release, folder):
    _put(folder, b"[1, 2, 3]")


@file("quarantined")
def json_without_cells(notebook, release, folder):
    _put(folder, b'{"nbformat": 4, "cells": "none"}')


@file("quarantined")
def lists_in_lists(notebook, release, folder):
    _put(folder, b"[" * 200_000)


@file("quarantined")
def number_of_many_digits(notebook, release, folder):
    _put(folder, b'{"nbformat": ' + b"4" * 10_000 + b', "cells": []}')


@file("quarantined")
def too_large(notebook, release, folder):
    os.truncate(write(notebook, folder), 101_000_000)


@file("quarantined")
def too_many_cells(notebook, release, folder):
    write({**release, "cells": [*release.cells, *[{}] * 5_000]}, folder)


@file("quarantined")
def another_assignment(notebook, release, folder):
    shared = [cell for cell in release.cells if cell.source.startswith(("# Hidden check: ", "import numpy"))]
    other = v4.new_notebook(cells=copy.deepcopy(shared[:3]))
    for cell in other.cells:
        cell.id = _new_id()
    for question, source in {
        "q1": "def relu(x):\n    return x * (x > 0)",
        "q2": "def mlp(x):\n    ...",
    }.items():
        marks = {"nbgrader": {"grade_id": question, "solution": True}}
        other.cells.append(v4.new_code_cell(source, metadata=marks))
    other.cells.append(v4.new_markdown_cell("Text", metadata={"nbgrader": {"grade_id": "q6"}}))
    write(other, folder)


@file("quarantined")
def link_to_a_notebook(notebook, release, folder):
    target = write(notebook, folder.parent / "elsewhere_start_here")
    folder.mkdir()
    (folder / expected(folder)).symlink_to(target)


@file("quarantined")
def link_to_a_folder(notebook, release, folder):
    write(notebook, folder.parent / "elsewhere_start_here")
    folder.symlink_to(folder.parent / "elsewhere_start_here")


@file("quarantined")
def link_to_a_folder_in_the_folder(notebook, release, folder):
    write(notebook, folder.parent / "elsewhere_start_here")
    folder.mkdir()
    (folder / "work").symlink_to(folder.parent / "elsewhere_start_here")


@file("quarantined")
def folder_named_like_the_notebook(notebook, release, folder):
    (folder / expected(folder)).mkdir(parents=True)


@file("quarantined")
def pipe(notebook, release, folder):
    folder.mkdir(parents=True)
    os.mkfifo(folder / expected(folder))


@file("quarantined")
def file_instead_of_the_folder(notebook, release, folder):
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_bytes(_text(notebook).encode())


@file("missing")
def no_folder(notebook, release, folder):
    pass


@file("missing")
def no_notebook(notebook, release, folder):
    _put(folder, b"print(1)", "start_here.py")
