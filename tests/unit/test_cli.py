import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aepsl.cli import TOOLS, main
from aepsl.data import folder
from aepsl.data.images import load_photograph
from aepsl.data.manifest import Manifest
from aepsl.data.palette import load_label_map, save_label_map
from aepsl.data.voc import VOC_CLASSES, read_table
from aepsl.files import sha256
from aepsl.graph import PRODUCTS, STAGES
from aepsl.machine import Machine
from aepsl.settings.sections import Dataset

ROOT = Path(__file__).parents[2]
MINE = json.dumps({"round": 1, "reading": "fraction_of_max", "threshold": 0.2})


pytestmark = pytest.mark.usefixtures("workplace")


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_help_with_its_files(stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([stage.replace("_", "-"), "--help"])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    module = import_module(f"aepsl.stages.{stage}")
    assert module.__doc__.strip().splitlines()[0] in said and "\nNone\n" not in said
    arguments = inspect.signature(module.run).parameters
    for product in (product for product in PRODUCTS.values() if product.stage == stage):
        assert product.argument in arguments and f"--{product.argument} " in said


def test_the_commands_are_all_stages_and_tools(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = set(capsys.readouterr().out.split())
    assert {name.replace("_", "-") for name in (*STAGES, *TOOLS)} <= listed
    for words in ([], ["camz"]):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('{"round": 1', "--settings: not JSON"),
        ("[" * 100_000, "--settings: not JSON"),
        ("3", "--settings: Input should be a valid dictionary"),
        (MINE.replace("}", ', "treshold": 1}'), "--settings: treshold: unknown key (did you mean threshold?)"),
        (MINE.replace("fraction_of_max", "best"), "--settings: reading: Input should be 'fraction_of_max'"),
    ],
)
def test_wrong_settings_are_refused(refusal: Callable[..., str], settings: str, said: str) -> None:
    assert said in refusal("mine", "--settings", settings)


def test_missing_settings_and_files_are_named(refusal: Callable[..., str]) -> None:
    assert "give --settings (JSON) or --config (a file)" in refusal("mine")
    assert "--images is missing" in refusal("mine", "--settings", MINE)
    said = refusal("mine", "--settings", MINE, "--images", "absent.json", "--cams", "c.h5", "--output", "m.h5")
    assert "absent.json: no such file" in said
    assert "absent.yaml: the configuration cannot be read" in refusal("mine", "--config", "absent.yaml")


def test_a_run_round_or_split_that_the_configuration_has_not_is_named(refusal: Callable[..., str]) -> None:
    config = ["--config", str(ROOT / "configs/test.yaml")]
    said = refusal("cams", *config, "--run", "variants/nope/", "--round", "1")
    assert "has no run 'variants/nope/'; its runs: '', 'variants/ceiling/'" in said
    assert "give --round, 1 to 3. Got: None" in refusal("cams", *config)
    assert "give --round, 1 to 3. Got: 4" in refusal("cams", *config, "--round", "4")
    assert "give --split, train or val" in refusal("manifest", *config)


def test_paths_not_given_are_those_of_the_configurations_run(refusal: Callable[..., str]) -> None:
    config = ["--config", str(ROOT / "configs/test.yaml")]
    assert "results_test/data/train.json: no such file" in refusal("mine", *config, "--round", "1")
    assert "results_test/round1/erased/index.json: no such file" in refusal("mine", *config, "--round", "2")
    assert "train.json: no such file" in refusal("mine", *config, "--round", "1", "--run", "variants/merge1")
    said = refusal("mine", *config, "--round", "1", "--run", "variants/merge1/", "--images", "mine.json")
    assert "mine.json: no such file" in said
    assert "variants/seed1/round1/erased/index.json" in refusal(
        "mine", *config, "--round", "2", "--run", "variants/seed1/"
    )


def test_a_shard_by_hand_does_not_take_the_place_of_the_whole(refusal: Callable[..., str]) -> None:
    words = ["mine", "--config", str(ROOT / "configs/test.yaml"), "--round", "1", "--shard", "1-of-2"]
    assert "--output is missing: a shard does not take the place of the whole" in refusal(*words)
    assert "train.json: no such file" in refusal(*words, "--output", "masks.1-of-2.h5")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        BrokenProcessPool("a worker was killed"),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
    ],
)
def test_lack_of_memory_ends_in_one_line(
    refusal: Callable[..., str], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def run(settings: object, *, images: Path, output: Path) -> None:
        raise error

    monkeypatch.setattr("aepsl.stages.mine.run", run)
    said = refusal("mine", "--settings", MINE, "--images", "x.json", "--output", "m.h5")
    assert re.fullmatch(r"aepsl mine: .* memory; fewer --workers, a smaller batch or smaller .* need less\n", said)


def test_a_stage_by_hand_computes_where_and_as_the_configuration_says(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Machine] = []

    def run(settings: object, *, images: Path, classifier: Path, output: Path, machine: Machine) -> None:
        found.append(machine)

    monkeypatch.setattr("aepsl.stages.cams.run", run)
    Path("c.yaml").write_text("device: cpu\nprecision: float32\n")
    cams = ["cams", "--config", "c.yaml", "--round", "1", "--workers", "1"]
    main(cams)
    main([*cams, "--precision", "auto"])
    assert found == [Machine("cpu", "float32", 1), Machine("cpu", "auto", 1)]


def test_the_figure_of_times_by_hand_is_of_the_runs_jobs(refusal: Callable[..., str]) -> None:
    config = ["--config", str(ROOT / "configs/test.yaml")]
    assert "no benchmark is there" in refusal("plot-resources", *config)
    table = Path("results_test/benchmarks/round1/train_classifier.tsv")
    table.parent.mkdir(parents=True)
    table.write_text("s\tmax_rss\n3.5\t120\n")
    main(["plot-resources", *config])
    drawn = Path("results_test/report/resources.svg").read_text()
    table.write_text("s\tmax_rss\n7\t120\n")
    main(["plot-resources", *config])
    assert "7" in Path("results_test/report/resources.svg").read_text() != drawn


def test_the_list_of_commands_says_what_each_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "mine stage: Mine the regions R" in said and "segment tool: Segment photographs with a" in said


def test_the_line_goes_to_the_log_without_a_traceback(refusal: Callable[..., str]) -> None:
    said = refusal("mine", "--settings", "{", "--log", "logs/mine.log")
    log = Path("logs/mine.log").read_text()
    assert said in log and "Traceback" not in log


def test_a_log_that_cannot_be_is_named(refusal: Callable[..., str]) -> None:
    Path("logs").mkdir()
    assert "logs: Is a directory" in refusal("mine", "--settings", MINE, "--log", "logs")


def test_a_plain_command_ends_in_one_line_and_status_2() -> None:
    words = [sys.executable, "-m", "aepsl", "mine", "--settings", MINE, "--images", "absent.json", "--output", "m.h5",
             "--cams", "c.h5"]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "aepsl mine: absent.json: no such file\n")
    assert not list(Path().iterdir())


def test_labels_from_masks_lists_each_class_of_each_mask(
    refusal: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("masks").mkdir()
    save_label_map(Path("masks/a.b.png"), np.array([[0, 1, 15], [255, 15, 0]], np.uint8))
    save_label_map(Path("masks/below/c,d.png"), np.array([[20, 255]], np.uint8))
    save_label_map(Path("masks/empty.png"), np.array([[0, 255]], np.uint8))
    main(["labels-from-masks", "masks", "--output", "new/labels.csv"])
    assert capsys.readouterr().out == "new/labels.csv: 3 masks; aeroplane 1, person 1, tvmonitor 1\n"
    assert Path("new/labels.csv").read_text() == 'image,label\na.b,aeroplane\na.b,person\n"below/c,d",tvmonitor\n'
    assert read_table(Path("new/labels.csv"), VOC_CLASSES) == {"a.b": {"aeroplane", "person"}, "c,d": {"tvmonitor"}}
    said = refusal("labels-from-masks", "masks", "--output", "new/labels.csv")
    assert "new/labels.csv: is there already; remove it" in said
    said = refusal("labels-from-masks", "masks", "--classes", "one", "two")
    assert "a.b.png: label 15, but 2 classes are named" in said
    assert not Path("labels.csv").exists()


def test_labels_from_masks_without_masks_says_so(refusal: Callable[..., str]) -> None:
    assert "absent: the folder cannot be read (No such file" in refusal("labels-from-masks", "absent")
    Path("masks").mkdir()
    assert "masks: no PNG in this folder" in refusal("labels-from-masks", "masks")
    Image.new("RGB", (4, 4)).save("masks/photograph.png")
    assert "photograph.png: a label map is a palette" in refusal("labels-from-masks", "masks")
    save_label_map(Path("masks/photograph.png"), np.array([[0, 255]], np.uint8))
    Path("masks/._photograph.png").write_text("hidden")
    assert "masks: no mask has a class in it" in refusal("labels-from-masks", "masks")
    assert "an input, not to be" in refusal("labels-from-masks", "masks", "--output", "masks/photograph.png")
    for names, said in (
        (["dog", " dog"], "each class has a name of its own"),
        (["dog", " "], "'' cannot name a class"),
        (["dog", "background"], "'background' cannot name a class"),
        (["a\nb"], "'a\\nb' cannot name a class"),
    ):
        assert f"--classes: {said}" in refusal("labels-from-masks", "masks", "--classes", *names)
    os.rename("masks/photograph.png", b"masks/\xff.PNG")
    assert "the name is not UTF-8" in refusal("labels-from-masks", "masks")


def test_shrunk_photographs_and_masks_keep_names_proportions_and_labels(
    refusal: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    mask = rng.integers(0, 3, (300, 401)).astype(np.uint8)
    for name in ("photographs/a/b.jpg", "photographs/c.WEBP", "masks/a/b.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 256, (300, 401, 3), np.uint8)).save("photographs/a/b.jpg")
    Image.fromarray(np.zeros((50, 100, 3), np.uint8)).save("photographs/c.WEBP")
    Path("photographs/broken.png").write_text("text")
    Path("photographs/gone.png").symlink_to("nowhere.png")
    for name in ("._c.WEBP", ".cache/d.jpg", "../elsewhere/e.jpg"):
        Path("photographs", name).parent.mkdir(exist_ok=True)
        Path("photographs", name).write_text("text")
    for link, target in (("linked", "../elsewhere"), ("a/up", ".."), ("made", "../small")):
        Path("photographs", link).symlink_to(target)
    Path("photographs/labels.csv").write_text("image,label\na/b.jpg,cat\nlinked/e.jpg,dog\n")
    save_label_map(Path("masks/a/b.png"), mask)
    main(["shrink", "photographs", "small", "--side", "100"])
    main(["shrink", "masks", "small_masks", "--side", "100", "--masks"])
    capsys.readouterr()
    copied = {str(path.relative_to("small")) for path in Path("small").rglob("*") if path.is_file()}
    assert copied == {"a/b.jpg", "c.WEBP", "broken.png", "linked/e.jpg", "labels.csv"}
    listed = folder.read(Dataset(format="folder", root="small"), "train")
    assert [path for _, path, _ in listed.images] == ["a/b.jpg", "linked/e.jpg"], "the copied table is of the copies"
    shrunk, labels = load_photograph(Path("small/a/b.jpg")), load_label_map(Path("small_masks/a/b.png"))
    assert shrunk.shape[:2] == labels.shape == (75, 100)
    assert set(np.unique(labels)) == {0, 1, 2}
    for name in ("c.WEBP", "broken.png", "labels.csv"):
        assert Path("small", name).read_bytes() == Path("photographs", name).read_bytes(), "small or unread: as it is"
    Path("small/labels.csv").write_text("image,label\na/b.jpg,dog\n")
    main(["shrink", "photographs", "small", "--side", "100"])
    assert "small/labels.csv: another table than photographs/labels.csv, left as it is" in capsys.readouterr().err
    assert Path("small/labels.csv").read_text() == "image,label\na/b.jpg,dog\n"
    assert "photographs/a/b.jpg: larger than small/a/b.jpg, which would" in refusal("shrink", "small", "photographs")
    assert load_photograph(Path("photographs/a/b.jpg")).shape == (300, 401, 3), "the folders were interchanged"
    assert "lies in the other" in refusal("shrink", "photographs", "photographs/small")
    assert "absent: the folder cannot be read (No such file" in refusal("shrink", "absent", "small")
    Path("empty").mkdir()
    assert "empty: no picture in this folder" in refusal("shrink", "empty", "small")


def test_summary_of_a_folder_without_results_says_so(refusal: Callable[..., str]) -> None:
    assert "results: no such folder of results" in refusal("summary")
    assert "absent: no such folder of results" in refusal("summary", "absent")
    Path("results").mkdir()
    assert "results/miou.json: no such file" in refusal("summary")
    Path("results/miou.json").write_text("{")
    assert "results/miou.json: not readable as JSON" in refusal("summary")


def test_summary_tells_the_headline_and_what_there_is_to_see(capsys: pytest.CaptureFixture[str]) -> None:
    Path("results/variants/ceiling").mkdir(parents=True)
    miou = {"images": 4, "miou": 0.42, "without_crf": {"miou": 0.4}}
    Path("results/miou.json").write_text(json.dumps(miou))
    Path("results/variants/ceiling/miou.json").write_text(json.dumps(miou | {"miou": 0.7}))
    Path("results/overview.png").touch()
    main(["summary"])
    said = capsys.readouterr().out
    assert "4 validation images" in said and "0.420" in said and "0.400" in said
    assert "0.700" in said and "share 0.60" in said
    assert "results/overview.png" in said and "quality.json" not in said


def test_summary_tells_no_figure_of_earlier_predictions(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("predictions", "predictions_crf"):
        Path("results", name).mkdir(parents=True)
        Path("results", name, "index.json").write_text(name)
    miou = {"images": 4, "miou": 0.42, "without_crf": {"miou": 0.4}}
    miou["predictions"] = sha256(Path("results/predictions/index.json"))
    Path("results/miou.json").write_text(json.dumps(miou))
    told = {"settings": {"crf": {"iterations": 0}}, "images": {"train": "t", "val": "v", "rounds": []}}
    Path("results/provenance.json").write_text(json.dumps({"runs": {".": told}}))
    main(["summary"])
    said = capsys.readouterr().out
    assert "0.420" in said and "results/predictions " in said, "those after the CRF are of another configuration"
    Path("results/predictions/index.json").write_text("trained anew")
    main(["summary"])
    said = capsys.readouterr().out
    assert "0.420" not in said and "no mIoU: results/miou.json: of earlier predictions than those beside it" in said


def test_summary_without_masks_tells_what_was_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    Path("results/data").mkdir(parents=True)
    Path("results/overview.png").touch()
    Path("results/predictions").mkdir()
    for split, skipped in {"train": 0, "val": 3}.items():
        Manifest((), None, ".", (), skipped).write(Path(f"results/data/{split}.json"))
    main(["summary"])
    said = capsys.readouterr().out
    assert "no mIoU" in said and "results/predictions " in said
    assert "left out of val, as they cannot be read: 3" in said and "left out of train" not in said


def test_schema_writes_both_files_below_the_working_folder() -> None:
    main(["schema"])
    assert json.loads(Path("configs/schema.json").read_text())["properties"]["seed"]["default"] == 0
    assert "| `erasing.threshold` | `0.2` |" in Path("docs/settings.md").read_text()


def test_a_stage_has_a_round_or_a_split_only_where_it_has_several(capsys: pytest.CaptureFixture[str]) -> None:
    for stage, words in (("mine", {"--round"}), ("manifest", {"--split"}), ("evaluate", set())):
        with pytest.raises(SystemExit):
            main([stage, "--help"])
        said = capsys.readouterr().out
        assert {word for word in ("--round", "--split") if f"{word} " in said} == words
