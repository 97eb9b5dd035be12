"""When a stage's code, or a file from outside, has changed: hashes that Snakemake tracks as params."""

import ast
import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from aepsl.errors import InputError
from aepsl.files import regular

PACKAGE = Path(__file__).parent


def fingerprint(*modules: str) -> str:
    """A hash of what the modules and all they import within the package do.

    Comments, docstrings and layout do not count. The settings and the command line stay out: a stage's settings are
    tracked by their values.
    """
    return hashlib.sha256("".join(_dump(module) for module in closure(modules)).encode()).hexdigest()[:16]


def closure(modules: Iterable[str]) -> list[str]:
    """The modules and all they import within the package, sorted."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found and not module.startswith(("aepsl.settings", "aepsl.cli")):
            found.add(module)
            waiting += _imports(module)
    return sorted(found)


def _file(module: str) -> Path:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _tree(module: str) -> ast.Module:
    tree = ast.parse(_file(module).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [one for one in body if not _is_text(one)]  # type: ignore[attr-defined]
    return tree


def _is_text(statement: ast.stmt) -> bool:
    """Whether the statement is a docstring, of whatever it stands in or after; it does nothing."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


@cache
def _dump(module: str) -> str:
    return f"{module}\n{ast.dump(_tree(module))}\n"


@cache
def _imports(module: str) -> tuple[str, ...]:
    names: set[str] = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return tuple(sorted(n for n in names if n.split(".")[0] == "aepsl" and _file(n).exists()))


def contents(paths: Iterable[Path], cache_file: Path, text: str = "") -> str:
    """A hash of `text`, and of the names and bytes of files and of the files in folders; missing ones count as missing.

    A file's hash is kept in `cache_file` by its path, size and time of change, so that a second look costs a stat.
    """
    known: dict[str, list[Any]] = {}
    with suppress(OSError, ValueError, AttributeError):  # of a spoilt cache, what can be used
        found = json.loads(cache_file.read_text())
        known = {path: kept for path, kept in found.items() if isinstance(kept, list) and len(kept) == 3}
    total, changed = hashlib.sha256(text.encode(errors="surrogatepass")), False
    for path in _files(paths):
        try:
            status = path.stat()
            stamp = [status.st_size, status.st_mtime_ns]
            if known.get(str(path), [])[:2] != stamp:
                with open(regular(path), "rb") as file:
                    known[str(path)] = [*stamp, hashlib.file_digest(file, "sha256").hexdigest()]
                changed = True
            digest = known[str(path)][2]
        except (OSError, InputError):
            digest = "missing"
        total.update(f"{path.name} {digest}\n".encode())
    if changed:
        _keep(known, cache_file)
    return total.hexdigest()[:16]


def _files(paths: Iterable[Path]) -> Iterable[Path]:
    for path in paths:
        if path.is_dir():
            yield from (Path(entry.path) for entry in sorted(os.scandir(path), key=lambda e: e.name) if entry.is_file())
        else:
            yield path


def _keep(known: dict[str, list[Any]], cache_file: Path) -> None:
    try:
        cache_file.parent.mkdir(parents=True, exist_ok=True)
        temporary = cache_file.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(known))
        temporary.replace(cache_file)
    except OSError:
        pass  # a folder that cannot be written costs time, not correctness
