"""The example in docs/authoring.md is a whole assignment, and passes its own trial."""

import re
from pathlib import Path

from course_lib.grading.release import release

from . import toy

TEXT = (Path(__file__).parents[2] / "docs" / "authoring.md").read_text(encoding="utf-8")


def test_the_example_for_authors_can_be_released(tmp_path):
    answer, visible, errors, hidden, answers = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    source = toy.write(tmp_path, answers, answer=answer, visible=visible, errors=errors, hidden=hidden)
    table, problems = release(source)
    assert problems == []
    assert "survivor" not in table
