"""Set the runs side by side: the base and its variants."""

from pathlib import Path

from aepsl.errors import InputError
from aepsl.files import read_json, write_json
from aepsl.settings.stages import ComparisonSettings


def run(settings: ComparisonSettings, *, miou: list[Path], output: Path) -> None:
    """miou: miou.json of each of the settings' runs, in order. output: comparison.json, one entry a run.

    `share`: of the ceiling's mIoU, where a run is called ceiling.
    """
    found = {name or "base": read_json(path) for name, path in zip(settings.runs, miou, strict=True)}
    for name, result in found.items():
        if not isinstance(result, dict) or "miou" not in result:
            raise InputError(f"the result of run {name} has no miou; remove it and run again")
    ceiling = found.get("ceiling", {}).get("miou")
    runs = {
        name: {
            "miou": result["miou"],
            "without_crf": result["without_crf"]["miou"],
            "share": round(result["miou"] / ceiling, 6) if ceiling else None,
            "iou": result["iou"],
        }
        for name, result in found.items()
    }
    write_json(output, {"runs": runs})
