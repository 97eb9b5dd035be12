"""Draw what was judged of the mined regions and the pseudo-labels."""

from pathlib import Path

from aepsl.figures import quality as drawing
from aepsl.figures.style import save
from aepsl.files import read_json, whole
from aepsl.settings.stages import PlotQualitySettings


def run(settings: PlotQualitySettings, *, quality: Path, regions: Path, labels: Path) -> None:
    """quality: quality.json. regions, labels: the figures, SVG."""
    with whole(quality):
        judged = read_json(quality)
        merged = judged["auto"] if settings.merge == "auto" else settings.merge
        mined = drawing.regions(judged["merges"], merged=merged)
        learned_from = drawing.pseudo_labels(judged["merges"], merged=merged)
    save(mined, regions)
    save(learned_from, labels)
