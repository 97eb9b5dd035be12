"""The number of shards changes no byte and reruns nothing."""

from project import TARGETS, TEST, Project, bytes_of

from aepsl.graph import PRODUCTS, SHARDED
from aepsl.settings.settings import load
from aepsl.workflow import Plan

MADE_AGAIN = ("round2/masks.h5", "round1/erased/index.json", "scores.h5", "predictions_crf/index.json")


def test_the_number_of_shards_reruns_nothing_and_changes_no_byte(spoilt: Project) -> None:
    results = spoilt.path("results_test")
    assert spoilt.planned(*TARGETS, "--set-scatter", "shards=5") == set()
    before = bytes_of(results)
    said = spoilt.run("--force", *(f"results_test/{name}" for name in MADE_AGAIN), *TEST, "--set-scatter", "shards=3")
    assert said.count("scatteritem=2-of-3") > 3
    after, own = bytes_of(results), ("logs", "benchmarks", "provenance")
    unlike = {name for name in before if before[name] != after[name] and not name.startswith(own)}
    assert not {name for name in unlike if not name.endswith(".snakemake_timestamp")}
    assert not list(results.rglob("*-of-3*.h5")), "shards are temporary"
    assert spoilt.planned(*TARGETS) == set(), "one shard again"


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
