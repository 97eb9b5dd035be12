"""The table: its rows, how sets of jobs are shown, and docs/reruns.md."""

from collections.abc import Mapping

from tests.reruns import events, flow, settings, sources
from tests.reruns.flow import Flow
from tests.reruns.row import Row

UNTOLD = {"plot_resources", "list_settings"}  # in each row the same, as the head of the document says
DOCUMENT = "docs/reruns.md"
Found = dict[int, set[str]]
"""id of a row → the jobs that its dry run planned."""

FLOWS: Mapping[str, Flow] = {
    "scenes": flow.scenes(),
    "devkit": flow.outside(),
    "folder": flow.outside(judged=False, crf=False, rounds=1),
}
TABLES: Mapping[str, list[tuple[str, list[Row]]]] = {
    "scenes": [("Settings", settings.SCENES), ("Other changes", events.SCENES), ("Source files", sources.SCENES)],
    "devkit": [("Settings", settings.DEVKIT), ("Data", events.DEVKIT), ("Source files", sources.DEVKIT)],
    "folder": [("Settings", settings.FOLDER), ("Data", events.FOLDER), ("Source files", sources.FOLDER)],
}
TITLES = {
    "scenes": "After `configs/test.yaml`, with its ceiling and PSL++",
    "devkit": "After a run on VOC's layout, with weights in a file, external saliency maps and every judgement",
    "folder": "After a run on a folder of photographs, one round, no CRF, masks of all",
}
HEAD = """# What reruns

After a change, `snakemake` reruns the jobs whose result depends on it, and no others. For each setting, each source
file and other changes, this page lists these jobs, written by hand from the method (`tests/reruns/`), and what a dry
run plans after a finished run. `make reruns` makes the page and ends with an error if the two differ. `make test` tries
some of the rows, and fails if a setting or a source file has none.

A dry run shows every job that may follow, and a run that has begun does all of them. Only the next invocation stops
early: after a job that ran again and gave the same bytes, it runs nothing. So if an edit of the code that reads
photographs should change no manifest, `snakemake --until manifest` and then `snakemake` train nothing. `make reruns`
tries this too, for a job of each stage.

Two jobs of the report are tried in each row but not listed, because each takes seconds: `plot_resources`, the figure of
time and memory, follows every job behind the default target, and `list_settings` follows every setting except device,
devices and precision.

What counts as a change, and what reruns more than it has to:

- Code counts by module, whatever a stage uses of it: an edit of one function reruns all stages that import its module,
  directly or not. Comments, docstrings and layout do not count. The rows say where a stage imports a module without
  its result depending on it.
- Settings count by stage. A setting that another one switches off by name is not read (`momentum` beside `adamw`); one
  that a number switches off is read (`crf.bilateral_xy` where `bilateral_weight` is 0).
- Files from outside count by their bytes and names: photographs, lists, masks, weights, saliency maps; of a table of
  labels, the rows of the split. The manifests contain the files' places, so another `dataset.root` reruns all, and
  another path of the table reruns the manifests of both splits.
- What a product was made of is remembered in the folder `.snakemake` beside the Snakefile. Results that were copied
  from elsewhere, or whose `.snakemake` is gone, count as they are, whatever the configuration; remove them to make them
  anew.
- A stage run by hand is not noticed: its product counts as the workflow's, until `--forcerun` with the rule's name.
- Not tracked: device, devices and precision, the versions of Python packages, and ImageNet's weights as torchvision
  fetches them, which it checks by their hash.
"""


def shown(jobs: set[str], read: Flow | None = None) -> str:
    """Jobs in few words: rounds as a range, runs behind their stage; with `read`, nearly all of them by the rest."""
    jobs, read = jobs - UNTOLD, read and {job: before for job, before in read.items() if job not in UNTOLD}
    if not jobs:
        return "nothing"
    if read and jobs <= read.keys() and len(rest := read.keys() - jobs) <= 10 < len(jobs):
        return f"all but {shown(set(rest))}" if rest else "all"
    stages: dict[str, dict[str, list[str]]] = {}
    for job in sorted(jobs, key=_place):
        stage, run, where = _parts(job)
        stages.setdefault(stage, {}).setdefault(run, []).append(where)
    return ", ".join(_stage(stage, runs) for stage, runs in stages.items())


def _parts(job: str) -> tuple[str, str, str]:
    """Stage, run (empty: the base), and round or split."""
    stage, *rest = job.split()
    run = next((word for word in rest if "/" in word), "")
    return stage, run.removeprefix("variants/").rstrip("/"), next((word for word in rest if "/" not in word), "")


def _place(job: str) -> tuple[int, str, str]:
    stage, run, where = _parts(job)
    return ORDER.index(stage), run, where


ORDER = (
    "scenes", "manifest", "train_classifier", "cams", "calibrate", "mine", "erase", "saliency", "pseudo_labels",
    "train_segmentation", "self_labels", "predict", "crf", "evaluate", "judge_classifiers", "judge_labels", "quality",
    "overview", "gallery", "plot_training", "plot_quality", "plot_result", "comparison", "submission",
)  # fmt: skip


def _stage(stage: str, runs: dict[str, list[str]]) -> str:
    words = []
    for run, where in runs.items():
        rounds = f"{where[0]}–{where[-1]}" if len(where) > 1 and where[0].isdigit() else " and ".join(where)
        words.append((run or ("base" if len(runs) > 1 else ""), rounds))
    named = [run for run, _ in words if run]
    return " ".join(filter(None, [stage, words[0][1], f"({', '.join(named)})" if named else ""]))


def document(found: Found | None = None) -> str:
    """docs/reruns.md, with what dry runs found, or as it is where all is as it should be."""
    parts = [HEAD]
    for name, groups in TABLES.items():
        parts.append(f"\n## {TITLES[name]}\n")
        for title, rows in groups:
            parts.append(f"\n### {title}\n\n| change | its result depends on it | a dry run plans |\n|---|---|---|\n")
            parts += [_line(row, FLOWS[name], None if found is None else found[id(row)]) for row in rows]
    return "".join(parts)


def _line(row: Row, read: Flow, jobs: set[str] | None) -> str:
    expected, wanted = row.expected(read), row.planned(read)
    own = row.flow or read
    jobs = wanted if jobs is None else jobs
    if jobs == expected:
        said = f"the same; {row.beyond} too: {row.why}" if row.beyond else "the same"
    elif jobs == wanted:
        said = f"also {shown(wanted - expected)}: {row.why}"
    else:
        said = f"**{shown(jobs, own)}**"
    return f"| {row.what} | {shown(expected, own)} | {said} |\n"
