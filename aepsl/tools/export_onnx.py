"""Export a trained segmenter to ONNX, for use without torch and without this package (docs/use.md).

Input `photographs`: uint8 RGB (B, H, W, 3), normalised inside. Outputs: `scores`, float32 (B, C+1, h, w) before the
softmax, and, where the network was trained by PSL, `class_scores`, float32 (B, C), the classification branch's v in
0..1. B, H and W are free; with H and W of the form stride·a + 1 first and last cell of the scores sit on first and last
pixel, as in `segment`. Metadata: `classes`, a JSON list, background first; `stride`; `longest_side`, to which `segment`
shrinks larger photographs, where the model tells it.
"""

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor, nn

from aepsl.compute import Compute
from aepsl.data.manifest import BACKGROUND
from aepsl.errors import InputError
from aepsl.files import refuse_overwriting, replacing
from aepsl.machine import Machine
from aepsl.segmenting import Segmenting


def options(parser: argparse.ArgumentParser) -> None:
    """The model, and the file to write."""
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--model", type=Path, required=True, help="a segmenter, such as segmentation/model.safetensors")
    parser.add_argument("--output", type=Path, required=True, help="the ONNX file")


def run(options: argparse.Namespace) -> None:
    """Write the ONNX file. Raises InputError where the exporter's packages are missing."""
    try:
        import onnxscript  # noqa: F401, torch's exporter needs it
        from onnx_ir.passes.common import ClearMetadataAndDocStringPass
    except ImportError as error:
        raise InputError(f"the package {error.name} is missing: pip install onnxscript") from None

    refuse_overwriting(options.output, [options.model], suffix=".onnx")
    segment = Segmenting.load(options.model, Compute.on(Machine("cpu", "float32"), cpu_threads=1))
    free = {axis: torch.export.Dim(name) for axis, name in enumerate(("batch", "height", "width"))}
    stride = segment.card.network.stride
    side = 4 * stride + 1
    program = torch.onnx.export(
        FromPixels(segment).eval(),
        (torch.zeros(2, side, side, 3, dtype=torch.uint8),),  # a batch of 1 would be taken for a constant
        dynamo=True,
        verbose=False,
        input_names=["photographs"],
        output_names=["scores", "class_scores"] if segment.has_branch else ["scores"],
        dynamic_shapes={"photographs": free},
    )
    assert program is not None
    ClearMetadataAndDocStringPass()(program.model)  # paths of the source code
    program.model.metadata_props["classes"] = json.dumps([BACKGROUND, *segment.card.classes], ensure_ascii=False)
    program.model.metadata_props["stride"] = str(stride)
    if segment.card.longest_side is not None:
        program.model.metadata_props["longest_side"] = str(segment.card.longest_side)
    with replacing(options.output) as temporary:
        program.save(temporary)
    print(f"{options.output}: {len(segment.card.classes)} classes and the background, stride {stride}")


class FromPixels(nn.Module):
    """The network with all that `Segmenting` does before and after it."""

    def __init__(self, segment: Segmenting) -> None:
        super().__init__()
        self.network, self.segment = segment.network, segment
        for layer in self.modules():
            if isinstance(layer, nn.ReLU | nn.ReLU6):
                layer.inplace = False  # traced in half the time

    def forward(self, photographs: Tensor) -> tuple[Tensor, ...]:
        """uint8 (B, H, W, 3) → scores (B, C+1, h, w) and, where the branch was trained, v (B, C) in 0..1."""
        scores, class_scores = self.network(self.segment.compute.normalised(photographs.permute(0, 3, 1, 2)))
        return (scores, self.segment.v(class_scores)) if self.segment.has_branch else (scores,)
