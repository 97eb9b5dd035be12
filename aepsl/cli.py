"""The command line: every stage is a plain command, with its settings from a rule or from a configuration file."""

import argparse
import ast
import hashlib
import inspect
import json
import logging
import os
import sys
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from tqdm import tqdm

from aepsl.errors import InputError
from aepsl.files import remove_leftovers, sha256
from aepsl.graph import PRODUCTS, STAGES
from aepsl.machine import processes, rank
from aepsl.options import machine_of, machine_options
from aepsl.parallel import end_unless
from aepsl.provenance import write_record
from aepsl.settings import stages as stage_settings
from aepsl.settings.settings import load, validate
from aepsl.shards import WHOLE, Shard
from aepsl.workflow import TEACHER, Job, Plan

LESS_MEMORY = "fewer --workers, a smaller batch or smaller photographs need less"
TOOLS = (
    "gather",
    "segment",
    "export_onnx",
    "summary",
    "inspect",
    "compare",
    "shrink",
    "labels_from_masks",
    "judge_saliency",
    "schema",
)


def main(arguments: list[str] | None = None) -> None:
    """Run one command. Bad input ends in one line and status 2; a defect of the program in a traceback and status 1."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # sums of per-image stages do not depend on the machine's cores
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin for work starve on a busy machine
    arguments = sys.argv[1:] if arguments is None else arguments
    parser, commands = _parser(arguments)
    options = parser.parse_args(arguments)
    try:
        _start_log(getattr(options, "log", None))
        if getattr(options, "end_with_parent", False):
            _end_with_parent()
        commands[options.command](options)
    except InputError as error:
        _end(options.command, str(error))
    except BrokenPipeError:  # who read the output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _end(options.command, f"{place}{error.strerror or error}")
    except BrokenProcessPool:
        _end(options.command, f"a worker process was killed, most likely for lack of memory; {LESS_MEMORY}")
    except Exception as error:
        if not _is_lack_of_memory(error):
            raise
        _end(options.command, f"out of memory; {LESS_MEMORY}")


def _is_lack_of_memory(error: Exception) -> bool:
    """Whether it is Python's, or torch's, on a GPU or a CPU; torch may not be imported here."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return not names.isdisjoint({"MemoryError", "OutOfMemoryError"}) or "can't allocate memory" in str(error)


def _end(command: str, message: str) -> NoReturn:
    """Say the line, to the log too, which Snakemake shows: no traceback, as nobody is to look for a defect."""
    logging.getLogger("aepsl").error("aepsl %s: %s", command, message)
    sys.exit(2)


def _parser(arguments: list[str]) -> tuple[argparse.ArgumentParser, dict[str, Callable[[argparse.Namespace], None]]]:
    parser = argparse.ArgumentParser(
        prog="aepsl", description="Adversarial erasing and online prohibitive segmentation learning."
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands: dict[str, Callable[[argparse.Namespace], None]] = {}
    chosen = next((word for word in arguments if not word.startswith("-")), "")
    for stage in STAGES:
        name = stage.replace("_", "-")
        about = None if chosen else f"stage: {_summary('stages', stage)}"
        sub = subparsers.add_parser(name, help=about, formatter_class=argparse.RawDescriptionHelpFormatter)
        commands[name] = lambda options, stage=stage: _run_stage(stage, options)  # type: ignore[misc]
        if chosen == name:  # the other stages' modules are not imported
            _stage_options(sub, stage)
    for tool in TOOLS:
        name = tool.replace("_", "-")
        sub = subparsers.add_parser(name, help=None if chosen else f"tool: {_summary('tools', tool)}")
        commands[name] = lambda options, tool=tool: import_module(f"aepsl.tools.{tool}").run(options)  # type: ignore[misc]
        if chosen == name:
            import_module(f"aepsl.tools.{tool}").options(sub)
    return parser, commands


def _summary(kind: str, name: str) -> str:
    """The first line of a module's docstring, the module not imported: some need seconds for that."""
    source = (Path(__file__).parent / kind / f"{name}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0].replace("%", "%%")


def _stage_options(parser: argparse.ArgumentParser, stage: str) -> None:
    module = import_module(f"aepsl.stages.{stage}")
    parser.description = f"{module.__doc__}\n\n{module.run.__doc__}"
    source = parser.add_argument_group("settings: from a rule, or of a run of a configuration")
    source.add_argument("--settings", help="the stage's settings as JSON")
    source.add_argument("--config", type=Path, nargs="+", help="configuration files; paths not given are the run's")
    source.add_argument("--run", default="", help="run of the configuration, such as variants/plain/")
    if "{round}" in _place(stage):
        source.add_argument("--round", type=int, help="erasing round, from 1")
    if "{split}" in _place(stage):
        source.add_argument("--split", choices=["train", "val"])
    if "shard" in inspect.signature(module.run).parameters:
        source.add_argument("--shard", default=str(WHOLE), help="of the images, such as 2-of-8")
    files = parser.add_argument_group("files")
    for parameter in _files(stage):
        kind = str(parameter.annotation)
        count = "*" if "list" in kind else "?" if "None" in kind else None
        files.add_argument(f"--{parameter.name.replace('_', '-')}", type=Path, nargs=count)
    source.add_argument("--code", default="", help="fingerprint of the code; another one starts a training anew")
    source.add_argument("--content", default="", help="hash of weights and masks from outside; likewise")
    files.add_argument("--record", type=Path, help="file for how this was made")
    machine_options(parser)


def _files(stage: str) -> list[inspect.Parameter]:
    """The parameters of the stage's `run` that are paths."""
    parameters = inspect.signature(import_module(f"aepsl.stages.{stage}").run).parameters.values()
    return [parameter for parameter in parameters if "Path" in str(parameter.annotation)]


def _made(stage: str) -> set[str]:
    """The arguments that name what the stage makes."""
    return {product.argument for product in PRODUCTS.values() if product.stage == stage}


def _run_stage(stage: str, options: argparse.Namespace) -> None:
    run = import_module(f"aepsl.stages.{stage}").run
    job = _job(stage, options) if options.config else None
    if options.settings is None and job is None:
        raise InputError("give --settings (JSON) or --config (a file)")
    text = options.settings if job is None or options.settings is not None else job.settings()
    model = getattr(stage_settings, "".join(word.title() for word in stage.split("_")) + "Settings")
    arguments: dict[str, Any] = {"settings": validate(model, _parsed(text), source="--settings")}
    files = _paths(stage, options, job)
    made = [files[argument] for argument in _made(stage)]
    record = options.record or (job and job.record())
    for path in [*made, record]:
        if path and rank() == 0:
            remove_leftovers(path)
    wanted = inspect.signature(run).parameters
    code = job.code() if job else options.code
    machine = machine_of(options, job.plan.settings if job else None)
    if "machine" in wanted:
        arguments["machine"] = machine
    if "shard" in wanted:
        arguments["shard"] = Shard.named(options.shard)
    if "key" in wanted:
        content = job.content() if job else options.content
        arguments["key"] = _key(stage, text, code, content, files)
    run(**arguments, **files)
    if record and rank() == 0:
        write_record(record, stage, arguments["settings"], code=code, products=made, machine=machine)


def _job(stage: str, options: argparse.Namespace) -> Job:
    """The job of the configuration that the options name."""
    plan = Plan(load(*options.config))
    run = f"{options.run.rstrip('/')}/" if options.run else ""
    if run not in plan.runs:
        known = ", ".join(repr(run) for run in plan.runs if TEACHER not in run)
        raise InputError(f"{' '.join(map(str, options.config))} has no run {run!r}; its runs: {known}")
    place, round, split = _place(stage), getattr(options, "round", None), getattr(options, "split", None)
    rounds = plan.runs[run].erasing.rounds
    if "{round}" in place and not 1 <= (round or 0) <= rounds:
        raise InputError(f"give --round, 1 to {rounds}. Got: {round}")
    if "{split}" in place and split is None:
        raise InputError("give --split, train or val")
    return Job(plan, stage, run, round, split)


def _place(stage: str) -> str:
    """The path of the first of a stage's products below the results, with {round} or {split} where it has them."""
    return next(product.path for product in PRODUCTS.values() if product.stage == stage)


def _paths(stage: str, options: argparse.Namespace, job: Job | None) -> dict[str, Any]:
    """The stage's files: as given, else where the job of the configuration has them."""
    known: dict[str, str | list[str]] = (
        {**job.outside(), **job.benchmarks(), **job.inputs(), **job.outputs()} if job else {}
    )
    files: dict[str, Any] = {}
    for parameter in _files(stage):
        name, kind = parameter.name, str(parameter.annotation)
        value, default = getattr(options, name), known.get(name)
        if value is None and name in _made(stage) and getattr(options, "shard", str(WHOLE)) != str(WHOLE):
            raise InputError(f"--{name.replace('_', '-')} is missing: a shard does not take the place of the whole")
        if value is None and default is not None:
            value = [Path(path) for path in default] if isinstance(default, list) else Path(default)
        if value is None and "list" in kind:
            value = []
        if value is None and "None" not in kind:
            raise InputError(f"--{name.replace('_', '-')} is missing")
        files[name] = value
    return files


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"--settings: not JSON ({error})") from None


def _key(stage: str, settings: str, code: str, content: str, files: dict[str, Any]) -> str:
    """Names a job by its settings, its code and the bytes that it reads: whose checkpoint it may go on from."""
    parts = [stage, settings, code, content]
    for name, value in sorted(files.items()):
        if name not in _made(stage):
            paths = value if isinstance(value, list) else [value]
            parts += [sha256(path) if path.is_file() else str(path) for path in paths if path is not None]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _start_log(path: Path | None) -> None:
    """Progress to standard error; all of it, tracebacks too, to the file."""
    logging.raiseExceptions = False  # a log that cannot be written, on a full disk, stops nothing
    root = logging.getLogger("aepsl")
    root.setLevel(logging.DEBUG)
    root.handlers.clear()
    console = _Console()
    console.setLevel(logging.ERROR if rank() else logging.INFO)  # the first process speaks for all
    console.setFormatter(logging.Formatter("%(message)s"))
    root.addHandler(console)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if rank() == 0:
            path.write_bytes(b"")
        file = logging.FileHandler(path, mode="a")  # of all processes, so that none writes over another's lines
        file.setLevel(console.level if rank() else logging.DEBUG)
        file.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        root.addHandler(file)
        sys.excepthook = lambda *defect: root.critical("defect of the program", exc_info=defect)


class _Console(logging.Handler):
    """Lines on standard error, above a progress bar where there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(self.format(record), file=sys.stderr)


def _end_with_parent() -> None:
    """Watch the parent, or torchrun's, and end with it: a workflow killed alone must not leave jobs that write."""

    def parent() -> int:
        own = os.getppid()
        return own if processes() == 1 else int(Path(f"/proc/{own}/stat").read_text().rpartition(")")[2].split()[1])

    def lives() -> bool:
        try:
            return parent() == first
        except OSError:  # torchrun itself has gone
            return False

    first = parent()
    end_unless(lives)
