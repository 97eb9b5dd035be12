"""`python -m tests.reruns`: print each change beside what has to rerun and what a dry run plans; write docs/reruns.md.

Three whole runs, small ones, then a dry run for each row. Ends with 1 where the two differ.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

from aepsl.files import write_text
from aepsl.machine import usable_cpus
from tests.reruns import projects
from tests.reruns.cutoff import again, broken
from tests.reruns.dry_run import planned
from tests.reruns.projects import Finished
from tests.reruns.row import Row
from tests.reruns.table import DOCUMENT, TABLES, Found, document, shown


def main() -> int:
    found: Found = {}
    right = True
    with TemporaryDirectory(prefix="aepsl-reruns-") as place:
        for name, groups in TABLES.items():
            print(f"running {name} …", file=sys.stderr, flush=True)
            finished: Finished = getattr(projects, name)(Path(place, name))
            rows = [row for _, group in groups for row in group]
            for row, jobs in zip(rows, _all_planned(finished, rows), strict=True):
                found[id(row)] = jobs
                right &= _report(row, finished, jobs)
            if name == "scenes":
                right &= all([*again(finished), broken(finished)])
    write_text(Path(DOCUMENT), document(found))
    return 0 if right else 1


def _all_planned(finished: Finished, rows: list[Row]) -> Iterator[set[str]]:
    """Of each row, side by side in copies of the project."""
    copies: SimpleQueue[Finished] = SimpleQueue()
    for number in range(usable_cpus()):
        folder = finished.project.folder.with_name(f"{finished.project.folder.name}{number}")
        copies.put(replace(finished, project=finished.project.copied(folder)))

    def one(row: Row) -> set[str]:
        own = copies.get()
        try:
            return planned(own, row)
        finally:
            copies.put(own)

    with ThreadPoolExecutor(usable_cpus()) as pool:
        yield from pool.map(one, rows)


def _report(row: Row, finished: Finished, jobs: set[str]) -> bool:
    expected, wanted = row.expected(finished.flow), row.planned(finished.flow)
    print(f"{row.what}\n  expected  {shown(expected)}\n  planned   {shown(jobs)}", flush=True)
    if jobs != wanted:
        print(f"  WRONG     too many: {shown(jobs - wanted)}; missing: {shown(wanted - jobs)}", flush=True)
    elif wanted != expected:
        print(f"  beyond    {shown(wanted - expected)} ({row.why})", flush=True)
    return jobs == wanted


if __name__ == "__main__":
    sys.exit(main())
