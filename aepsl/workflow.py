"""What the rules ask: the runs of a configuration, which of them owns a product, and all that one job is given.

Snakemake asks this module and nothing else; it is tested without Snakemake.
"""

import hashlib
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from aepsl.data.voc import check_root
from aepsl.errors import InputError
from aepsl.files import canonical
from aepsl.fingerprints import fingerprint
from aepsl.graph import PRODUCTS, SHARDED, Need, needs
from aepsl.machine import has_gpu, share, usable_cpus
from aepsl.outside import TRAINING, Outside
from aepsl.provenance import RECORDS
from aepsl.settings.sections import CALIBRATED
from aepsl.settings.settings import Settings, read_yaml, runs, validate
from aepsl.settings.stages import settings_for
from aepsl.targets import measured, wanted

TEACHER = "@teacher"
JUDGED = {  # by stage, the splits whose ground truth it may read
    "evaluate": ["val"],
    "judge_labels": ["train"],
    "quality": ["train"],
    "overview": ["val"],
    "plot_result": ["val"],
    "gallery": ["train", "val"],
}
PICTURES = ("overview", "gallery")  # which do without truth where there is none


class Plan:
    """The runs of a configuration: the base ("") and its variants ("variants/{name}/", their folder in the results).

    A product belongs to the first run in which its stage and all before it have the settings they have in this run; no
    other run makes it again.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.runs = {run.folder: run.settings for run in runs(settings)}
        for run, own in list(self.runs.items()):
            if own.segmentation.labels == "predictions":  # PSL++ learns from the run that learned from pseudo-labels
                first = own.segmentation.model_copy(update={"labels": "pseudo"})
                self.runs[teacher(run)] = own.model_copy(update={"segmentation": first})
        self._digests: dict[tuple[str, str, int | None, str | None], str] = {}
        self.outside = Outside()

    def digest(self, job: "Job") -> str:
        """A hash of the settings of the job's stage and of all stages before it; equal where the products are."""
        key = (job.stage, job.run, job.round, job.split)
        if key not in self._digests:
            if job.is_absent():
                return f"{job.run} has no {job.stage} in round {job.round}"
            upstream = {
                name: [self.digest(job.maker(one)) for one in (need if isinstance(need, list) else [need])]
                for name, need in job.needs.items()
            }
            own = canonical([job.stage, job.settings(), job.outside(), upstream])
            self._digests[key] = hashlib.sha256(own.encode()).hexdigest()
        return self._digests[key]

    def path(self, product: str, run: str = "", *, round: int | None = None, split: str | None = None) -> str:
        """Where `run` finds a product: in its owner's folder."""
        return self.owner(Job(self, PRODUCTS[product].stage, run, round, split)).made(product)

    def job(self, stage: str, run: str = "") -> "Job":
        """A stage of a run, of those that have neither rounds nor splits."""
        return Job(self, stage, run)

    def owner(self, job: "Job") -> "Job":
        """The job that makes what `job` would make."""
        own = self.digest(job)
        return replace(job, run=next(other for other in self.runs if self.digest(replace(job, run=other)) == own))

    def told(self) -> dict[str, dict[str, Any]]:
        """Of each run, by its folder in the results, for `provenance.json`: its `settings`, and its `images`.

        The latter are manifests below the results: of the splits, and of what the classifier of each round sees.
        """
        elsewhere = {"variants", "seeds", "results"}
        return {
            str(Path(run)): {
                "settings": own.model_dump(mode="json", exclude=elsewhere),
                "images": {
                    "train": self._below(self.path("manifest", run, split="train")),
                    "val": self._below(self.path("manifest", run, split="val")),
                    "rounds": [
                        self._below(str(Job(self, "cams", run, round=t).inputs()["images"]))
                        for t in range(1, own.erasing.rounds + 1)
                    ],
                },
            }
            for run, own in self.runs.items()
        }

    def _below(self, path: str) -> str:
        return str(Path(path).relative_to(self.settings.results))

    def wanted(self) -> list[str]:
        """What is made where nothing is asked for by name: all that the dataset has the masks to judge, and the report.

        Raises InputError where some validation images have a mask and others have none.
        """
        return wanted(self)


def plan_of(
    config: Mapping[str, Any], given: Mapping[str, Any] | None = None, files: Iterable[str | Path] = ()
) -> Plan:
    """The plan of a configuration as Snakemake read it. Raises InputError when it is wrong.

    given: what the command line set of it; Snakemake leaves as text all that stands there below the first level.
    files: those it was read from; Snakemake takes the last of several equal keys in silence.
    """
    for path in files:
        read_yaml(Path(path))
    given = {key: value for key, value in (given or {}).items() if not isinstance(value, str)}
    settings = validate(Settings, _as_in_a_file(dict(config), given), source="configuration")
    results = Path(settings.results)
    try:
        for place in (results, *results.parents):
            if place.is_file():
                raise InputError(f"{place}: the folder of results cannot be written (there is a file of that name)")
    except OSError as error:
        raise InputError(f"{results}: the folder of results cannot be written ({error.strerror})") from None
    plan = Plan(settings)
    for run in plan.runs.values():
        if run.dataset.format == "voc":
            check_root(Path(run.dataset.root))
        if run.network.weights not in (None, "torchvision") and not Path(run.network.weights).is_file():
            raise InputError(f"network.weights: no such file. Got: {run.network.weights!r}")
    for dataset in [run.dataset for run in plan.runs.values() if run.dataset.format == "folder"]:
        if results.resolve().is_relative_to(Path(dataset.root).resolve()):
            raise InputError(f"{results}: the results would lie among the photographs of {dataset.root}; move either")
    return plan


def _as_in_a_file(value: Any, given: Any) -> Any:
    """`value`, with the texts of it that are `given` read as YAML would read them in a file."""
    match given:
        case dict() if isinstance(value, dict):
            return {key: _as_in_a_file(one, given.get(key)) for key, one in value.items()}
        case list() if isinstance(value, list):
            return [_as_in_a_file(one, own) for one, own in zip(value, given, strict=True)]
        case str():
            try:
                read = yaml.safe_load(given)
            except yaml.YAMLError:
                return value
            return read if read is None or isinstance(read, bool | int | float) else value
    return value


def teacher(run: str) -> str:
    """The run that a PSL++ run learns from, where no other run has its settings; no variant can have its name."""
    return f"{run.rstrip('/') or 'variants/'}{TEACHER}/"


@dataclass(frozen=True)
class Job:
    """A stage of a run, in a round or for a split where it has them, and all that a rule gives it."""

    plan: Plan
    stage: str
    run: str = ""
    round: int | None = None
    split: str | None = None
    shard: str | None = None
    """As Snakemake names it, such as 2-of-8."""

    @property
    def whole(self) -> Settings:
        """The whole configuration of the run."""
        return self.plan.runs[self.run]

    @cached_property
    def needs(self) -> Mapping[str, Need | list[Need]]:
        """The products that the job needs, by argument."""
        run = teacher(self.run)
        return needs(self.stage, self.whole, round=self.round, split=self.split, teacher=run, judged=self.judged)

    def is_absent(self) -> bool:
        """Whether the run has no such job: it has fewer rounds, erases nothing, or calibrates nothing."""
        erasing, t = self.whole.erasing, self.round or 0
        if self.stage == "calibrate" and t <= erasing.rounds:
            return erasing.in_round(t, "reading") not in CALIBRATED
        return t > erasing.rounds or (self.stage == "erase" and erasing.fill == "none")

    def maker(self, need: Need) -> "Job":
        """The job of the needing run that would make the product."""
        return Job(self.plan, PRODUCTS[need.product].stage, need.run or self.run, need.round, need.split)

    def inputs(self) -> dict[str, str | list[str]]:
        """The paths of the inputs, by argument. Raises InputError where the job judges by masks that there are not."""
        for split in () if self.stage in PICTURES else self._truth_splits:
            if not self.judged(split):
                raise self.plan.outside.without_masks(next(iter(self.outputs().values())), self.whole.dataset, split)

        def path(need: Need) -> str:
            return self.plan.path(need.product, need.run or self.run, round=need.round, split=need.split)

        return {
            k: [path(one) for one in need] if isinstance(need, list) else path(need) for k, need in self.needs.items()
        }

    def made(self, product: str) -> str:
        """The path of one of the job's products, in its run's own folder."""
        path = PRODUCTS[product].path.format(round=self.round, split=self.split)
        return str(Path(self.plan.settings.results, self.run, path))

    def outputs(self) -> dict[str, str]:
        """The paths of the outputs, by argument."""
        return {p.argument: self.made(name) for name, p in PRODUCTS.items() if p.stage == self.stage}

    def record(self) -> Path:
        """Where it is told how the job's products were made."""
        folder = f"round{self.round}" if self.round else self.split or ""
        name = f"{self.stage}.{self.shard}.json" if self.shard else f"{self.stage}.json"
        return Path(self.plan.settings.results, RECORDS, self.run, folder, name)

    def settings(self) -> str:
        """What the stage reads of the configuration, as canonical JSON; Snakemake tracks it and passes it on."""
        return canonical(settings_for(self.stage, self.whole, round=self.round, split=self.split).model_dump())

    def outside(self) -> dict[str, str]:
        """Folders that the stage reads and no rule makes, by argument: the ground truth, only where it may be read."""
        found: dict[str, str] = {}
        dataset = self.whole.dataset
        for split in self._truth_splits:
            name = "truth" if len(self._truth_splits) == 1 else f"{split}_truth"
            if dataset.format == "scenes":
                root = Path(self.plan.path("scenes", self.run, split=split)).parent
                found[name] = str(root / "SegmentationClass")
                if self.stage == "quality":
                    found["parts"] = str(root / "SegmentationParts")
            elif (masks := self.plan.outside.masks(dataset, split)) and (self.stage == "gallery" or self.judged(split)):
                found[name] = str(masks[0])
        return found

    def benchmarks(self) -> dict[str, list[str]]:
        """What Snakemake measures of the jobs, by argument; no rule's product, and there only once they have run."""
        return {"benchmarks": measured(self.plan)} if self.stage == "plot_resources" else {}

    def tracked(self) -> list[str]:
        """What Snakemake tracks beside the settings: the stage's code, what it reads from outside, its inputs' paths.

        The paths, as the profiles leave the rerun trigger `input` out: to it another number of shards is a change.
        """
        paths = [path for one in self.inputs().values() for path in (one if isinstance(one, list) else [one])]
        return [self.code(), self.content(), *paths]

    def code(self) -> str:
        """The fingerprint of the stage's code, with the modules that its settings choose by name."""
        s = self.whole
        backbone, attention = f"aepsl.networks.{s.network.backbone}", f"aepsl.attention.{s.attention.method}"
        chosen = {
            "manifest": ["aepsl.data.folder" if s.dataset.format == "folder" else "aepsl.data.voc"],
            "train_classifier": [backbone, attention],
            "cams": [backbone, attention],
            "judge_classifiers": [backbone, attention],
            "saliency": [f"aepsl.saliency.{s.saliency.method}"],
            "train_segmentation": [backbone],
            "predict": [backbone],
            "self_labels": [backbone],
        }
        gather = ["aepsl.gather"] if self.stage in SHARDED else []
        return fingerprint(f"aepsl.stages.{self.stage}", *chosen.get(self.stage, []), *gather)

    def content(self) -> str:
        """A hash of what the job reads from outside, none of which is a rule's input; empty where it reads nothing."""
        return self.plan.outside.content(self.stage, self.whole, split=self.split, truths=self._truth_splits)

    def judged(self, split: str) -> bool:
        """Whether there are ground-truth masks of all the split's images. Raises InputError as `Outside.judged`."""
        return self.plan.outside.judged(self.whole.dataset, split)

    @property
    def trains(self) -> bool:
        """Whether the job trains a network."""
        return self.stage in TRAINING

    @property
    def _truth_splits(self) -> list[str]:
        """The splits whose ground truth the job may read."""
        learns = self.stage == "train_segmentation" and self.whole.segmentation.labels == "truth"
        return ["train"] if learns else JUDGED.get(self.stage, [])

    def command(self) -> str:
        """How the stage is called, without its arguments; untracked."""
        devices, stage = self.plan.settings.devices, self.stage.replace("_", "-")
        # After `--`: torchrun would take the options of the stage for abbreviations of its own.
        many = f"torch.distributed.run --standalone --nproc-per-node {devices} -m -- "
        return f"python -m {many if self.trains and devices > 1 else ''}aepsl {stage}"

    def gpus(self, *, elsewhere: bool) -> int:
        """How many the job asks for, where it computes with a network. elsewhere: a cluster's machine runs it."""
        s = self.plan.settings
        if s.device == "cpu" or (s.device == "auto" and not elsewhere and not has_gpu()):
            return 0
        return s.devices if self.trains else 1

    def threads(self, cores: int, *, gpus: int, elsewhere: bool) -> int:
        """Of Snakemake's `cores`, how many the job takes, where it computes with a network.

        All on a cluster, where they are those of a job, and another machine's CPUs than these. Where it has some of
        the `gpus` that Snakemake may give at a time, as large a part of the cores.
        """
        if elsewhere:
            return cores
        if taken := self.gpus(elsewhere=False):
            return max(1, cores * taken // max(taken, gpus))
        return share(cores, self.whole.cpu_threads * (self.plan.settings.devices if self.trains else 1))

    def options(self, threads: int) -> str:
        """What the command is told of the machine and of folders outside, as shell words; untracked."""
        s = self.plan.settings
        workers = str(min(threads, usable_cpus()))
        words = ["--device", s.device, "--precision", s.precision, "--workers", workers, "--end-with-parent"]
        words += ["--code", self.code(), "--record", str(self.record())]
        if self.trains:
            words += ["--content", self.content()]
        if self.shard:
            words += ["--shard", self.shard]
        for name, paths in self.benchmarks().items():
            words += [f"--{name}", *paths]
        for name, path in self.outside().items():
            words += [f"--{name.replace('_', '-')}", path]
        return shlex.join(words)
