"""Augmentations: what may be done to a training image. Each draws from (seed, epoch, image, its place in the chain)."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from crossgen.config.steps import Model, Resample, Text
from crossgen.config.values import rising

Share = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
AtLeast0 = Annotated[float, Field(ge=0)]
Quality = Annotated[int, Field(ge=1, le=100)]
Level = Annotated[int, Field(ge=0, le=255)]
Side = Annotated[int, Field(ge=1)]
Rising = AfterValidator(rising)


class Chance(Model):
    """What is done to a share of the images."""

    probability: float = Field(default=0.5, ge=0, le=1, description="Share of images changed.")


class Flip(Chance):
    """Mirror left to right."""

    step: Literal["flip"]


class VerticalFlip(Chance):
    """Mirror top to bottom."""

    step: Literal["vertical_flip"]


class Rot90(Chance):
    """Turn by 90, 180 or 270 degrees. Probability 0.75 draws evenly from 0, 90, 180 and 270."""

    step: Literal["rot90"]


class Rotate(Chance):
    """Turn by any angle about the middle; what was outside is reflected in."""

    step: Literal["rotate"]
    degrees: float = Field(
        default=180.0, gt=0, le=180, description="The angle is uniform between -degrees and degrees."
    )
    filter: Literal["nearest", "bilinear", "bicubic"] = Field(default="bilinear", description="Interpolation.")


class Translate(Chance):
    """Shift by whole pixels; what was outside is reflected in."""

    step: Literal["translate"]
    share: float = Field(default=0.1, gt=0, lt=1, description="Farthest shift each way, as a share of the side.")


class RandomCrop(Model):
    """Cut a square anywhere; an image with a side below `size` is first continued by reflection."""

    step: Literal["random_crop"]
    size: int = Field(ge=8, le=4096, description="Side of the square.")
    grid: int = Field(default=1, ge=1, le=64, description="Offsets are multiples of this.")


class RandomResizedCrop(Chance):
    """Cut a rectangle of a random area and aspect, and resize it to a square (torchvision's)."""

    step: Literal["random_resized_crop"]
    probability: float = Field(default=1.0, ge=0, le=1, description="Share of images changed.")
    size: int = Field(ge=8, le=4096, description="Side of the square.")
    area: Annotated[tuple[Share, Share], Rising] = Field(default=(0.08, 1.0), description="Share of the image's area.")
    aspect: Annotated[tuple[Positive, Positive], Rising] = Field(
        default=(3 / 4, 4 / 3), description="Width over height; drawn evenly on a logarithmic scale."
    )
    filters: tuple[Resample, ...] = Field(
        default=("bilinear", "bicubic"), min_length=1, description="Pillow filters, drawn for each image."
    )


class ShortSide(Model):
    """Resize the whole image, aspect kept, until its short side is `size`."""

    step: Literal["short_side"]
    size: int = Field(ge=8, le=4096, description="Short side in pixels.")
    filter: Resample = Field(default="bilinear", description="Pillow filter.")


class Shrink(Chance):
    """Resize to a smaller image, aspect kept, and perhaps back: GramNet's augmentation."""

    step: Literal["shrink"]
    sides: Annotated[tuple[Side, Side], Rising] = Field(
        description="Short side after it: a whole number from the first to the second."
    )
    back_to: int | None = Field(
        default=None, ge=8, description="Short side it is enlarged to again; null: to what it was."
    )
    filter: Resample = Field(default="bilinear", description="Pillow filter, both ways.")


class RandomBlur(Chance):
    """Gaussian blur: scipy's on each channel, as CNNSpot has it."""

    step: Literal["blur"]
    sigma: Annotated[tuple[AtLeast0, AtLeast0], Rising] = Field(
        default=(0.0, 3.0), description="Standard deviation in pixels, uniform between the two."
    )


class RandomJpeg(Chance):
    """A JPEG round trip."""

    step: Literal["jpeg"]
    quality: Annotated[tuple[Quality, Quality], Rising] = Field(
        default=(30, 100), description="A whole number from the first to the second."
    )
    encoders: tuple[Literal["cv2", "pillow"], ...] = Field(
        default=("cv2", "pillow"), min_length=1, description="Encoders, drawn for each image; both write 4:2:0."
    )


class Jitter(Chance):
    """Brightness, contrast, saturation and hue changed in random order (torchvision's ColorJitter)."""

    step: Literal["jitter"]
    brightness: float = Field(default=0.4, ge=0, le=1, description="Factor uniform in 1 - b to 1 + b.")
    contrast: float = Field(default=0.4, ge=0, le=1, description="Factor uniform in 1 - c to 1 + c.")
    saturation: float = Field(default=0.4, ge=0, le=1, description="Factor uniform in 1 - s to 1 + s.")
    hue: float = Field(default=0.1, ge=0, le=0.5, description="Shift uniform in -h to h, in turns.")


class Greyscale(Chance):
    """Replace the colours by their luma (Pillow's), in all three channels."""

    step: Literal["greyscale"]


class Cutout(Chance):
    """Fill squares with one grey; their middles lie anywhere in the image."""

    step: Literal["cutout"]
    size: int = Field(default=48, ge=1, description="Side of a square in pixels.")
    count: int = Field(default=1, ge=1, le=64, description="Squares an image.")
    fill: int = Field(default=128, ge=0, le=255, description="Grey level.")


class RandomNoise(Chance):
    """Gaussian noise, of its own in each pixel and channel, clipped."""

    step: Literal["noise"]
    variance: Annotated[tuple[AtLeast0, AtLeast0], Rising] = Field(
        default=(10.0, 50.0), description="Variance in grey levels squared, uniform between the two."
    )


class Policy(Model):
    """What timm's policies share."""

    fill: tuple[Level, Level, Level] = Field(
        default=(124, 116, 104),
        description="Colour of what comes in from outside. timm takes 255 times the mean that is subtracted; the"
        " default is ImageNet's.",
    )


class RandAugment(Policy):
    """timm's RandAugment."""

    step: Literal["randaugment"]
    policy: Text = Field(default="rand-m9-mstd0.5-inc1", description="timm's name of a policy.")


class AugMix(Policy):
    """timm's AugMix augmentation of one image (its splits with the divergence are the recipe's `splits`)."""

    step: Literal["augmix"]
    policy: Text = Field(default="augmix-m3-w3", description="timm's name of a policy.")


Augmentation = Annotated[
    Flip
    | VerticalFlip
    | Rot90
    | Rotate
    | Translate
    | RandomCrop
    | RandomResizedCrop
    | ShortSide
    | Shrink
    | RandomBlur
    | RandomJpeg
    | Jitter
    | Greyscale
    | Cutout
    | RandomNoise
    | RandAugment
    | AugMix,
    Field(discriminator="step"),
]
