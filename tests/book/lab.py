"""A real Jupyter server with one notebook, opened in JupyterLab, and its kernel to be asked."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import nbformat
from build import ROOT

PATIENCE = 300_000  # milliseconds: a test never judges how fast

SETTINGS = {"notebook-extension/tracker": {"windowingMode": "none"}, "apputils-extension/notification": {
    "fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}}  # fmt: skip
"""Every cell is there, seen or not; nobody is asked for news."""

ASK = """async code => {
  const { kernel } = jupyterapp.shell.currentWidget.sessionContext.session;
  const future = kernel.requestExecute({ code, store_history: false });
  let said = "";
  future.onIOPub = ({ header, content }) => {
    if (header.msg_type === "stream") said += content.text;
    if (header.msg_type === "error") said += `${content.ename}: ${content.evalue}`;
  };
  await future.done;
  return said; }"""

READY = "globalThis.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
FAILED = "[...document.querySelectorAll('.jp-OutputArea [data-mime-type=\"application/vnd.jupyter.error\"]')]"


def served(folder, settings):
    """A server over a folder, and its address with the token; end the process when done."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home, token = folder / "home", secrets.token_hex(16)
    for name, content in SETTINGS.items():
        file = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))
    own = {f"JUPYTER_{kind}_DIR": str(home / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    environment = os.environ | settings | own | {
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"), "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}  # fmt: skip
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser",
               "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
               f"--ServerApp.root_dir={folder / 'work'}", "--LabApp.extension_manager=readonly"]  # fmt: skip
    log = (folder / "server.log").open("w")
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}/"
    while not answers(f"{address}api?token={token}"):
        if process.poll() is not None:
            raise RuntimeError(f"the Jupyter server ended: {(folder / 'server.log').read_text()[-2000:]}")
        time.sleep(0.2)
    return process, address, token


def answers(address):
    """Whether a server is there already."""
    try:
        urllib.request.urlopen(address, timeout=5).close()
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
    return True


class Lab:
    """A notebook of these cells in JupyterLab, all of them executed."""

    def __init__(self, browser, folder, cells, settings):
        (folder / "work").mkdir()
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(book, folder / "work" / "demos.ipynb")
        self.process, self.address, token = served(folder, settings)
        try:
            self.open(browser, token)
        except BaseException:
            self.process.kill()  # nobody else knows of it
            raise

    def open(self, browser, token):
        """Open the notebook in a page, and run it."""
        self.context = browser.new_context(viewport={"width": 1280, "height": 900})
        self.page, self.outside, self.errors = self.context.new_page(), [], []
        self.page.set_default_timeout(PATIENCE)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: None if request.url.startswith((self.address, "data:", "blob:"))
                     else self.outside.append(request.url))  # fmt: skip
        self.page.goto(f"{self.address}lab/tree/demos.ipynb?token={token}")
        self.page.wait_for_function(READY)
        self.page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")

    def close(self):
        """Nothing is left running."""
        self.context.close()
        self.process.terminate()
        self.process.wait(30)

    def ask(self, code):
        """What the kernel prints when it executes this."""
        return self.page.evaluate(ASK, code).strip()

    def demo(self, name, nth=0):
        """The host of a demo."""
        return self.page.locator(f".jp-OutputArea [data-demo={name}]").nth(nth)

    def wait(self, name, nth=0):
        """Until a demo is alive and at rest."""
        host = self.demo(name, nth)
        host.wait_for(state="attached")
        handle = host.element_handle()
        self.page.wait_for_function("host => host.matches('[data-state=live][data-settled], [data-state=failed]')",
                                    arg=handle)  # fmt: skip
        return host

    def act(self, host, action):
        """Do something, and wait until the answer stands there."""
        host.evaluate("host => host.removeAttribute('data-settled')")
        action()
        self.page.wait_for_function("host => host.matches('[data-settled]')", arg=host.element_handle())

    def told(self, code, wanted):
        """Until the kernel prints this."""
        for _ in range(100):
            if (said := self.ask(code)) == wanted:
                return said
            self.page.wait_for_timeout(100)
        raise AssertionError(f"{code}: {said!r}, not {wanted!r}")
