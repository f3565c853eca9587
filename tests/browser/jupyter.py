"""JupyterLab 4 and Notebook 7 in headless Chromium, for tests and measurements."""

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat

FRONT_ENDS = ("lab", "notebook")
TIMEOUT = 60_000  # milliseconds; a loaded machine with two cores imports torch in 15 s
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium_path(playwright: Any) -> str | None:
    """Return the path of a Chromium: the system's, else Playwright's own, else None."""
    for name in CHROMIUM_NAMES:
        found = shutil.which(name)
        if found:
            return found
    own = playwright.chromium.executable_path
    return own if Path(own).is_file() else None


def launch(playwright: Any) -> Any:
    """Start headless Chromium; raises FileNotFoundError where there is none."""
    path = chromium_path(playwright)
    if path is None:
        raise FileNotFoundError(f"no Chromium: looked for {', '.join(CHROMIUM_NAMES)} and Playwright's own")
    return playwright.chromium.launch(executable_path=path, headless=True, args=list(CHROMIUM_FLAGS))


class Server:
    """One Jupyter server that offers both front ends.

    Attributes
    ----------
    folder : Path
        Where its notebooks are.
    """

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], port: int, token: str) -> None:
        self.folder, self._process, self._token = folder, process, token
        self._url = f"http://127.0.0.1:{port}"

    def address(self, front_end: str, path: str) -> str:
        """Return where a notebook opens in ``"lab"`` or ``"notebook"``."""
        place = {"lab": "doc/tree", "notebook": "notebooks"}[front_end]
        return f"{self._url}/{place}/{path}?token={self._token}"

    def wait(self, seconds: float, log: Path) -> None:
        """Wait until the server answers."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self._request("api/status")
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"Jupyter did not start:\n{log.read_text()[-3000:]}") from None
                time.sleep(0.1)

    def shut_kernels(self) -> None:
        """End the kernels of all notebooks, so that they do not keep their memory."""
        for session in json.loads(self._request("api/sessions")):
            self._request(f"api/sessions/{session['id']}", "DELETE")

    def _request(self, path: str, method: str = "GET") -> bytes:
        headers = {"Authorization": f"token {self._token}"}
        request = urllib.request.Request(f"{self._url}/{path}", headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()


@contextlib.contextmanager
def serve(home: Path, **environment: str) -> Iterator[Server]:
    """Run a Jupyter server whose settings, runtime files and notebooks all live in ``home``."""
    folder = home / "notebooks"
    folder.mkdir(parents=True)
    _silence(home / "settings")
    options = [
        f"--ServerApp.root_dir={folder}", "--ServerApp.terminals_enabled=False",
        "--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True",
    ]  # fmt: skip
    own = {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
        **environment,
    }
    with started(folder, home / "jupyter.log", own, *options) as (server, _, _):
        yield server
        server.shut_kernels()


@contextlib.contextmanager
def started(
    folder: Path, log: Path, environment: dict[str, str], *options: str
) -> Iterator[tuple[Server, str, str]]:
    """Run JupyterLab in a folder; yield the server, its address and the token that it asks for."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
        f"--IdentityProvider.token={token}", "--ServerApp.port_retries=0", "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", *options,
    ]  # fmt: skip
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    variables = os.environ | {"PATH": path, **environment}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=variables, cwd=folder)
        try:
            server = Server(folder, process, port, token)
            server.wait(90, log)
            yield server, f"http://127.0.0.1:{port}", token
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _silence(settings: Path) -> None:
    """Turn off news, update checks and language servers: the tests need no network."""
    quiet = {
        "@jupyterlab/apputils-extension/notification": {
            "fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True,
        },
        "@jupyterlab/lsp-extension/plugin": {"activate": "off"},
    }  # fmt: skip
    for name, values in quiet.items():
        path = settings / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))


def set_theme(page: Any, dark: bool) -> None:
    """Switch an open front end between JupyterLab's light and dark theme."""
    name = "JupyterLab Dark" if dark else "JupyterLab Light"
    page.evaluate("name => jupyterapp.commands.execute('apputils:change-theme', { theme: name })", name)
    page.locator(f"body[data-jp-theme-light={'false' if dark else 'true'}]").wait_for(state="attached")


def open_notebook(context: Any, server: Server, front_end: str, cells: Sequence[str]) -> Any:
    """Write a notebook, open it in the front end, run all its cells.

    Parameters
    ----------
    context : playwright BrowserContext
    front_end : {"lab", "notebook"}
    cells : sequence of str
        The source of the code cells.

    Returns
    -------
    page : playwright Page
        After the last cell has ended without an error.
    """
    name = f"{front_end}-{secrets.token_hex(4)}.ipynb"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, server.folder / name)
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    page.goto(server.address(front_end, name))
    page.wait_for_function("() => window.jupyterapp?.commands.hasCommand('notebook:run-all-cells')")
    page.locator(".jp-Notebook .jp-Cell").nth(len(cells) - 1).wait_for(state="attached")
    page.wait_for_function("() => jupyterapp.shell.currentWidget?.sessionContext")
    page.evaluate(
        """async () => {
            const { context, sessionContext } = jupyterapp.shell.currentWidget;
            await context.ready;
            await sessionContext.ready;
        }"""
    )
    page.wait_for_function("() => jupyterapp.shell.currentWidget.sessionContext.session?.kernel")
    page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(
        """() => {
            const cells = jupyterapp.shell.currentWidget.content.model.cells;
            const all = Array.from({ length: cells.length }, (_, i) => cells.get(i));
            return all.every((cell) => cell.executionCount !== null && cell.executionState !== "running");
        }"""
    )
    wrong = page.locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]')
    if wrong.count():
        raise AssertionError(f"a cell of the notebook failed:\n{wrong.first.inner_text()}")
    return page


def run_cell(page: Any, source: str) -> str:
    """Run one more cell below the others and return what it printed."""
    return page.evaluate(
        """async (code) => {
            const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const future = kernel.requestExecute({ code });
            let text = "";
            future.onIOPub = ({ header, content }) => {
                if (header.msg_type === "stream") text += content.text;
                if (header.msg_type === "error") text += content.traceback.join("\\n");
            };
            await future.done;
            return text;
        }""",
        source,
    )


def wait_for_python(page: Any, condition: str, seconds: float = 20) -> None:
    """Wait until an expression is true in the notebook's kernel (the browser's changes take a moment)."""
    deadline = time.monotonic() + seconds
    while (answer := run_cell(page, f"print(bool({condition}))").strip()) != "True":
        if answer != "False" or time.monotonic() > deadline:
            raise AssertionError(f"in the kernel, {condition} is {answer}")
