"""Put a stage's shards together, in the order of the manifest: to the bytes that one job would have made."""

import argparse
from pathlib import Path

from aepsl.data.manifest import Manifest
from aepsl.files import remove_leftovers
from aepsl.gather import gather_files, gather_folders, remove_other_shards
from aepsl.options import log_options
from aepsl.provenance import write_record_of_shards


def options(parser: argparse.ArgumentParser) -> None:
    """The manifest, the shards, what they become."""
    parser.description = __doc__
    parser.add_argument("--images", type=Path, required=True, help="manifest of all images")
    parser.add_argument("--shards", type=Path, nargs="+", required=True, help="HDF5 files, or folders, in order")
    parser.add_argument("--output", type=Path, required=True, help="HDF5 file, or index.json of a folder")
    parser.add_argument("--records", type=Path, nargs="*", default=[], help="how the shards were made")
    parser.add_argument("--record", type=Path, help="file for how all of it was made")
    log_options(parser)


def run(options: argparse.Namespace) -> None:
    """Gather files, or folders of pictures."""
    manifest = Manifest.read(options.images)
    remove_leftovers(options.output)
    gather = gather_files if options.output.suffix == ".h5" else gather_folders
    gather(manifest, options.shards, options.output)
    remove_other_shards(options.shards, options.output)
    if options.record:
        write_record_of_shards(options.record, options.records, product=options.output)
