"""Steps: what may be done to the pixels of test images (conditions)."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

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


class Png(Model):
    """A PNG round trip, which changes no pixel: a local step, and a control."""

    step: Literal["png"]


class Resize(Model):
    """Shrink the whole image by size/reference and, unless down_only, bring it back: a global step."""

    step: Literal["resize"]
    size: int = Field(ge=1, description="GenImage's R: the side an image of `reference` pixels is shrunk to.")
    reference: int = Field(default=224, ge=1, description="The side that R refers to; the factor is size/reference.")
    filter: Resample = Field(default="bicubic", description="Pillow filter, both ways.")
    filter_up: Resample | None = Field(default=None, description="Pillow filter on the way back, if it is another.")
    down_only: bool = Field(default=False, description="Leave the image small instead of bringing it back.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.down_only and self.filter_up:
            raise ValueError("no `filter_up` with `down_only`: the image does not come back")
        return self


class CentralCrop(Model):
    """Cut the central square, pixels untouched: a global step."""

    step: Literal["crop"]
    size: int = Field(ge=8, le=4096, description="Side of the square in pixels.")
    grid: int = Field(
        default=16, ge=1, le=64, description="Offsets are multiples of this: 16 keeps the JPEG grid; 1 is the middle."
    )
    small: Literal["skip", "reflect", "resize"] = Field(
        default="skip",
        description="Images with a side below size: lost (under_frame), reflected, or enlarged (bicubic).",
    )


class Blur(Model):
    """Pillow's GaussianBlur (three box passes, not a true Gaussian): a local step."""

    step: Literal["blur"]
    sigma: float = Field(gt=0, le=50, description="Pillow's radius: the standard deviation in pixels.")


class GaussianBlur(Model):
    """A true Gaussian, cut at 4 sigma, the border reflected: a local step."""

    step: Literal["gaussian_blur"]
    sigma: float = Field(gt=0, le=50, description="Standard deviation in pixels.")


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


class Operations(Model):
    """What a table says of each image (DMimageDetection's test lists): a square is cut, resized, and goes through JPEG:
    a global step. Images that the table does not list are lost (unlisted), as are those that their square leaves."""

    step: Literal["operations"]
    table: Text = Field(
        description="CSV with a header row; by position src (the end of the image's path, folder/file), side of the"
        " square, its left and upper edge, JPEG quality. Relative to the folder that the run is started in."
    )
    size: int = Field(
        default=200,
        ge=8,
        le=4096,
        description="Side that the square is resized to, in pixels: by Lanczos if it is larger, else bicubic.",
    )


Step = Annotated[
    Jpeg | Png | Resize | CentralCrop | Blur | GaussianBlur | Brightness | Noise | Webp | Avif | Contrast | Operations,
    Field(discriminator="step"),
]
