"""Viewers of HDF5 files. `make test-viewers` installs them; without, their tests are skipped."""

import json
import shutil
import subprocess
import threading
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest
from shown import write

PAGE = Path(__file__).parent / "build"
BROWSER = shutil.which("chromium")
PATIENCE = 120  # seconds for one case

Case = dict[str, Any]
"""`file`, `path` where it opens, and `steps`, each what to press before looking again."""
Look = dict[str, Any]
"""What `page.jsx` tells: `pixels` as a data URL, `title`, `tab`, `tree`."""


class Handler(SimpleHTTPRequestHandler):
    """The page, its cases, the files; and what it has seen."""

    def __init__(self, *words: Any, files: Path, cases: list[Case], seen: "Queue[Any]") -> None:
        self.files, self.cases, self.seen = files, cases, seen
        super().__init__(*words, directory=str(PAGE))

    def translate_path(self, path: str) -> str:
        return str(self.files / Path(path).name) if path.startswith("/files/") else super().translate_path(path)

    def do_GET(self) -> None:
        if self.path == "/cases":
            self.answer(json.dumps(self.cases).encode())
        else:
            super().do_GET()

    def do_POST(self) -> None:
        self.seen.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.answer(b"")

    def answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *words: Any) -> None:
        pass


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the files of `shown.write`."""
    folder = tmp_path_factory.mktemp("stores")
    write(folder)
    return folder


@pytest.fixture(scope="session")
def h5web(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, list[Case]], list[list[Look]]]:
    """Opens files of a folder, one after another, in one browser: of each one look, and one more after each step."""
    if BROWSER is None or not (PAGE / "page.js").exists():
        pytest.skip("h5web and chromium are not installed: make test-viewers")

    def show(files: Path, cases: list[Case]) -> list[list[Look]]:
        seen: Queue[Any] = Queue()
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, files=files, cases=cases, seen=seen))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        profile, log = tmp_path_factory.mktemp("profile"), tmp_path_factory.mktemp("log") / "chromium"
        words = [
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--window-size=1100,700",
        ]
        words += ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--force-device-scale-factor=1"]
        with log.open("wb") as output:
            browser = subprocess.Popen(
                [BROWSER, *words, f"--user-data-dir={profile}", f"http://127.0.0.1:{server.server_port}/page.html"],
                stdout=output,
                stderr=output,
            )
            try:
                looks = [seen.get(timeout=PATIENCE) for _ in cases]
            except Empty:
                pytest.fail(f"the browser says no more\n{log.read_text(errors='replace')[-3000:]}")
            finally:
                browser.terminate()
                browser.wait(30)
                server.shutdown()
                server.server_close()
        for look in looks:
            assert isinstance(look, list), look
        return looks

    return show
