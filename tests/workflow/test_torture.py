from pathlib import Path

from project import Project
from torture import products, torture


def test_struck_down_again_and_again_the_plain_command_comes_to_the_same_bytes(
    finished: Project, tmp_path: Path
) -> None:
    folders = (tmp_path / name for name in ("first", "second", "third", "fourth"))
    seen = torture(lambda: Project(next(folders)), products(finished), strikes=4, seed=3)
    assert seen["strikes"] == 4
