"""What the tests on a true SLURM share. `make test-slurm` installs it; without, they are skipped."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from cluster import Cluster, NotUp, obstacle


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="the extra `slurm` is not installed")
    if why_not := obstacle():
        pytest.skip(f"no SLURM here: {why_not}")
    with tempfile.TemporaryDirectory(prefix="slurm") as folder:
        running = Cluster(Path(folder))
        try:
            running.start()
        except NotUp as why:
            pytest.skip(f"no SLURM here: {why}")
        else:
            yield running
        finally:
            running.stop()
