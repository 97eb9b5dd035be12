"""Pack the predictions for the evaluation server of PASCAL VOC 2012."""

import gzip
import tarfile
from pathlib import Path

from aepsl.data.manifest import Manifest
from aepsl.data.voc import VOC_CLASSES
from aepsl.errors import InputError
from aepsl.files import replacing
from aepsl.progress import each
from aepsl.settings.stages import SubmissionSettings

# The competition on any training data but the test images: comp5 knows the devkit's own alone, so no ImageNet.
FOLDER = "results/VOC2012/Segmentation/comp6_test_cls"


def run(settings: SubmissionSettings, *, predictions: Path, output: Path) -> None:
    """predictions: index of the label maps. output: a tar.gz; equal label maps give equal bytes.

    Raises InputError for classes that are not VOC's, in VOC's order.
    """
    index = Manifest.read(predictions)
    if index.classes != VOC_CLASSES:
        raise InputError(f"{predictions}: the evaluation server judges VOC's classes. Got: {', '.join(index.classes)}")
    with (
        replacing(output) as temporary,
        open(temporary, "wb") as written,
        gzip.GzipFile("", "wb", fileobj=written, mtime=0) as packed,  # no name, no time
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for entry in each(sorted(index.entries, key=lambda entry: entry.id), "submission"):
            content = index.file(entry)
            member = tarfile.TarInfo(f"{FOLDER}/{entry.id}.png")
            member.size = content.stat().st_size
            with open(content, "rb") as file:
                archive.addfile(member, file)
