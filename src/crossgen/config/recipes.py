"""Recipes: how one detector is trained. Geometry, augmentation, optimiser, schedule, and what is kept."""

from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from crossgen.config.augmentations import Augmentation
from crossgen.config.beginnings import Start, StayPositive
from crossgen.config.clashes import clashes
from crossgen.config.steps import Model, Resample, Text
from crossgen.config.values import GridName

#: Architectures that the zoo knows (`crossgen.detectors.zoo`, which imports torch and is not imported here).
ARCHITECTURES = ("cnnspot", "f3net", "gramnet", "npr", "res50nodown", "residual", "spec", "timm")


class Frame(Model):
    """Geometry from image to a uint8 array, and its normalisation; travels with the weights."""

    kind: Literal["crop", "resize", "short_side", "whole"] = Field(
        description="crop: cut a square, pixels untouched; resize: the whole image to a square, aspect not kept;"
        " short_side: the short side brought to `short_side`, aspect kept, then the central square; whole: the image"
        " as it is."
    )
    size: int = Field(ge=8, le=4096, description="Side of the square in pixels; whole: the least side an image needs.")
    short_side: int | None = Field(
        default=None, ge=8, le=4096, description="Short side before the square is cut (short_side only)."
    )
    grid: int = Field(
        default=16,
        ge=1,
        le=64,
        description="Crop offsets are multiples of this; 16 hides the JPEG grid's phase (crop only).",
    )
    small: Literal["skip", "reflect", "resize"] = Field(
        default="skip",
        description="Images with a side below size: quarantined, continued by reflection, or enlarged (crop, whole).",
    )
    filter: Resample = Field(default="bicubic", description="Pillow filter where the frame resizes.")
    mean: tuple[float, float, float] = Field(default=(0.5, 0.5, 0.5), description="Subtracted from RGB in [0, 1].")
    std: tuple[float, float, float] = Field(default=(0.5, 0.5, 0.5), description="RGB is divided by it, then.")

    @model_validator(mode="after")
    def _short_side(self) -> Self:
        if (self.kind == "short_side") != (self.short_side is not None):
            raise ValueError("`short_side` (pixels) with kind short_side, and with no other kind")
        if self.short_side is not None and self.short_side < self.size:
            raise ValueError(f"a short_side of at least size ({self.size}), so that the square fits")
        return self


class Optimiser(Model):
    """An optimiser of torch, made by timm."""

    kind: Literal["adamw", "adam", "sgd", "rmsprop", "lamb"] = Field(
        default="adamw", description="Optimiser; sgd is with momentum."
    )
    lr: float = Field(gt=0, description="Peak learning rate.")
    weight_decay: float = Field(default=0.01, ge=0, description="Weight decay.")
    decay: Literal["all", "weights"] = Field(
        default="all", description="What decays: all, or all but biases and the parameters of norms."
    )
    momentum: float = Field(default=0.9, ge=0, lt=1, description="Momentum (sgd, rmsprop) or beta 1.")
    beta2: float = Field(default=0.999, gt=0, lt=1, description="Beta 2 (adam, adamw, lamb).")
    dampening: float = Field(default=0.0, ge=0, lt=1, description="Dampening of the momentum (sgd).")
    nesterov: bool = Field(default=False, description="Nesterov's momentum (sgd).")
    layer_decay: float | None = Field(
        default=None, gt=0, le=1, description="Layer-wise rate: a layer's is this times that of the layer after it."
    )
    clip_norm: float | None = Field(default=None, gt=0, description="Largest norm of the gradient; null: unclipped.")


class Cosine(Model):
    """Linear warm-up, then half a cosine down to `floor`; set anew at every step."""

    kind: Literal["cosine"]
    warmup: float = Field(default=0.1, ge=0, lt=1, description="Share of the steps with a rising rate.")
    warmup_lr: float | None = Field(
        default=None, ge=0, description="Rate it rises from; null: lr / (warm-up steps + 1)."
    )
    floor: float = Field(default=0.0, ge=0, description="Rate at the end of the cosine.")
    cooldown: float = Field(
        default=0.0, ge=0, lt=1, description="Share of the steps at the end that stay at the floor."
    )


class Constant(Model):
    """The rate stays."""

    kind: Literal["constant"]


class StepDown(Model):
    """The rate is multiplied by `factor` every so many epochs."""

    kind: Literal["step"]
    every: float = Field(gt=0, description="Epochs between two changes.")
    factor: float = Field(gt=0, lt=1, description="What the rate is multiplied by.")
    warmup: float = Field(default=0.0, ge=0, lt=1, description="Share of the steps with a rising rate.")


class Plateau(Model):
    """The rate is multiplied by `factor` when the validation measure has not improved for `patience` epochs."""

    kind: Literal["plateau"]
    patience: int = Field(default=5, ge=0, description="Epochs without improvement that are waited for.")
    factor: float = Field(default=0.1, gt=0, lt=1, description="What the rate is multiplied by.")
    min_gain: float = Field(default=1e-4, ge=0, description="An improvement is more than this.")
    floor: float = Field(default=0.0, ge=0, description="The rate does not fall below it.")


class DropAndStop(Model):
    """CNNSpot's rule: no gain in `patience` epochs drops the rate; training ends before a rate below `stop_below`."""

    kind: Literal["drop_and_stop"]
    patience: int = Field(default=5, ge=1, description="Epochs without a gain before the rate drops.")
    factor: float = Field(default=0.1, gt=0, lt=1, description="What the rate is multiplied by.")
    min_gain: float = Field(default=0.001, ge=0, description="A gain of the validation measure is more than this.")
    min_gain_later: float | None = Field(
        default=None, ge=0, description="The same after the first drop; null: as before it."
    )
    forget_best: bool = Field(
        default=False, description="A drop forgets the best value: the epoch after it sets the mark (CNNSpot's code)."
    )
    stop_below: float = Field(default=1e-6, gt=0, description="Training ends before a rate below this.")


Schedule = Annotated[Cosine | Constant | StepDown | Plateau | DropAndStop, Field(discriminator="kind")]


class EarlyStopping(Model):
    """Training ends when the validation measure has not improved for `patience` epochs."""

    patience: int = Field(ge=1, description="Epochs without improvement that are waited for.")
    min_gain: float = Field(default=0.0, ge=0, description="An improvement is more than this.")


class Mixing(Model):
    """timm's mixup and CutMix of a batch: images and labels of two are mixed."""

    mixup: float = Field(default=0.0, ge=0, description="Alpha of mixup; 0: none.")
    cutmix: float = Field(default=0.0, ge=0, description="Alpha of CutMix; 0: none.")
    probability: float = Field(default=1.0, ge=0, le=1, description="Share of batches mixed.")
    switch: float = Field(
        default=0.5, ge=0, le=1, description="Share of the mixed ones that get CutMix, if both are on."
    )


class Erasing(Model):
    """timm's random erasing of the normalised image: a rectangle is replaced."""

    probability: float = Field(gt=0, le=1, description="Share of images erased.")
    mode: Literal["const", "rand", "pixel"] = Field(
        default="pixel", description="By zeros, by one random colour, by normal noise."
    )
    count: int = Field(default=1, ge=1, description="Most rectangles an image.")


class Splits(Model):
    """AugMix splits: a batch holds each image n times, the first as it is; their predictions are held together by the
    Jensen-Shannon divergence (Hendrycks et al., AugMix, 2020; timm's JsdCrossEntropy)."""

    n: int = Field(default=3, ge=2, le=8, description="Copies of each image.")
    augment: tuple[Augmentation, ...] = Field(
        default=(), description="Augmentations of all copies but the first, after those of the recipe."
    )
    alpha: float = Field(default=12.0, ge=0, description="Weight of the divergence.")
    spare_first: bool = Field(default=True, description="The first copy is not erased (timm's resplit).")


class Ema(Model):
    """Exponential moving average of the weights: it is what is judged and kept."""

    decay: float = Field(default=0.9998, gt=0, lt=1, description="Share of the average that stays, each step.")
    warmup: bool = Field(default=False, description="Let the decay rise to its value in the first steps.")


class Simulator(Model):
    """Fakes made from reals alone: a small auto-encoder learns to copy reals; its up-sampling leaves the artefacts of a
    generator's (Zhang et al., "Detecting and simulating artifacts in GAN fake images", 2019)."""

    upsampling: tuple[Literal["transposed", "nearest"], ...] = Field(
        default=("transposed", "nearest"),
        min_length=1,
        description="Up-sampling of the simulators; of several, each makes its share of the fakes.",
    )
    halvings: int = Field(
        default=2, ge=1, le=4, description="How often it halves the image before it enlarges it again."
    )
    width: int = Field(default=32, ge=4, le=256, description="Channels of its first layer.")
    steps: int = Field(default=300, ge=1, description="Steps that each simulator is trained for.")
    adversarial: float = Field(default=0.01, ge=0, description="Weight of the discriminator's loss beside the L1 loss.")


class Recipe(Model):
    """How one detector is trained."""

    name: GridName = Field(description="Name of the recipe.")
    architecture: str = Field(
        pattern=r"^([a-z0-9_]+|[A-Za-z_][\w.]*:[A-Za-z_]\w*)$",
        description="A name of the zoo (`timm` with option `model`, ...), or `package.module:Builder` of your own.",
    )
    options: dict[str, JsonValue] = Field(
        default_factory=dict, description="Keyword arguments of the architecture's builder."
    )
    frame: Frame = Field(description="Geometry and normalisation in test, in validation, and in training unless told.")
    training_frame: Frame | None = Field(
        default=None,
        description="Geometry of the stored training crops where it is another, such as crops for a frame of whole"
        " images, or larger ones that augmentation crops. Its normalisation is not used. null: frame.",
    )
    reading: Literal["crops", "files", "resident"] = Field(
        default="crops",
        description="crops: stored crops, memory-mapped; files: each whole image decoded every time, for augmentations"
        " that need it whole; resident: stored crops held and augmented on the GPU.",
    )
    crops_per_image: int = Field(
        default=1, ge=1, le=64, description="Crops stored of each training image; an epoch draws one of them."
    )
    augment: tuple[Augmentation, ...] = Field(default=(), description="Augmentations of an image, in order.")
    splits: Splits | None = Field(default=None, description="AugMix splits; null: each image once.")
    erasing: Erasing | None = Field(default=None, description="Random erasing; null: none.")
    mixing: Mixing | None = Field(default=None, description="Mixup and CutMix; null: none.")
    fakes: Literal["given", "simulated"] = Field(
        default="given", description="Where training fakes come from: the train set, or its reals, by `simulator`."
    )
    simulator: Simulator = Field(default=Simulator(), description="How fakes are simulated, where they are.")
    optimiser: Optimiser = Field(description="Optimiser.")
    schedule: Schedule = Field(default=Cosine(kind="cosine"), description="How the rate changes.")
    steps: int | None = Field(default=None, ge=1, description="Optimisation steps, whatever the number of images ...")
    epochs: float | None = Field(
        default=None, gt=0, description="... or passes over the larger label (with `balance: none`: over all images)."
    )
    batch_size: int = Field(default=32, ge=2, multiple_of=2, description="Images a step, on all devices together.")
    accumulate: int = Field(
        default=1, ge=1, description="Parts a batch is cut into, one after another, to save memory."
    )
    balance: Literal["batches", "loss", "none"] = Field(
        default="batches",
        description="batches: half of each are fakes; loss: batches as the images come, labels weigh the same in the"
        " loss; none: as they come.",
    )
    balance_pools: bool = Field(
        default=False, description="The fakes (reals) of a batch come in equal shares from each pool of their label."
    )
    pairing: Literal["none", "name"] = Field(
        default="none", description="name: a batch of 2n images holds n of the subset's pairs, each real by its fake."
    )
    synchronised: bool = Field(
        default=False, description="Both halves of a pair are cut at one place and see the same draws (pairing: name)."
    )
    label_smoothing: float = Field(default=0.0, ge=0, lt=0.5, description="Targets are s and 1 - s instead of 0 and 1.")
    ema: Ema | None = Field(default=None, description="Average of the weights; null: none.")
    start: Start | None = Field(default=None, description="Weights to begin with; null: the architecture's own.")
    freeze: Text | None = Field(
        default=None,
        description="Layers up to this one, it included, keep their weights and statistics: a name of the network's"
        " modules.",
    )
    stay_positive: StayPositive | None = Field(
        default=None, description="A second stage of weights to begin with: the last layer anew, no weight below 0."
    )
    select: Literal["best_val", "last"] = Field(
        default="best_val", description="Weights kept: of the epoch with the best validation measure, or the last."
    )
    measure: Literal["loss", "balanced_accuracy", "roc_auc"] = Field(
        default="loss", description="Validation measure that selection, schedule and early stopping go by."
    )
    validate_on: Literal["frame", "augmented"] = Field(
        default="frame",
        description="Validation images: as a test sees them, or augmented as in training (by draws of their own that do"
        " not change from epoch to epoch).",
    )
    early_stopping: EarlyStopping | None = Field(default=None, description="When to end early; null: never.")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        default="auto",
        description="auto: bf16 autocast where the processor has it, except for depthwise networks on CPU.",
    )
    channels_last: Literal["auto", "yes", "no"] = Field(
        default="auto", description="Memory layout of the images; auto: channels last where it is the faster."
    )
    compile: bool = Field(default=False, description="torch.compile: minutes to begin with, faster hours.")

    @property
    def packed_frame(self) -> Frame:
        """Geometry of the stored training crops."""
        return self.training_frame or self.frame

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        faults = list(clashes(self))
        if faults:
            raise ValueError("; and ".join(faults))
        return self
