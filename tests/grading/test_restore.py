"""Whatever editors, browsers and students do to a notebook, its answers are graded as they were given."""

import copy
import dataclasses
import json
import os
import tempfile
import unicodedata
from pathlib import Path

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat import v4

from course_lib.grading import assignment as assignments
from course_lib.grading.assignment import BEGIN_SOLUTION, END_SOLUTION, grade_id, role
from course_lib.grading.restore import restore
from tests.grading import damage
from tests.grading.damage import DAMAGES

NAME = "00_start_here"
MASTER = assignments.load(NAME)
RELEASE = damage.released(MASTER)
INTACT = damage.submission(MASTER, RELEASE)

COMBINED = {name: entry.change for name, entry in DAMAGES.items() if entry.change}
KEPT = [name for name, entry in DAMAGES.items() if entry.ends == "same"]
QUARANTINED = [name for name, entry in DAMAGES.items() if entry.ends == "quarantined"]


def answers(notebook):
    return {grade_id(cell): cell.source for cell in notebook.cells if role(cell) in ("answer", "manual")}


def others(notebook):
    """Return all that is the master's in a restored notebook."""
    cells = [cell for cell in notebook.cells if not cell.metadata.get("course")]
    return [cell for cell in cells if role(cell) not in ("answer", "manual")]


def extras(notebook):
    return [cell.source for cell in notebook.cells if cell.metadata.get("course") == {"extra": True}]


def restored(notebook, folder):
    damage.write(notebook, folder / NAME)
    return restore(folder / NAME, MASTER, RELEASE)


def secrets():
    """Return the lines of the reference solutions."""
    lines = []
    for cell in MASTER.notebook.cells:
        if BEGIN_SOLUTION in cell.source:
            lines += cell.source.split(BEGIN_SOLUTION)[1].split(END_SOLUTION)[0].splitlines()
        elif role(cell) == "manual":
            lines += cell.source.splitlines()
    return [line.strip() for line in lines if len(line.strip()) > 15]


def assert_no_secret(result, handed_in):
    text = "\n".join(cell.source for cell in result.notebook.cells)
    written = "\n".join(cell.source for cell in handed_in.cells)
    assert [line for line in secrets() if line in text and line not in written] == []


def change(*names):
    notebook = copy.deepcopy(INTACT)
    for name in names:
        COMBINED[name](notebook, RELEASE)
    return notebook


def test_an_intact_submission_keeps_its_answers_and_the_master_the_rest(tmp_path):
    result = restored(INTACT, tmp_path)
    assert (result.status, result.notes) == ("intact", ())
    assert answers(result.notebook) == answers(INTACT)
    assert others(result.notebook) == others(MASTER.notebook)
    assert result.notebook.metadata == MASTER.notebook.metadata
    assert answers(INTACT) != answers(MASTER.notebook)
    nbformat.validate(result.notebook)


def test_an_untouched_release_is_intact(tmp_path):
    result = restored(RELEASE, tmp_path)
    assert (result.status, result.notes) == ("intact", ())
    assert answers(result.notebook) == answers(RELEASE)


@pytest.mark.parametrize("name", KEPT)
def test_the_answers_survive(name, tmp_path):
    DAMAGES[name].write(INTACT, RELEASE, tmp_path / NAME)
    result = restore(tmp_path / NAME, MASTER, RELEASE)
    assert result.status in ("intact", "repaired"), result.notes
    assert (result.status == "repaired") == bool([n for n in result.notes if not n.startswith("The file")])
    got, want = answers(result.notebook), answers(INTACT)
    differ = [question for question in want if got[question] != want[question]]
    assert differ == [question for question in want if question in DAMAGES[name].differs]
    assert others(result.notebook) == others(MASTER.notebook)
    assert_no_secret(result, INTACT)
    nbformat.validate(result.notebook)
    json.dumps(result.notebook, ensure_ascii=False).encode()  # half a character would raise
    ids = [cell.id for cell in result.notebook.cells]
    assert len(ids) == len(set(ids))
    for cell in result.notebook.cells:
        assert not cell.get("outputs") and not cell.get("execution_count")


@pytest.mark.parametrize("name", QUARANTINED)
def test_what_cannot_be_read_is_quarantined_with_a_reason(name, tmp_path):
    DAMAGES[name].write(INTACT, RELEASE, tmp_path / NAME)
    result = restore(tmp_path / NAME, MASTER, RELEASE)
    assert (result.status, result.notebook) == ("malformed", None)
    (reason,) = result.notes
    assert reason.endswith(".") and reason[0].isupper()
    assert str(tmp_path) not in reason


@pytest.mark.parametrize("name", ["no_folder", "no_notebook"])
def test_what_was_not_handed_in_is_missing(name, tmp_path):
    DAMAGES[name].write(INTACT, RELEASE, tmp_path / NAME)
    result = restore(tmp_path / NAME, MASTER, RELEASE)
    assert (result.status, result.notebook, result.file) == ("missing", None, None)
    assert "start_here.ipynb" in result.notes[0]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty", "is empty"),
        ("zeros", "is empty"),
        ("truncated", "ends in the middle"),
        ("truncated_within_a_character", "ends in the middle"),
        ("not_utf_8", "not text in UTF-8"),
        ("edited_by_hand", "damaged at line 1"),
        ("html", "an HTML page"),
        ("pdf", "a PDF"),
        ("zip_archive", "a zip archive"),
        ("script", "a Python script"),
        ("json_list", "no cells"),
        ("json_without_cells", "no cells"),
        ("too_large", "100 MB"),
        ("too_many_cells", "2000 cells"),
        ("another_assignment", "none of the answer cells of start_here.ipynb"),
        ("link_to_a_notebook", "is a link"),
        ("link_to_a_folder", "is a link"),
        ("link_to_a_folder_in_the_folder", "holds links"),
        ("folder_named_like_the_notebook", "is a folder"),
        ("file_instead_of_the_folder", "where a folder should be"),
    ],
)
def test_the_reason_says_what_it_is(name, reason, tmp_path):
    DAMAGES[name].write(INTACT, RELEASE, tmp_path / NAME)
    assert reason in restore(tmp_path / NAME, MASTER, RELEASE).notes[0]


def test_a_file_that_may_not_be_opened_is_quarantined(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    damage.write(INTACT, tmp_path / NAME)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    result = restore(tmp_path / NAME, MASTER, RELEASE)
    assert result.status == "malformed"
    assert "start_here.ipynb cannot be opened" in result.notes[0]


@given(st.lists(st.sampled_from(sorted(COMBINED)), unique=True, max_size=12))
@settings(max_examples=60, deadline=None)
def test_damages_in_any_combination_leave_the_answers(names):
    notebook = change(*names)
    gone = {question for name in names for question in DAMAGES[name].differs}
    with tempfile.TemporaryDirectory() as folder:
        result = restored(notebook, Path(folder))
    assert result.status in ("intact", "repaired"), result.notes
    got, want = answers(result.notebook), answers(INTACT)
    assert {q for q in want if got[q] != want[q]} <= gone
    assert others(result.notebook) == others(MASTER.notebook)
    assert_no_secret(result, notebook)


@pytest.mark.parametrize("name", sorted(COMBINED))
def test_nothing_that_happens_to_the_release_brings_the_reference_to_light(name, tmp_path):
    notebook = copy.deepcopy(RELEASE)
    COMBINED[name](notebook, RELEASE)
    assert_no_secret(restored(notebook, tmp_path), notebook)


@pytest.mark.parametrize(
    "name",
    [
        "answers_swapped",
        "checks_in_reverse_order",
        "grade_ids_made_up",
        "marks_of_an_old_version",
        "ids_made_anew",
        "saved_by_colab",
        "saved_by_vs_code",
        "another_kernel",
        "points_raised_and_cells_unlocked",
        "tags_added",
        "run_with_outputs",
        "line_endings_of_windows",
        "white_space_at_line_ends",
        "helpers_above_and_below",
        "imports_edited",
        "byte_order_mark",
        "format_3",
        "format_4_0",
    ],
)
def test_what_editors_do_is_no_repair(name, tmp_path):
    DAMAGES[name].write(INTACT, RELEASE, tmp_path / NAME)
    result = restore(tmp_path / NAME, MASTER, RELEASE)
    assert (result.status, result.notes) == ("intact", ())


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("answer_deleted", "No cell for q3"),
        ("answer_duplicated_above_as_an_earlier_attempt", "different answers to q2: the last one counts"),
        ("code_turned_into_markdown", "type of the cell of q3"),
        ("text_turned_into_code", "type of the cell of q6"),
        ("text_split_as_jupyter_splits", "answer to q6 stands in several cells"),
        ("grade_ids_missing", "missing on q1, q6"),
        ("metadata_dropped", "missing on q1, q2, q3, q4, q5, q6"),
        ("checks_edited", "checks (q1-miniature, "),
        ("check_deleted", "The cell q1-unseen was missing"),
        ("copy_of", "The file Copy of start_here.ipynb was read."),
        ("untouched_release_beside_a_copy", "Copy of start_here.ipynb was read, not start_here.ipynb."),
        ("other_files", "The file start_here.ipynb was read, not "),
    ],
)
def test_the_student_is_told(name, note, tmp_path):
    DAMAGES[name].write(INTACT, RELEASE, tmp_path / NAME)
    assert note in " ".join(restore(tmp_path / NAME, MASTER, RELEASE).notes)


def test_an_answer_that_is_gone_is_the_stub(tmp_path):
    got = answers(restored(change("answer_deleted"), tmp_path).notebook)
    assert got["q3"] == answers(RELEASE)["q3"]
    assert "NotImplementedError" in got["q3"]


def test_an_emptied_copy_of_a_stub_is_no_other_answer(tmp_path):
    notebook = copy.deepcopy(RELEASE)
    at = next(i for i, cell in enumerate(notebook.cells) if grade_id(cell) == "q1")
    notebook.cells.insert(at, nbformat.from_dict({**notebook.cells[at], "id": "new", "source": ""}))
    assert restored(notebook, tmp_path).notes == ()


def test_an_answer_with_a_syntax_error_is_found_without_metadata(tmp_path):
    result = restored(change("answer_that_does_not_parse_without_metadata"), tmp_path)
    assert answers(result.notebook)["q2"] == answers(INTACT)["q2"] + "\n    return (1,"


def test_extra_code_cells_stay_where_they_stood(tmp_path):
    result = restored(change("helpers_above_and_below"), tmp_path)
    sources = [cell.source for cell in result.notebook.cells]
    at = sources.index(answers(INTACT)["q2"])
    assert sources[0] == "import math"
    assert sources[at - 1] == "def helper_above(x):\n    return x"
    assert sources[at + 1] == "%time helper_below = 2"
    assert len(extras(result.notebook)) == 3


def test_an_edited_import_cell_runs_after_the_master_s(tmp_path):
    result = restored(change("imports_edited"), tmp_path)
    sources = [cell.source for cell in result.notebook.cells]
    at = next(i for i, source in enumerate(sources) if source.startswith("import numpy"))
    assert sources[at + 1] == sources[at] + "\nimport math"


@pytest.mark.parametrize(
    "name", ["notes_of_their_own", "checks_edited", "answer_duplicated", "check_emptied"]
)
@pytest.mark.parametrize("dropped", [[], ["metadata_and_ids_dropped"]])
def test_text_edited_checks_and_copies_are_no_extra_cells(name, dropped, tmp_path):
    assert extras(restored(change(name, *dropped), tmp_path).notebook) == []


def test_a_check_that_was_written_over_is_no_extra_cell(tmp_path):
    notebook = copy.deepcopy(INTACT)
    next(cell for cell in notebook.cells if grade_id(cell) == "q2-together").source = "close = print"
    result = restored(notebook, tmp_path)
    assert extras(result.notebook) == []
    assert "checks (q2-together)" in " ".join(result.notes)


@pytest.mark.parametrize("keep", [slice(0, 1), slice(1, None)])
def test_a_check_is_known_by_its_first_line_or_by_the_rest(keep, tmp_path):
    notebook = change("metadata_and_ids_dropped")
    check = next(cell for cell in notebook.cells if cell.source.startswith("# A label stays"))
    lines = check.source.splitlines()[keep]
    check.source = "\n".join(["# Mine.", *lines] if keep.start else [*lines, "print(1)"])
    result = restored(notebook, tmp_path)
    assert extras(result.notebook) == []
    assert "checks (q2-together)" in " ".join(result.notes)


@pytest.mark.parametrize("dropped", [[], ["metadata_dropped"], ["metadata_and_ids_dropped"]])
def test_of_different_answers_the_last_counts_and_the_others_stay(dropped, tmp_path):
    result = restored(change("answer_duplicated_above_as_an_earlier_attempt", *dropped), tmp_path)
    assert len(extras(result.notebook)) == 1
    assert "return X, y, X[:0], y[:0]" in extras(result.notebook)[0]


def test_a_helper_that_split_the_cell_stays_beside_the_answer(tmp_path):
    notebook = copy.deepcopy(INTACT)
    at = damage.find(notebook, "q1")
    tail = copy.deepcopy(notebook.cells[at])
    tail.source, tail.id = "print(one_hot(np.array([0]), 1))", "new"
    notebook.cells.insert(at + 1, tail)
    result = restored(notebook, tmp_path)
    assert answers(result.notebook) == answers(INTACT)
    assert extras(result.notebook) == [tail.source]


def test_two_answers_in_one_cell_are_both_found(tmp_path):
    notebook = copy.deepcopy(INTACT)
    one, two = damage.find(notebook, "q1"), damage.find(notebook, "q2")
    notebook.cells[one].source += "\n\n" + notebook.cells.pop(two).source
    result = restored(notebook, tmp_path)
    assert "def stratified_split" in answers(result.notebook)["q1"]
    assert "NotImplementedError" not in answers(result.notebook)["q2"]
    assert "q2" in result.notes[0]


@pytest.mark.parametrize("above", [True, False])
@pytest.mark.parametrize("edited", [True, False])
def test_a_helper_in_a_copy_of_a_check_stays(edited, above, tmp_path):
    notebook = copy.deepcopy(INTACT)
    at = next(i for i, cell in enumerate(notebook.cells) if grade_id(cell) == "q1-columns")
    copied = copy.deepcopy(notebook.cells[at])
    copied.source, copied.id = "def helper():\n    return 3", "new"
    notebook.cells[at].source += "\nencoded" if edited else ""
    notebook.cells.insert(at if above else at + 1, copied)
    result = restored(notebook, tmp_path)
    assert extras(result.notebook) == [copied.source]
    assert result.status == ("repaired" if edited else "intact")


def test_an_edited_copy_of_a_check_is_no_change_to_it_and_moves_no_cell(tmp_path):
    notebook = change("helpers_above_and_below")
    check = next(cell for cell in notebook.cells if grade_id(cell) == "q1-columns")
    notebook.cells[0:0] = [{**check, "id": "new", "source": check.source + "\nencoded"}]
    notebook.cells.append({**check, "id": "newer"})
    notebook.cells.append(v4.new_code_cell("the_end = 1"))
    result = restored(notebook, tmp_path)
    assert (result.status, result.notes) == ("intact", ())
    assert result.notebook.cells[0].source == "import math"
    assert result.notebook.cells[-1].source == "the_end = 1"


def test_an_attempt_without_marks_never_beats_the_cell_that_has_them(tmp_path):
    notebook = copy.deepcopy(INTACT)
    notebook.cells.append(v4.new_code_cell("def one_hot(labels, num_classes):\n    return None"))
    result = restored(notebook, tmp_path)
    assert (result.status, answers(result.notebook)) == ("intact", answers(INTACT))
    assert extras(result.notebook) == [notebook.cells[-1].source]


@pytest.mark.parametrize("colab", [True, False])
def test_an_answer_that_looks_like_nothing_is_found_by_the_cell_s_id(colab, tmp_path):
    notebook = change("saved_by_colab_without_marks" if colab else "metadata_dropped")
    for cell in notebook.cells:
        if "def " in cell.source:
            cell.source = "# I do not know"
    checks = [cell.source for cell in RELEASE.cells if role(cell) == "check"]
    notebook.cells = [cell for cell in notebook.cells if cell.source not in checks]
    result = restored(notebook, tmp_path)
    assert answers(result.notebook)["q1"] == "# I do not know"


def test_checks_that_are_this_assignment_s_are_enough_to_know_it(tmp_path):
    notebook = change("metadata_and_ids_dropped")
    notebook.cells = [cell for cell in notebook.cells if not cell.source.startswith("# my q")]
    result = restored(notebook, tmp_path)
    assert result.status == "repaired"
    assert answers(result.notebook)["q1"] == answers(RELEASE)["q1"]


def test_a_written_answer_goes_on_in_the_student_s_own_cells_below(tmp_path):
    notebook = copy.deepcopy(INTACT)
    at = damage.find(notebook, "q6")
    notebook.cells.insert(at + 1, v4.new_markdown_cell("One more thing."))
    result = restored(notebook, tmp_path)
    assert answers(result.notebook)["q6"] == answers(INTACT)["q6"] + "\n\nOne more thing."


@pytest.mark.parametrize("name", ["grade_ids_missing", "metadata_and_ids_dropped", "run_with_outputs"])
def test_code_beside_a_written_answer_is_no_part_of_it(name, tmp_path):
    notebook = change(name)
    at = damage.find(notebook, "q6")
    notebook.cells[at + 1 : at + 1] = [v4.new_code_cell("%time words = 150")]
    notebook.cells[at:at] = [v4.new_code_cell("sketch = 1")]
    result = restored(notebook, tmp_path)
    assert answers(result.notebook) == answers(INTACT)
    assert extras(result.notebook) == ["sketch = 1", "%time words = 150"]


def test_an_image_pasted_into_a_written_answer_stays_and_nothing_active_does(tmp_path):
    notebook = change("code_turned_into_markdown")
    picture = {"image/png": "iVBORw0KGgo=", "text/html": "<script>"}
    for question in ("q3", "q6"):
        notebook.cells[damage.find(notebook, question)].attachments = {"drawing.png": picture}
    result = restored(notebook, tmp_path)
    got = {grade_id(cell): cell.attachments for cell in result.notebook.cells if "attachments" in cell}
    assert got == {"q6": {"drawing.png": {"image/png": "iVBORw0KGgo="}}}


def other_answer(text):
    """Return another right submission."""
    notebook = copy.deepcopy(INTACT)
    notebook.cells[damage.find(notebook, "q6")].source = text
    return json.dumps(notebook).encode()


def files(folder, **contents):
    """Write files, each a minute younger than the one before."""
    folder.mkdir()
    for minute, (name, content) in enumerate(contents.items()):
        (folder / name).write_bytes(content)
        os.utime(folder / name, (minute * 60, minute * 60))
    return restore(folder, MASTER, RELEASE)


@pytest.mark.parametrize("name", ["START_HERE-jane.ipynb", "start here.ipynb", "start-here (1).ipynb"])
def test_a_name_like_the_expected_one_comes_before_any_other(name, tmp_path):
    result = files(tmp_path / NAME, **{name: other_answer("like"), "Untitled.ipynb": other_answer("other")})
    assert answers(result.notebook)["q6"] == "like"


def test_of_several_names_like_the_expected_one_the_newest_file_is_read(tmp_path):
    contents = {"start_here (2).ipynb": other_answer("old"), "start_here (1).ipynb": other_answer("new")}
    result = files(tmp_path / NAME, **contents)
    assert answers(result.notebook)["q6"] == "new"
    assert result.notes == ("The file start_here (1).ipynb was read, not start_here (2).ipynb.",)


def test_the_expected_name_stays_when_two_others_hold_answers(tmp_path):
    contents = {"a.ipynb": other_answer("a"), "b.ipynb": other_answer("b")}
    result = files(tmp_path / NAME, **{"start_here.ipynb": json.dumps(RELEASE).encode()}, **contents)
    assert result.file == tmp_path / NAME / "start_here.ipynb"


def test_hidden_files_are_not_read(tmp_path):
    result = files(tmp_path / NAME, **{"._start_here.ipynb": other_answer("hidden")})
    assert result.status == "missing"


def test_a_linked_folder_beside_the_notebook_s_is_not_entered(tmp_path):
    damage.write(INTACT, tmp_path / "elsewhere_start_here")
    DAMAGES["folder_in_the_folder"].write(RELEASE, RELEASE, tmp_path / NAME)
    (tmp_path / NAME / "a").symlink_to(tmp_path / "elsewhere_start_here")
    result = restore(tmp_path / NAME, MASTER, RELEASE)
    assert answers(result.notebook) == answers(RELEASE)


def test_names_that_look_the_same_are_the_same(tmp_path):
    master = dataclasses.replace(MASTER, path=MASTER.path.with_name("été.ipynb"))
    folder = tmp_path / NAME
    damage.write(INTACT, folder).rename(folder / unicodedata.normalize("NFD", "été.ipynb"))
    assert restore(folder, master, RELEASE).notes == ()


FIELDS = ["cells", "worksheets", "cell_type", "source", "input", "metadata", "nbgrader", "grade_id", "id"]
VALUES = st.sampled_from(
    ["code", "heading", "q1", "q6", "q1-shape", "def one_hot(", "\x00", 3, 1.0, True, None]
)
ANYTHING = st.recursive(
    VALUES | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from([*FIELDS, "level", "attachments", "image/png"]), inner)
    ),
)


@given(ANYTHING, st.sampled_from(["all", "cells", "cell", "worksheets"]))
@settings(max_examples=150, deadline=None)
def test_nothing_that_is_handed_in_stops_the_grading(content, where):
    notebook = json.loads(json.dumps(INTACT))
    if where == "cell":
        notebook["cells"].append(content)
    else:
        notebook[where] = content
    with tempfile.TemporaryDirectory() as folder:
        result = restored(content if where == "all" else notebook, Path(folder))
    assert (result.notebook is None) == (result.status == "malformed")
    if result.notebook:
        nbformat.validate(result.notebook)


@given(st.integers(1, len(json.dumps(INTACT).encode()) - 1))
@settings(max_examples=50, deadline=None)
def test_a_file_cut_off_anywhere_is_known_as_such(length):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "start_here.ipynb").write_bytes(json.dumps(INTACT).encode()[:length])
        assert "ends in the middle" in restore(Path(folder), MASTER, RELEASE).notes[0]


@given(st.binary(max_size=60))
@settings(max_examples=50, deadline=None)
def test_any_bytes_are_quarantined(content):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "start_here.ipynb").write_bytes(content)
        assert restore(Path(folder), MASTER, RELEASE).status == "malformed"


# --- an assignment of other kinds of cells


def small(tmp_path):
    """Write an assignment: a number, a class with its own import, two texts one after the other."""

    def cell(kind, source, name, **marks):
        return kind(source, metadata={"nbgrader": {"grade_id": name, "schema_version": 3, **marks}})

    begin, end = BEGIN_SOLUTION, END_SOLUTION
    network = (
        f"import torch\n\nclass Net(torch.nn.Module):\n    {begin}\n    width = 8\n    {end}\n\nsize = 4"
    )
    cells = [
        cell(v4.new_code_cell, f"{begin}\nscratch = 3\nrate = scratch / 30\n{end}", "q1", solution=True),
        cell(v4.new_code_cell, "# The rate.\nassert rate > 0", "q1-rate", grade=True, points=1, locked=True),
        cell(v4.new_code_cell, "a_constant = 1", "constant", locked=True),
        cell(v4.new_code_cell, network, "q2", solution=True),
        cell(v4.new_code_cell, "# A width.\nassert Net.width", "q2-width", grade=True, points=1, locked=True),
        v4.new_markdown_cell("Why?"),
        cell(v4.new_markdown_cell, "Because.", "q3", solution=True, grade=True, points=1),
        v4.new_markdown_cell("And why not?"),
        cell(v4.new_markdown_cell, "Therefore.", "q4", solution=True, grade=True, points=1),
    ]
    folder = tmp_path / "source" / "01_small"
    folder.mkdir(parents=True)
    (folder / "small.ipynb").write_text(json.dumps(v4.new_notebook(cells=cells)))
    return assignments.read(folder)


@pytest.mark.parametrize("kept", [{"metadata", "id"}, {"id"}, set()])
def test_numbers_classes_and_texts_are_found_as_functions_are(kept, tmp_path):
    master = small(tmp_path)
    release = damage.released(master)
    notebook = copy.deepcopy(release)
    mine = {
        "q1": "rate = 0.5",
        "q2": "class Net:\n    width = 2\n\nsize = 4\nrate = 1",
        "q3": "I think so.",
        "q4": "I do not.",
    }
    for cell in notebook.cells:
        cell.source = mine.get(grade_id(cell), cell.source)
        cell.metadata = cell.metadata if "metadata" in kept else {}
        if "id" not in kept:
            del cell["id"]
    notebook.cells.insert(0, v4.new_code_cell("import numpy as np"))
    notebook.cells.append(v4.new_code_cell("scratch = 5"))
    damage.write(notebook, tmp_path / "01_small")
    result = restore(tmp_path / "01_small", master, release)
    assert answers(result.notebook) == mine
    assert extras(result.notebook) == ["import numpy as np", "scratch = 5"]


@pytest.mark.parametrize("kept", ["metadata", "id"])
def test_an_assignment_in_words_alone_is_known_by_its_answers(kept, tmp_path):
    master = small(tmp_path)
    master.notebook.cells = master.notebook.cells[-4:]
    release = damage.released(master)
    notebook = copy.deepcopy(release)
    for cell in notebook.cells:
        cell.pop({"metadata": "id", "id": "metadata"}[kept])
    damage.write(notebook, tmp_path / "01_small")
    assert answers(restore(tmp_path / "01_small", master, release).notebook) == answers(release)


def test_a_locked_cell_is_the_master_s(tmp_path):
    master = small(tmp_path)
    notebook = damage.released(master)
    for cell in notebook.cells:
        cell.source = cell.source.replace("a_constant = 1", "a_constant = 2")
    damage.write(notebook, tmp_path / "01_small")
    result = restore(tmp_path / "01_small", master, damage.released(master))
    assert "checks (constant)" in result.notes[0]
    assert extras(result.notebook) == []
    assert "a_constant = 1" in [cell.source for cell in result.notebook.cells]


def test_outputs_and_pictures_of_the_master_are_not_given_away(tmp_path):
    master = small(tmp_path)
    release = damage.released(master)
    for cell in master.notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [v4.new_output("stream", text="rate")], 1
        elif grade_id(cell):
            cell.attachments = {"solution.png": {"image/png": "iVBORw0KGgo="}}
    before = copy.deepcopy(master.notebook)
    damage.write(release, tmp_path / "01_small")
    result = restore(tmp_path / "01_small", master, release)
    assert not any(cell.get("outputs") or cell.get("attachments") for cell in result.notebook.cells)
    assert master.notebook == before
