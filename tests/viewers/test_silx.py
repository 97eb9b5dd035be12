"""The HDF5 files in silx's viewer: named, scaled pictures without a click."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from shown import RANGES, SHOWN, first, named

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
reason = "silx and Qt are not installed: make test-viewers"
qt = pytest.importorskip("silx.gui.qt", reason=reason, exc_type=ImportError)
frames = pytest.importorskip("silx.gui.data.DataViewerFrame", reason=reason, exc_type=ImportError)
plots = pytest.importorskip("silx.gui.plot", reason=reason, exc_type=ImportError)

PATIENCE = 60  # seconds


@pytest.fixture(scope="module")
def look() -> Iterator[Callable[[Path, str], tuple]]:
    """The view that is chosen, its title, the picture's numbers, and those of its darkest and brightest colour."""
    application = qt.QApplication.instance() or qt.QApplication([])
    viewer = frames.DataViewerFrame()
    viewer.show()

    def look(path: Path, name: str) -> tuple[str, str, np.ndarray, tuple[float, float]]:
        with h5py.File(path) as file:
            viewer.setData(file[name])
            end, images = time.monotonic() + PATIENCE, []
            while not images and time.monotonic() < end:
                application.processEvents()
                shown = [plot for plot in viewer.findChildren(plots.PlotWidget) if plot.isVisible()]
                images = [image for plot in shown for image in plot.getAllImages()]
            view = viewer.displayedView().label()
            assert images, f"{name}: no picture, but {view}"
            (image,) = images
            found = view, shown[0].getGraphTitle().strip(), image.getData(), image.getColormap().getColormapRange(image)
            viewer.setData(None)
            return found

    yield look
    viewer.close()


def test_a_file_an_image_and_a_class_show_a_picture(look: Callable[[Path, str], tuple], folder: Path) -> None:
    for kind, expected_range in RANGES.items():
        name, expected = first(kind)
        for place, expected_title in {"/": name, "/Öl": name, f"/Öl/{name}": f"/Öl/{name}"}.items():
            view, title, found, range_ = look(folder / f"{kind}.h5", place)
            assert (view, title, range_) == ("Image", expected_title, expected_range)
            np.testing.assert_array_equal(found, expected)


def test_every_class_is_shown_under_its_name(look: Callable[[Path, str], tuple], folder: Path) -> None:
    for name, shown in SHOWN.items():
        path = f"/day 1%2Fb/{shown}"
        view, title, found, _ = look(folder / "cams.h5", path)
        assert (view, title) == ("Image", path)
        np.testing.assert_array_equal(found, named("cams")[name])
