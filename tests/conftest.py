"""What all tests share: nothing but the table of what the lectures cost, printed at the end."""

import pytest

MEASURED = pytest.StashKey[list[str]]()


def pytest_configure(config):
    config.stash[MEASURED] = []


@pytest.fixture
def measured(request):
    """Add a line to the table that is printed at the end of the run."""
    return request.config.stash[MEASURED].append


def pytest_terminal_summary(terminalreporter, config):
    if config.stash[MEASURED]:
        terminalreporter.section("lectures: time and memory")
        for line in config.stash[MEASURED]:
            terminalreporter.write_line(line)
