"""The whole configuration, and how it is read."""

import os.path
import re
import reprlib
from collections import Counter
from copy import deepcopy
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from aepsl.errors import InputError
from aepsl.files import regular
from aepsl.settings.base import Section
from aepsl.settings.sections import (
    CRF,
    Attention,
    Classification,
    Dataset,
    Erasing,
    Network,
    PseudoLabels,
    Saliency,
    Seed,
    Segmentation,
    Threads,
)

M = TypeVar("M", bound=BaseModel)

LARGEST = 1_000_000  # bytes of a configuration
MOST_VALUES = 100_000
MOST_DEFECTS = 10  # that are told
BASE = "base"  # what the run that the variants differ from is called


class Settings(Section):
    """Configuration of aepsl. Defaults are the paper's values (Wei et al., CVPR 2017) for PASCAL VOC 2012."""

    seed: Seed = 0
    """Seed of everything random but the scenes' drawing."""
    results: Annotated[str, Field(min_length=1)] = "results"
    """Folder of the results; two runs with different folders live side by side."""
    cpu_threads: Threads = 2
    """Threads a network computes with on a CPU; part of the result, since sums depend on it. As many networks compute
    side by side as have room: with 1 each takes longer and several of them less time."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where networks run; a change reruns nothing."""
    precision: Literal["auto", "bf16", "float32"] = "auto"
    """Of the networks' arithmetic; auto: bf16 where the device computes with it; a change reruns nothing."""
    devices: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes that train one network together, each with a GPU where there are some; a change reruns nothing."""
    dataset: Dataset = Dataset()
    network: Network = Network()
    classification: Classification = Classification()
    attention: Attention = Attention()
    erasing: Erasing = Erasing()
    saliency: Saliency = Saliency()
    pseudo_labels: PseudoLabels = PseudoLabels()
    segmentation: Segmentation = Segmentation()
    crf: CRF = CRF()
    chosen_on_ground_truth: list[str] = []
    """Settings whose value was chosen by looking at ground-truth masks; repeated in miou.json."""
    variants: dict[str, dict[str, Any]] = {}
    """Runs beside this one: a name, and what it sets differently. Results in `variants/{name}/` of the results."""
    seeds: list[Seed] = []
    """More seeds to compare with: this run and each variant once more with each, also the scenes drawn from it.
    Results in `variants/{name}-seed{seed}/`."""

    @field_validator("results")
    @classmethod
    def _is_a_path_for_rules(cls, results: str) -> str:
        if results.startswith("-") or set(results) & set("{}"):
            raise ValueError(f"the folder of results has no braces in its name and no - before it. Got: {results!r}")
        path = Path(os.path.expanduser(results))  # written in one way: Snakemake compares paths as texts
        if not path.name:
            raise ValueError(f"the folder of results is one of its own. Got: {results!r}")
        return path.as_posix()

    @field_validator("chosen_on_ground_truth")
    @classmethod
    def _settings_exist(cls, names: list[str]) -> list[str]:
        known = _names(Settings)
        for name in names:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else "such as erasing.target_area"
                raise ValueError(f"no setting is called so ({hint}). Got: {name!r}")
        return names

    @field_validator("variants")
    @classmethod
    def _names_are_folders(cls, variants: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name, overrides in variants.items():
            if not re.fullmatch(r"[\w+-][\w.+-]{0,99}", name):
                raise ValueError(f"a variant's name has 1 to 100 letters, digits and ._+-, no dot first. Got: {name!r}")
            if name == BASE:
                raise ValueError(f"no variant is called {BASE}: that is the run that variants differ from")
            if shared := {"variants", "seeds", "results", "device", "devices", "precision"} & overrides.keys():
                raise ValueError(f"variant {name} cannot set {', '.join(sorted(shared))}")
        return variants

    @model_validator(mode="after")
    def _seeds_differ(self) -> "Settings":
        if len({self.seed, *self.seeds}) <= len(self.seeds):
            raise ValueError(f"seeds are further ones, each once. Got: seed {self.seed}, seeds {self.seeds}")
        if self.seeds and (own := [name for name, overrides in self.variants.items() if "seed" in overrides]):
            raise ValueError(f"variant {own[0]} sets a seed of its own; leave that to seeds")
        return self


class Run(NamedTuple):
    """One whole run of the pipeline."""

    variant: str
    """Name of the variant; empty: the base."""
    folder: str
    """Its folder in the results, with a slash behind; empty for the base."""
    settings: Settings


def load(*paths: Path) -> Settings:
    """The settings in YAML files, each merged over those before it, as Snakemake does with several.

    Raises InputError, in one line a defect, where one is missing or wrong.
    """
    merged: dict[str, Any] = {}
    for path in paths:
        values = read_yaml(path)
        if values is not None and not isinstance(values, dict):
            raise InputError(f"{path}: a configuration is a table of keys and values. Got: {type(values).__name__}")
        merged = _merged(merged, values or {})
    return validate(Settings, merged, source=" ".join(map(str, paths)))


def read_yaml(path: Path) -> Any:
    """What stands in a YAML file. Raises InputError when it is missing, not YAML, or names a key twice."""
    try:
        text = regular(path).read_text(encoding="utf-8")
        if len(text) > LARGEST:
            raise InputError(f"{path}: more than {LARGEST:,} characters, no configuration")
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        if _values(node, path, {}) > MOST_VALUES:
            raise InputError(f"{path}: more than {MOST_VALUES:,} values, its aliases written out")
        return loader.construct_document(node)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: the configuration cannot be read ({error})") from error
    except InputError:
        raise
    except Exception as error:  # the constructors of numbers and dates raise whatever they meet
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from error


def _values(node: yaml.Node, path: Path, known: dict[yaml.Node, int]) -> int:
    """How many values a node stands for, its aliases written out; too many where it stands in itself."""
    if node not in known:
        known[node] = MOST_VALUES + 1
        inner = node.value if isinstance(node, yaml.CollectionNode) else []
        if isinstance(node, yaml.MappingNode):
            counted = Counter(key.value for key, _ in inner if isinstance(key, yaml.ScalarNode))
            if twice := [key for key, count in counted.items() if count > 1]:
                line = [key.start_mark.line + 1 for key, _ in inner if key.value == twice[0]][1]
                raise InputError(f"{path}: line {line}: the key {twice[0]!r} stands there twice; keep one of them")
            inner = [part for pair in inner for part in pair]
        known[node] = 1 + sum(_values(part, path, known) for part in inner)
    return known[node]


def runs(settings: Settings) -> list[Run]:
    """The base run, then each variant with its overrides merged in, then all of them once more with each further seed.

    A list or a single value replaces the base's. Raises InputError for an override that is not valid, or two runs of
    one name.
    """
    base = settings.model_dump(exclude={"variants", "seeds"})
    found = [Run("", "", settings)]
    for seed in (None, *settings.seeds):
        own = {} if seed is None else {"seed": seed, "dataset": {"scenes": {"seed": seed}}}
        for variant, overrides in (("", {}), *settings.variants.items()):
            name = "-".join(part for part in (variant, "" if seed is None else f"seed{seed}") if part)
            if name:
                whole = validate(Settings, _merged(_merged(base, own), overrides), source=f"variants.{variant or name}")
                found.append(Run(variant, f"variants/{name}/", whole))
    folders = [run.folder for run in found]
    if twice := [folder for folder in folders if folders.count(folder) > 1]:
        raise InputError(f"two runs have the folder {twice[0]}: rename a variant")
    return found


def _merged(base: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    result = deepcopy(base)
    for key, value in overrides.items():
        nested = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = _merged(result[key], value) if nested else deepcopy(value)
    return result


def validate(model: type[M], values: Any, *, source: str) -> M:
    """`values` as a `model`. Raises InputError: one line a defect, with its place, its value and a hint."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found: dict[str, Any] = {}
        for problem in error.errors():
            if first := found.get(_place(problem)):  # another branch of a union
                first["msg"] += f" or {problem['msg'].removeprefix('Input should be ')}"
            else:
                found[_place(problem)] = dict(problem)
        lines = [f"{source}: {_sentence(model, problem)}" for problem in found.values()]
        more = [f"{source}: and {len(lines) - MOST_DEFECTS} more"] if len(lines) > MOST_DEFECTS else []
        raise InputError(*lines[:MOST_DEFECTS], *more) from None


def _place(problem: Any) -> str:
    """Where in the configuration, without the branches of a union, which are no names of settings."""
    branches = ("literal[", "constrained-", "function-")
    return ".".join(str(p) for p in problem["loc"] if p != "int" and not str(p).startswith(branches))


def _sentence(model: type[BaseModel], problem: Any) -> str:
    if problem["type"] == "extra_forbidden":
        place = list(problem["loc"])
        where = ".".join(map(str, place))
        known = _keys_at(model, place[:-1])
        near = get_close_matches(str(place[-1]), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"
        return f"{where}: unknown key ({hint})"
    where = _place(problem)
    message = problem["msg"].removeprefix("Value error, ")
    message = f"{where}: {message}" if where else message
    if problem["type"] == "value_error":
        return message
    hint = " (YAML takes it for text; write it as in 1.0e-3)" if _is_exponent(problem["input"]) else ""
    return f"{message}. Got: {_SHORT.repr(problem['input'])}{hint}"


class _Short(reprlib.Repr):
    """Values as Python writes them, but for what is long or deep."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 3, 100, 100

    def repr_int(self, value: int, level: int) -> str:
        return repr(value) if abs(value) < 10**40 else "a number of more than 40 digits"


_SHORT = _Short()


def _is_exponent(value: Any) -> bool:
    """Whether the text is a number that YAML 1.1 does not take for one, such as 1e-3."""
    return isinstance(value, str) and re.fullmatch(r"[-+]?[\d.]+[eE][-+]?\d+", value) is not None


def _names(model: type[BaseModel], before: str = "") -> list[str]:
    """All settings of a section and of those in it, with dots between: erasing, erasing.rounds and so on."""
    found: list[str] = []
    for name, field in model.model_fields.items():
        found.append(f"{before}{name}")
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found += _names(field.annotation, f"{before}{name}.")
    return found


def _keys_at(model: type[BaseModel], place: list[Any]) -> list[str]:
    """The field names of the section at `place`, following list items to the item's model."""
    for part in place:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        inner = [a for a in getattr(annotation, "__args__", ()) if isinstance(a, type) and issubclass(a, BaseModel)]
        model = inner[0] if inner else annotation  # type: ignore[assignment]
    return list(model.model_fields)
