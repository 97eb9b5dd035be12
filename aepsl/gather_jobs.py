"""What the rules ask of the package to put the shards of a product together."""

import re
import shlex
from dataclasses import dataclass, replace

from aepsl.errors import InputError
from aepsl.graph import PRODUCTS
from aepsl.shards import Shard
from aepsl.workflow import Job, Plan


@dataclass(frozen=True)
class GatherJob:
    """The product, and the job that would make it if it were not split."""

    product: str
    job: Job

    @classmethod
    def of(cls, plan: Plan, path: str, run: str) -> "GatherJob":
        """That of the product at `path` below the folder of `run`. Raises ValueError where there is none."""
        for name, product in PRODUCTS.items():
            pattern = re.escape(product.path).replace(r"\{round\}", "([0-9]+)")
            if found := re.fullmatch(pattern, path):
                return cls(name, Job(plan, product.stage, run, round=int(found[1]) if found.groups() else None))
        raise ValueError(f"no product is called {path!r}")

    def images(self) -> str:
        """The manifest whose order the product has."""
        return str(self.job.inputs()["images"])

    def tracked(self) -> list[str]:
        """What Snakemake tracks: all that the shards depend on, as these are gone."""
        return [self.job.settings(), *self.job.tracked()]

    def options(self, count: int) -> str:
        """What the command is told of the shards' records, as shell words; untracked. count: how many shards.

        Raises InputError for none.
        """
        if count < 1:
            raise InputError("set-scatter: shards is at least 1. Got: 0")
        shards = [replace(self.job, shard=str(Shard(number, count))) for number in range(1, count + 1)]
        record = self.job.record().with_name(f"{self.product}.json")
        records = [str(shard.record()) for shard in shards]
        return shlex.join(["--end-with-parent", "--record", str(record), "--records", *records])
