"""One browser and one Jupyter server for all browser tests."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.browser import jupyter


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium. Where there is none: a failure in CI, elsewhere a skip that says so."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=30_000)  # a loaded machine with two cores is slow

    with sync_playwright() as playwright:
        try:
            browser = jupyter.launch(playwright)
        except FileNotFoundError as missing:
            if os.environ.get("CI"):
                pytest.fail(str(missing))
            pytest.skip(str(missing))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def jupyter_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[jupyter.Server]:
    """A Jupyter server with JupyterLab 4 and Notebook 7."""
    with jupyter.serve(tmp_path_factory.mktemp("jupyter"), OMP_NUM_THREADS="1") as server:
        yield server


@pytest.fixture(scope="module", params=jupyter.FRONT_ENDS)
def jupyter_page(
    request: pytest.FixtureRequest, browser: Any, jupyter_server: jupyter.Server
) -> Iterator[Callable[[Sequence[str]], Any]]:
    """Each test that takes this runs in both front ends.

    Call it with the cells of a notebook: it returns the page after all cells have run. Within a
    module the same cells give the same page again, so start a test by resetting what it uses.
    """
    context = browser.new_context(viewport={"width": 1200, "height": 1000})
    pages: dict[tuple[str, ...], Any] = {}

    def open_page(cells: Sequence[str]) -> Any:
        key = tuple(cells)
        if key not in pages:
            pages[key] = jupyter.open_notebook(context, jupyter_server, request.param, cells)
        pages[key].bring_to_front()
        return pages[key]

    yield open_page
    context.close()
    jupyter_server.shut_kernels()
