"""Shards in the graph: their number reruns nothing; those of a killed run are used, of other settings are not."""

from project import TARGETS, TEST, Project

from aepsl.graph import PRODUCTS, SHARDED
from aepsl.settings.settings import load
from aepsl.workflow import Plan


def test_another_number_of_shards_reruns_nothing(finished: Project) -> None:
    assert finished.planned(*TARGETS, "--set-scatter", "shards=5") == set()


def test_what_a_killed_run_left_of_its_shards_is_used(spoilt: Project) -> None:
    """The second of two shards is gone, and so is what they were gathered to."""
    masks = "results_test/round1/masks.h5"
    spoilt.run("--force", masks, *TEST, "--set-scatter", "shards=2", "--notemp")
    before = spoilt.path(masks).read_bytes()
    for name in (masks, "results_test/round1/masks.2-of-2.h5"):
        spoilt.path(name).unlink()
    said = spoilt.run(masks, *TEST, "--set-scatter", "shards=2")
    assert "scatteritem=2-of-2" in said and "scatteritem=1-of-2" not in said
    assert spoilt.path(masks).read_bytes() == before


def test_shards_of_other_settings_are_made_anew(spoilt: Project) -> None:
    masks = "results_test/round1/masks.h5"
    other = ("--config", "erasing={target_area: 0.3}")
    spoilt.run("--force", masks, *TEST, "--set-scatter", "shards=2", "--notemp")
    spoilt.path(masks).unlink()
    said = spoilt.run(masks, *TEST, "--set-scatter", "shards=2", *other)
    assert {f"scatteritem={n}-of-2" for n in (1, 2)} <= set(said.replace(",", " ").split())


def test_every_product_of_a_stage_with_shards_is_gathered(untouched: Project) -> None:
    plan = Plan(load(untouched.path("configs/test.yaml")))
    products = [plan.path(name, round=1) for name, product in PRODUCTS.items() if product.stage in SHARDED]
    said = untouched.run(*products, *TEST, "--dry-run")
    for product in products:
        folder = product.removesuffix("/index.json")
        assert f"output: {folder}" in said and f"{folder.removesuffix('.h5')}.1-of-1" in said
