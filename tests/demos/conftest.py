"""JavaScript for the tests of the demos: what the browser computes is compared with Python."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from course_lib._widget import script

_NODE = """
import { readFileSync } from "node:fs";
const { call, argument } = JSON.parse(readFileSync(0, "utf8"));
const module = await import(process.argv[1]);
console.log(JSON.stringify((0, eval)(call)(module, argument)));
"""
ENGINES = ("node", "chromium")


@pytest.fixture(scope="session")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Run ``call(module, argument)`` on a demo's module, in node or else in Chromium.

    Where neither exists: a failure in CI, elsewhere a skip that says so.
    """
    folder = tmp_path_factory.mktemp("javascript")

    def run(demo: Any, call: str, argument: Any, engine: str = "") -> Any:
        source = script(demo.__file__)
        task = {"source": source, "call": call, "argument": argument}
        if engine == "node" or (not engine and shutil.which("node")):
            path = folder / f"{Path(demo.__file__).stem}.mjs"
            path.write_text(source, "utf-8")
            command = ["node", "--input-type=module", "-e", _NODE, path.as_uri()]
        else:
            command = [sys.executable, "-m", "tests.demos.in_chromium"]
        done = subprocess.run(
            command,
            cwd=Path(__file__).parents[2],
            input=json.dumps(task),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
        )
        if "FileNotFoundError: no Chromium" in done.stderr:
            if os.environ.get("CI"):
                pytest.fail("neither node nor Chromium is here to run the demos' JavaScript")
            pytest.skip("neither node nor Chromium is here to run the demos' JavaScript")
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)

    return run
