"""The sections of the configuration: defaults are the paper's values, or the recommended reading where it has none."""

import os.path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from aepsl.settings.base import Section

Text = Annotated[str, Field(min_length=1)]
PathText = Annotated[Text, AfterValidator(os.path.expanduser)]  # a leading ~ is the home, as in a shell
Fraction = Annotated[float, Field(ge=0, le=1)]
OpenFraction = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1, le=10_000_000)]
Deviation = Annotated[float, Field(ge=0.1, le=10_000)]  # pydensecrf overruns its memory where it is next to nothing
Weight = Annotated[float, Field(ge=0, le=1000)]
Scale = Annotated[float, Field(gt=0, le=16)]
Threads = Annotated[int, Field(ge=1, le=256)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
SceneCount = Annotated[int, Field(ge=1, le=99_999)]  # a scene's id has five digits
SceneSize = Annotated[int, Field(ge=64, le=1024)]  # limbs of smaller ones are thinner than any network here can see

MOST_ROUNDS = 20

Reading = Literal["fraction_of_max", "top_pixels", "top_values", "calibrated", "random"]
CALIBRATED = ("calibrated", "random")  # the readings whose threshold is found, so that a round mines an area


class Scenes(Section):
    """The embedded data: photographs that the project draws itself (docs/scenes.md)."""

    train: SceneCount = 400
    """Training scenes."""
    val: SceneCount = 150
    """Validation scenes, from a stream of seeds of their own."""
    size: SceneSize = 128
    """Long side in pixels."""
    seed: Seed = 0
    """Seed of the drawing, apart from the seed of the training."""


class Dataset(Section):
    """Where photographs and image-level labels come from."""

    format: Literal["scenes", "voc", "folder"] = "voc"
    """`voc`: the layout of the PASCAL VOC 2012 devkit. `folder`: any photographs and a table of their labels
    (docs/own_data.md). `scenes`: drawn by the project, nothing is read."""
    root: PathText = "data/VOC2012"
    """Folder of the photographs; for `voc` it holds JPEGImages and ImageSets/Segmentation."""
    train_list: PathText = "train_aug"
    """List of the training images in ImageSets/Segmentation, or a .txt file (`voc`); where train_aug is missing, train
    is taken and the log says so."""
    val_list: PathText = "val"
    """List of the validation images in ImageSets/Segmentation, or a .txt file (`voc`)."""
    labels: PathText | None = None
    """Table of image-level labels (CSV: image,label[,split]; for `folder` also COCO's JSON); null: the root's
    labels.csv, else, for `voc`, the XML files."""
    val_labels: PathText | None = None
    """Table of the validation photographs, where they have one of their own (`folder`)."""
    classes: Annotated[list[str], Field(min_length=1)] | None = None
    """The classes in the order of their label numbers; null: the table's, sorted (`folder`)."""
    masks: PathText | None = None
    """Folder of ground-truth masks, a PNG for each photograph under its path (`folder`); null: nothing is judged."""
    skip_unreadable: bool = False
    """Whether photographs that are missing or cannot be read are left out and counted, instead of ending the run."""
    scenes: Scenes = Scenes()

    @model_validator(mode="after")
    def _read_by_the_format(self) -> "Dataset":
        for name in ("val_labels", "classes", "masks"):
            if self.format != "folder" and getattr(self, name) is not None:
                raise ValueError(f"{name} is read by format folder alone. Got: format {self.format}")
        if self.classes and len(set(self.classes)) < len(self.classes):
            raise ValueError(f"classes names one twice. Got: {self.classes}")
        return self


class Network(Section):
    """The network that both the classifier and the segmenter are built on (paper, section 4.1: DeepLab-LargeFOV)."""

    backbone: Literal["vgg16", "mobilenet_v2", "squeezenet"] = "vgg16"
    """Layers before the scores: VGG16 DeepLab-LargeFOV, MobileNetV2 1.0 or SqueezeNet 1.1."""
    weights: PathText | None = "torchvision"
    """Initial weights: `torchvision` (ImageNet, fetched once), a .pth or .safetensors file, or null: from scratch."""
    stride: Literal[4, 8, 16] = 8
    """Pixels of the input between two cells of the features."""
    width: Annotated[float, Field(gt=0, le=2)] = 1.0
    """Factor on all channels (vgg16)."""
    blocks: Annotated[int, Field(ge=3, le=5)] = 5
    """Blocks of convolutions before fc6; 5 is VGG16, fewer see less around a cell, for small pictures (vgg16)."""
    norm: Literal["none", "group", "batch"] = "none"
    """Normalisation after each convolution, for training from scratch: BatchNorm, or GroupNorm (vgg16)."""
    dilation: Annotated[int, Field(ge=1, le=48)] = 12
    """Dilation of fc6 in cells; 12 at stride 8 is the large field of view (vgg16)."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Dropout after fc6 and fc7 (vgg16) or before the scores."""

    @model_validator(mode="after")
    def _reaches_its_stride(self) -> "Network":
        if self.backbone == "vgg16" and self.stride > 2 ** (self.blocks - 1):
            raise ValueError(f"{self.blocks} blocks reach stride {2 ** (self.blocks - 1)}. Got: stride {self.stride}")
        return self


class Training(Section):
    """How a network is trained (paper, section 4.1)."""

    epochs: Annotated[int, Field(ge=1, le=10_000)] = 15
    """Passes over the training images."""
    batch: Count = 30
    """Images a step."""
    crop: Annotated[int, Field(ge=33, le=2049)] = 321
    """Side of the random square crop in pixels; smaller images are padded with the mean pixel."""
    scale: Annotated[list[Scale], Field(min_length=2, max_length=2)] = [1.0, 1.0]
    """Smallest and largest random scaling before the crop."""
    flip: bool = True
    """Mirror half of the images, drawn anew each epoch."""
    brightness: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Random change of brightness, contrast and colour by up to this share."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """Optimiser."""
    lr: Positive = 0.001
    """Learning rate of the layers before the scores."""
    head_lr_factor: Positive = 10.0
    """Learning rate of the score layers, as a multiple."""
    schedule: Literal["step", "cosine"] = "step"
    """`step`: a tenth after each of `steps`; `cosine`: one half wave down to zero, after a warm-up of an
    epoch, or of a fifth of fewer than five."""
    steps: list[Count] = [6]
    """Epochs after which the rate falls to a tenth (schedule `step`)."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Momentum (sgd)."""
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.0005
    """Weight decay, on all weights but biases and normalisation."""

    @model_validator(mode="after")
    def _consistent(self) -> "Training":
        if self.crop % 32 != 1:
            near = max(33, round((self.crop - 1) / 32) * 32 + 1)
            raise ValueError(
                f"crop is a multiple of 32 plus 1, so that cells and pixels meet. Got: {self.crop}, near: {near}"
            )
        if self.scale[0] > self.scale[1]:
            raise ValueError(f"scale is [smallest, largest]. Got: {self.scale}")
        return self


class Classification(Section):
    """Each round's classifier."""

    loss: Literal["squared", "bce"] = "squared"
    """`squared`: the paper's squared label prediction loss on softmax scores (HCP); `bce`: sigmoid cross-entropy."""
    training: Training = Training()


class Attention(Section):
    """Maps that say where a class's evidence lies."""

    method: Literal["cam"] = "cam"
    """`cam`: class activation maps (Zhou et al., CVPR 2016)."""
    flip: bool = True
    """Average with the mirrored photograph's maps."""
    scales: Annotated[list[Scale], Field(min_length=1)] = [1.0]
    """Sizes at which the photograph is seen, as multiples of its own; the maps are averaged."""


class RoundOverride(Section):
    """What one round does differently."""

    round: Count
    """The round, counted from 1."""
    reading: Reading | None = None
    """As `erasing.reading`, in this round only."""
    threshold: OpenFraction | None = None
    """As `erasing.threshold`, in this round only."""
    target_area: OpenFraction | None = None
    """As `erasing.target_area`, in this round only."""
    epochs: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """As `classification.training.epochs`, in this round only."""


class Erasing(Section):
    """Adversarial erasing (paper, Algorithm 1)."""

    rounds: Annotated[int, Field(ge=1, le=MOST_ROUNDS)] = 4
    """Rounds T that are trained."""
    merge: Annotated[int, Field(ge=1, le=20)] | Literal["auto"] = 3
    """Rounds that are merged; `auto`: those before the converged loss jumps."""
    jump: OpenFraction = 0.6
    """`auto` ends before the first round whose converged loss has gone this share of the way from the first round's to
    that of a constant predictor."""
    reading: Reading = "fraction_of_max"
    """Threshold on a map H: `fraction_of_max` H > t·max; `top_values` H > (1-t)·max; `top_pixels` the highest t of
    the pixels; `calibrated` the fraction of max at which the round mines `target_area` of the training images;
    `random` the same on maps of smooth noise, a control."""
    threshold: OpenFraction = 0.2
    """The threshold t of the first three readings (paper: top 20 %); the others find their own."""
    target_area: OpenFraction = 0.14
    """Mean share of the image a round mines (`calibrated`, `random`); in SEC's released VGG16 cues it is 14 %."""
    mine_erased: bool = True
    """Whether pixels erased in an earlier round may be mined again, also for another class."""
    fill: Literal["mean", "zero", "noise", "none"] = "mean"
    """What replaces mined pixels: the mean pixel of the training images, black, or noise around the mean; `none`: they
    stay, and each round sees the photographs, a control."""
    per_round: list[RoundOverride] = []
    """What single rounds do differently."""

    def in_round(self, round: int, name: str) -> Any:
        """The setting `name` as it stands in a round."""
        own = next((getattr(one, name) for one in self.per_round if one.round == round), None)
        return getattr(self, name) if own is None else own

    @model_validator(mode="after")
    def _rounds_exist(self) -> "Erasing":
        if self.merge != "auto" and self.merge > self.rounds:
            raise ValueError(f"merge is at most rounds. Got: merge {self.merge}, rounds {self.rounds}")
        numbers = [override.round for override in self.per_round]
        if len(set(numbers)) < len(numbers):
            raise ValueError(f"per_round names a round twice: {numbers}")
        if any(number > self.rounds for number in numbers):
            raise ValueError(f"per_round names round {max(numbers)}, but there are {self.rounds}")
        return self


class Saliency(Section):
    """What supplies the background (paper, section 3.2)."""

    method: Literal["rbd", "external"] = "rbd"
    """`rbd`: robust background detection (Zhu et al., CVPR 2014), no training; `external`: a detector's maps."""
    folder: PathText | None = None
    """Folder of the maps, one grey image a photograph, named by its id (`external`)."""

    @model_validator(mode="after")
    def _folder_given(self) -> "Saliency":
        if self.method == "external" and self.folder is None:
            raise ValueError("method external needs folder, where the maps are")
        return self


class PseudoLabels(Section):
    """From mined regions and saliency to label maps (paper, section 3.2)."""

    background_threshold: OpenFraction | Literal["mined"] = 0.06
    """Saliency below it is background, unless mined: the paper's value for DRFI, which suits RBD too
    (docs/saliency.md). `mined`, for maps of another scale: where saliency best tells what the first round mined from
    the rest, found without masks."""


class Segmentation(Section):
    """Online prohibitive segmentation learning (paper, section 3.2)."""

    labels: Literal["pseudo", "predictions", "truth"] = "pseudo"
    """What is learned from: pseudo-labels; the trained network's own predictions on the training images (PSL++); the
    ground truth (the ceiling)."""
    loss: Literal["psl", "cross_entropy"] = "psl"
    """`psl`: J(f, S) + J(f, Ŝ) and the classification branch; `cross_entropy`: J(f, S) alone."""
    class_scores: Literal["sigmoid", "softmax", "labels"] = "sigmoid"
    """The scores v that weigh the classes in Ŝ: the branch's, as sigmoid or softmax, or the image-level labels."""
    branch_loss: Literal["bce", "balanced", "squared"] = "bce"
    """Loss of the classification branch: `bce` on its scores; `balanced` on their sum with each class's log-odds, so
    that v says what a photograph adds to these and no class is prohibited for being rare; `squared`: as the
    classifier's."""
    background_share: Literal["labelled", "all"] = "labelled"
    """How frequent the trained network takes background to be: as among the `labelled` pixels, or as among `all`, if
    all that is ignored is background; most of it is. Of pseudo-labels only."""
    branch_weight: Weight = 1.0
    """Weight of the classification branch's loss."""
    online_classes: Literal["all", "labels"] = "all"
    """Pixels of Ŝ that carry loss: all, or those won by background and the image's own labels."""
    loss_at: Literal["scores", "pixels"] = "scores"
    """Where the loss is taken: at the score maps' resolution, as in Caffe's DeepLab, or on upsampled scores."""
    prohibit_below: Fraction = 0.0
    """At test, classes whose branch score v is below this are left out; 0: none. Without PSL there is no v."""
    self_label_crf: bool = True
    """Whether PSL++ learns from predictions after the CRF."""
    train_on: bool = False
    """Whether PSL++ goes on from the weights of the network whose predictions it learns from, or starts afresh."""
    training: Training = Training()


class CRF(Section):
    """Fully connected CRF after the network, with DeepLab-LargeFOV's parameters."""

    iterations: Annotated[int, Field(ge=0, le=100)] = 10
    """Mean-field iterations; 0: no CRF."""
    bilateral_weight: Weight = 4.0
    """Weight of the kernel on position and colour."""
    bilateral_xy: Deviation = 49.0
    """Its standard deviation in pixels."""
    bilateral_rgb: Deviation = 5.0
    """Its standard deviation in colour, 0..255."""
    gaussian_weight: Weight = 3.0
    """Weight of the kernel on position alone."""
    gaussian_xy: Deviation = 3.0
    """Its standard deviation in pixels."""
