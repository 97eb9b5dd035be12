"""Which pictures of a folder are taken, and that links make no circle."""

from pathlib import Path

import pytest

from aepsl.data.walk import photographs, pictures
from aepsl.errors import InputError


def found(root: Path, **how: object) -> list[str]:
    return [path.relative_to(root).as_posix() for path in pictures(root, **how)]  # type: ignore[arg-type]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for name in ("b.jpg", "a.PNG", "notes.txt", "._a.jpg", ".cache/c.jpg", "x/d.webp", "x/y/e.jpg", "w/f.jpg"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_a_folders_own_pictures_come_first_and_nothing_hidden(root: Path) -> None:
    assert found(root) == ["a.PNG", "b.jpg", "w/f.jpg", "x/d.webp", "x/y/e.jpg"]
    assert found(root, below=False) == ["a.PNG", "b.jpg"]
    assert found(root, suffixes={".png"}) == ["a.PNG"]


def test_folders_are_left_out_by_any_of_their_names(root: Path) -> None:
    (root / "link").symlink_to("x")
    (root.parent / "other").symlink_to(root / "x")
    assert found(root, without=[root.parent / "other"]) == ["a.PNG", "b.jpg", "w/f.jpg"]


def test_linked_folders_and_files_are_followed(root: Path) -> None:
    outside = root.parent / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep/g.jpg").touch()
    (root / "w/linked").symlink_to(outside)
    (root / "w/h.jpg").symlink_to(outside / "deep/g.jpg")
    assert found(root / "w") == ["f.jpg", "h.jpg", "linked/deep/g.jpg"]
    (root.parent / "root2").symlink_to(root / "w")
    assert found(root.parent / "root2") == ["f.jpg", "h.jpg", "linked/deep/g.jpg"]


@pytest.mark.parametrize(
    ("links", "seen"),
    [
        ({"x/up": "root"}, []),
        ({"x/y/itself": "root/x/y"}, []),
        ({"x/beyond": "."}, []),  # the folder that holds the root
        ({"x/nowhere": "root/x/nowhere"}, []),
        ({"x/to": "root/w", "w/fro": "root/x"}, ["w/fro/d.webp", "w/fro/y/e.jpg", "x/to/f.jpg"]),
        ({"x/to": "outside", "outside/fro": "root/w", "w/to": "outside"}, ["x/to/fro/f.jpg"]),
    ],
)
def test_links_that_lead_back_end_there(root: Path, links: dict[str, str], seen: list[str]) -> None:
    before = found(root)
    (root.parent / "outside").mkdir()
    for link, target in links.items():
        (root.parent / link if link.startswith("outside") else root / link).symlink_to(root.parent / target)
    assert sorted({*found(root)} - {*before}) == seen and {*before} <= {*found(root)}


def test_a_folder_that_is_not_there_or_is_none_is_named(root: Path) -> None:
    for path, why in ((root / "absent", "No such file"), (root / "b.jpg", "Not a directory")):
        with pytest.raises(InputError, match=rf"{path.name}: the folder cannot be read \({why}"):
            list(pictures(path))


def test_photographs_of_a_folder_have_their_place_in_it_as_name(root: Path) -> None:
    (root / "w/linked").symlink_to(root / "x")
    assert [name.as_posix() for name in photographs([root / "w", root / "b.jpg"], without=[])] == [
        "f", "linked/d", "linked/y/e", "b"
    ]  # fmt: skip
