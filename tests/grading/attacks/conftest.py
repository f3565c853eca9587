"""What attacks share: an examiner that has seen the reference, and one that is in a hurry."""

import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from course_lib.grading import sandbox
from tests.grading.attacks.arena import Arena


def pytest_collection_modifyitems(items):
    """Walls need Linux; there, they must stand: without bubblewrap these tests fail."""
    if sys.platform != "linux":
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="Walls need Linux."))


@pytest.fixture(scope="session")
def walls():
    """The walls can be built here."""
    assert sandbox.missing() == []


def _made(hurried):
    world = Path(tempfile.mkdtemp(prefix="arena-", dir="/tmp"))  # a short path, for sockets
    arena = Arena(world, hurried)
    yield arena
    arena.close()
    shutil.rmtree(world)


@pytest.fixture(scope="session")
def arena(walls):
    """An examiner of the target."""
    yield from _made(hurried=False)


@pytest.fixture(scope="session")
def hurried(walls):
    """An examiner that waits for seconds only, and grants a gigabyte."""
    yield from _made(hurried=True)
