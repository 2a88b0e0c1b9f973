"""Steps: what may be done to the pixels of test images (conditions)."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Subsampling = Literal["4:4:4", "4:2:2", "4:2:0"]
Text = Annotated[str, StringConstraints(min_length=1)]
Resample = Literal["nearest", "bilinear", "bicubic", "lanczos"]


class Model(BaseModel):
    """Frozen and strict: unknown keys are refused, nothing is converted behind the user's back."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Jpeg(Model):
    """A JPEG round trip with Pillow's encoder: a local step."""

    step: Literal["jpeg"]
    quality: int = Field(ge=1, le=100, description="Pillow's quality.")
    chroma_subsampling: Subsampling = Field(default="4:2:0", description="Chroma subsampling.")


class Resize(Model):
    """Shrink the whole image by size/reference and, unless down_only, bring it back: a global step."""

    step: Literal["resize"]
    size: int = Field(ge=1, description="GenImage's R: the side an image of `reference` pixels is shrunk to.")
    reference: int = Field(default=224, ge=1, description="The side that R refers to; the factor is size/reference.")
    filter: Resample = Field(default="bicubic", description="Pillow filter, both ways.")
    down_only: bool = Field(default=False, description="Leave the image small instead of bringing it back.")


class Blur(Model):
    """Pillow's GaussianBlur (three box passes, not a true Gaussian): a local step."""

    step: Literal["blur"]
    sigma: float = Field(gt=0, le=50, description="Pillow's radius: the standard deviation in pixels.")


class Brightness(Model):
    """Multiply by a factor and clip: a local step."""

    step: Literal["brightness"]
    factor: float = Field(ge=0, le=10, description="1 leaves the image as it is.")


class Noise(Model):
    """Gaussian noise keyed by image and pixel, so that a crop sees the noise of the full image: a local step."""

    step: Literal["noise"]
    sigma: float = Field(gt=0, le=255, description="Standard deviation in grey levels.")


class Webp(Model):
    """A lossy WebP round trip with Pillow's encoder: a global step (its filters reach across the image)."""

    step: Literal["webp"]
    quality: int = Field(ge=0, le=100, description="Pillow's quality.")


class Avif(Model):
    """A lossy AVIF round trip with Pillow's encoder: a global step."""

    step: Literal["avif"]
    quality: int = Field(ge=0, le=100, description="Pillow's quality.")


class Contrast(Model):
    """Stretch around the mean grey of the whole image, and clip: a global step."""

    step: Literal["contrast"]
    factor: float = Field(ge=0, le=10, description="1 leaves the image as it is.")


Step = Annotated[Jpeg | Resize | Blur | Brightness | Noise | Webp | Avif | Contrast, Field(discriminator="step")]
