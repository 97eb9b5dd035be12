"""What the rules ask: the runs of a configuration, which of them owns a product, and all that one job is given.

Snakemake asks this module and nothing else; it is tested without Snakemake.
"""

import fcntl
import hashlib
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import yaml

from aepsl.data import folder, voc
from aepsl.errors import InputError
from aepsl.files import canonical
from aepsl.fingerprints import contents, fingerprint
from aepsl.graph import PRODUCTS, Need, needs
from aepsl.machine import usable_cpus
from aepsl.provenance import RECORDS
from aepsl.settings.settings import Settings, read_yaml, runs, validate
from aepsl.settings.stages import settings_for
from aepsl.targets import measured, wanted

TEACHER = "@teacher"
FORMATS = {"voc": voc, "folder": folder}  # of data that the project does not make itself
# The split whose ground truth a stage may read.
JUDGED = {"evaluate": "val", "judge_labels": "train", "quality": "train", "overview": "val", "plot_result": "val"}
CONTENT_CACHE = Path(".snakemake/aepsl-contents.json")


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


def locked(results: str) -> IO[str]:
    """The results folder, locked for this process alone until it ends, however it ends. Keep what is returned.

    Raises InputError when another run has it, or when it cannot be written.
    """
    path = Path(results, ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "w")  # noqa: SIM115
    except OSError as error:
        raise InputError(f"{error.filename}: the folder of results cannot be written ({error.strerror})") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise InputError(f"{results}: another run is at work in this folder; wait for it or stop it") from None
    return file


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

    @property
    def whole(self) -> Settings:
        """The whole configuration of the run."""
        return self.plan.runs[self.run]

    @cached_property
    def needs(self) -> Mapping[str, Need | list[Need]]:
        """The products that the job needs, by argument."""
        return needs(self.stage, self.whole, round=self.round, split=self.split, teacher=teacher(self.run))

    def is_absent(self) -> bool:
        """Whether the run has no such job: it has fewer rounds, or erases nothing."""
        erasing = self.whole.erasing
        return (self.round or 0) > erasing.rounds or (self.stage == "erase" and erasing.fill == "none")

    def maker(self, need: Need) -> "Job":
        """The job of the needing run that would make the product."""
        return Job(self.plan, PRODUCTS[need.product].stage, need.run or self.run, need.round, need.split)

    def inputs(self) -> dict[str, str | list[str]]:
        """The paths of the inputs, by argument. Raises InputError where the job judges by masks that there are not."""
        split = self._truth_split
        if split and self.stage != "overview" and not self.judged(split):
            raise InputError(self._without_masks(split))

        def path(need: Need) -> str:
            return self.plan.path(need.product, need.run or self.run, round=need.round, split=need.split)

        if self.stage == "plot_resources":
            return {"benchmarks": measured(self.plan)}
        if self.stage == "comparison":
            compared = runs(self.whole)
            trained = compared if self.judged("train") else []  # else there is nothing to judge training by
            bases = [run.folder for run in compared if not run.variant]
            judged = [run for run in trained if run.settings.segmentation.labels != "truth"]
            return {
                "miou": [self.plan.path("miou", run.folder) for run in compared],
                "counts": [self.plan.path("counts", run.folder) for run in compared],
                "classifiers": [self.plan.path("judged_classifiers", folder) for folder in bases],
                "labels": [self.plan.path("judged_labels", run.folder) for run in judged],
                "quality": [self.plan.path("quality", folder) for folder in bases if trained],
            }
        found = {
            k: [path(one) for one in need] if isinstance(need, list) else path(need) for k, need in self.needs.items()
        }
        without = self.stage == "plot_result" and not self.judged("train")  # and so there is no ceiling
        return {**found, "ceiling": []} if without else found

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
        return Path(self.plan.settings.results, RECORDS, self.run, folder, f"{self.stage}.json")

    def settings(self) -> str:
        """What the stage reads of the configuration, as canonical JSON; Snakemake tracks it and passes it on."""
        return canonical(settings_for(self.stage, self.whole, round=self.round, split=self.split).model_dump())

    def outside(self) -> dict[str, str]:
        """Folders that the stage reads and no rule makes, by argument: the ground truth, only where it may be read."""
        if self._truth_split is None:
            return {}
        if self.whole.dataset.format == "scenes":
            root = Path(self.plan.path("scenes", self.run, split=self._truth_split)).parent
            parts = {"parts": str(root / "SegmentationParts")} if self.stage == "quality" else {}
            return {"truth": str(root / "SegmentationClass"), **parts}
        masks = self._masks(self._truth_split)
        return {"truth": str(masks[0])} if masks and self.judged(self._truth_split) else {}

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
        return fingerprint(f"aepsl.stages.{self.stage}", *chosen.get(self.stage, []))

    def content(self) -> str:
        """A hash of what the job reads from outside, none of which is a rule's input."""
        dataset, network = self.whole.dataset, self.whole.network
        paths = [Path(network.weights)] if self.trains and network.weights not in (None, "torchvision") else []
        if self.stage == "saliency" and self.whole.saliency.method == "external":
            paths += self._maps()
        text = ""
        if self.stage == "manifest" and dataset.format != "scenes":
            text, files = FORMATS[dataset.format].sources(dataset, self.split)
            paths += files
        if self.stage == "plot_resources":
            text = canonical(measured(self.plan))
        if self._truth_split and (masks := self._masks(self._truth_split)):
            paths += masks[1]
        return contents(paths, CONTENT_CACHE, text)

    def _maps(self) -> list[Path]:
        """The saliency maps of the training images, or all there are where no list names these images yet."""
        folder, dataset = Path(self.whole.saliency.folder or "."), self.whole.dataset
        if dataset.format not in FORMATS or not folder.is_dir():
            return [folder]
        ids = set(FORMATS[dataset.format].ids(dataset, "train"))
        return sorted(path for path in folder.iterdir() if path.stem in ids)

    def judged(self, split: str) -> bool:
        """Whether there are ground-truth masks of the split's images, all of them.

        Of the training images some may have masks; of the validation images all or none: else InputError is raised.
        """
        if self.whole.dataset.format == "scenes":
            return True
        if (found := self._masks(split)) is None:
            return False
        lacking = _absent(found[1])
        if split == "val" and 0 < len(lacking) < len(found[1]):
            raise InputError(f"{lacking[0]}: no such mask ({len(lacking)} of {len(found[1])} validation images)")
        return not lacking

    def _without_masks(self, split: str) -> str:
        """Why the job cannot be: which masks there are not."""
        images, found = "training" if split == "train" else "validation", self._masks(split)
        lacking = _absent(found[1]) if found else []
        first = f" ({lacking[0]} is missing)" if lacking else ""
        sbd = bool(lacking) and lacking[0].parent.name == voc.AUGMENTED_FOLDER
        return (
            f"{next(iter(self.outputs().values()))}: cannot be made without ground-truth masks of all {images} "
            f"images{first}; {f'those of train_aug: {voc.AUGMENTED}; ' if sbd else ''}"
            "`snakemake` without a target makes what can be made"
        )

    @property
    def trains(self) -> bool:
        """Whether the job trains a network."""
        return self.stage in ("train_classifier", "train_segmentation")

    @property
    def _truth_split(self) -> str | None:
        """The split whose ground truth the job may read."""
        learns = self.stage == "train_segmentation" and self.whole.segmentation.labels == "truth"
        return "train" if learns else JUDGED.get(self.stage)

    def _masks(self, split: str) -> tuple[Path, list[Path]] | None:
        """The folder of masks and where those of a split belong; None: there are none, or the project draws them."""
        dataset = self.whole.dataset
        return FORMATS[dataset.format].masks(dataset, split) if dataset.format in FORMATS else None

    def command(self) -> str:
        """How the stage is called, without its arguments; untracked."""
        many = f"torch.distributed.run --standalone --nproc-per-node {self.plan.settings.devices} -m "
        together = self.trains and self.plan.settings.devices > 1
        return f"python -m {many if together else ''}aepsl {self.stage.replace('_', '-')}"

    def gpus(self) -> int:
        """How many the job asks for, where it computes with a network."""
        s = self.plan.settings
        return 0 if s.device == "cpu" else s.devices if self.trains else 1

    def options(self, threads: int) -> str:
        """What the command is told of the machine and of folders outside, as shell words; untracked."""
        s = self.plan.settings
        workers = str(min(threads, usable_cpus()))
        words = ["--device", s.device, "--precision", s.precision, "--workers", workers, "--end-with-parent"]
        words += ["--code", self.code(), "--record", str(self.record())]
        if self.trains:
            words += ["--content", self.content()]
        for name, path in self.outside().items():
            words += [f"--{name}", path]
        return shlex.join(words)


def _absent(paths: list[Path]) -> list[Path]:
    return [path for path in paths if not path.exists()]
