"""A row of the table: a change, what it has to rerun, and how it is made."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.reruns.flow import Flow, follows, named
from tests.workflow.project import Project

MACHINE = ("device", "devices", "precision")


@dataclass(frozen=True)
class Row:
    """A change after a finished run."""

    what: str
    """As the table shows it."""
    first: str = ""
    """The stages, or single jobs separated by commas, whose own result depends on it."""
    beyond: str = ""
    """More that Snakemake plans all the same."""
    why: str = ""
    """Why it does."""
    config: str = ""
    """What `--config` sets, a YAML text for each key."""
    words: tuple[str, ...] = ()
    """Other words for the command line."""
    edit: Callable[[Project], None] | None = None
    """A change of files, in the project's folder."""
    flow: Flow | None = None
    """The flow after the change, where it is another."""
    results: str = ""
    """Where the results lie instead: all is made anew."""
    name: str = ""
    """The setting or the file that the row is about."""
    files: tuple[str, ...] = ()
    """What `edit` changes, to be put back."""

    def expected(self, flow: Flow) -> set[str]:
        """The jobs whose result depends on the change. flow: the project's."""
        return self._wave(flow, self.first)

    def planned(self, flow: Flow) -> set[str]:
        """The jobs that a dry run has to plan: those, and what is said to come beyond."""
        return self._wave(flow, f"{self.first}, {self.beyond}")

    def _wave(self, flow: Flow, first: str) -> set[str]:
        own = self.flow or flow
        if self.config and self.name not in MACHINE:
            first = f"{first}, list_settings"
        if self.results:
            return set(own)
        return follows(own, named(own, {job.strip() for job in first.split(",")}))
