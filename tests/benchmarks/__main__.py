"""`python -m tests.benchmarks [name ...]`: measure, print a table, end with 1 where a bound is missed."""

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.measure import Finding

NAMES = ("training_step", "side_by_side", "depthwise", "cams", "erase", "memory", "demo")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(NAMES)}; without any, all")
    names = parser.parse_args().names or NAMES
    if unknown := set(names) - set(NAMES):
        parser.error(f"no benchmark is called {unknown.pop()!r}; there are {', '.join(NAMES)}")
    os.environ["TQDM_DISABLE"] = "1"
    findings: list[Finding] = []
    for name in names:
        print(f"measuring {name} …", file=sys.stderr)
        with TemporaryDirectory(prefix=f"aepsl-{name}-") as folder:
            findings += import_module(f"tests.benchmarks.{name}").measure(Path(folder))
    width = max(len(finding.what) for finding in findings)
    print(f"{'what':{width}}  ratio  bound")
    for finding in findings:
        print(f"{finding.what:{width}}  {finding.row()}")
    return 0 if all(finding.ok for finding in findings) else 1


if __name__ == "__main__":
    sys.exit(main())
