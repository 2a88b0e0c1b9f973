"""Subsets: which images are trained on, and how they are aligned."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from crossgen.config.breakdowns import ClassOrRange
from crossgen.config.presets import PRESETS, Preset
from crossgen.config.steps import Model, Subsampling, Text
from crossgen.config.values import Format, GridName, Name, rising

Quality = Annotated[int, Field(ge=1, le=100)]
Side = Annotated[int, Field(ge=1)]
Multiple = Annotated[float, Field(gt=0, le=1000)]
Qualities = Annotated[tuple[Quality, Quality], AfterValidator(rising)]
Sides = Annotated[tuple[Side, Side], AfterValidator(rising)]
Multiples = Annotated[tuple[Multiple, Multiple], AfterValidator(rising)]


def _list_or(tag: str) -> Discriminator:
    """Chooses between a list and something else by what is written, so that one fault is one message."""
    return Discriminator(lambda given: "list" if isinstance(given, list | tuple) else tag)


QualityOrRange = Annotated[
    Annotated[Quality, Tag("value")] | Annotated[Qualities, Tag("list")],
    _list_or("value"),
]

Splits = Literal[True, False, "train", "val"]


class Lists(Model):
    """Published list files that tell the split, too: images named in neither are left out, test images always are."""

    train: tuple[Text, ...] = Field(default=(), description="Files of the names that are trained on.")
    val: tuple[Text, ...] = Field(default=(), description="Files of the names that are val images.")


FilesOrLists = Annotated[
    Annotated[tuple[Text, ...], Field(min_length=1), Tag("list")] | Annotated[Lists, Tag("Lists")],
    _list_or("Lists"),
]


class Filter(Model):
    """Which images of one label a subset keeps. Absent conditions keep everything."""

    formats: tuple[Format, ...] | None = Field(default=None, min_length=1, description="Formats kept.")
    jpeg_quality: QualityOrRange | None = Field(
        default=None,
        description="JPEG quality, or its range, both ends kept; files without one, by `quality_estimate`, are left"
        " out.",
    )
    quality_estimate: Literal["exact", "imagemagick", "published"] = Field(
        default="exact",
        description="Which quality `jpeg_quality` means. exact: the tables are IJG's of it; imagemagick: its estimate"
        " for any tables; published: compression_rate of genimage_metadata.csv (100 for a PNG).",
    )
    chroma_subsampling: tuple[Subsampling, ...] | None = Field(
        default=None, min_length=1, description="Kept chroma layouts."
    )
    width: Sides | None = Field(default=None, description="Range of the width in pixels, both ends kept.")
    height: Sides | None = Field(default=None, description="Range of the height in pixels, both ends kept.")
    sides: Sides | None = Field(default=None, description="Range in pixels that both sides lie in.")
    relative_sides: Multiples | None = Field(
        default=None,
        description="Range that both sides lie in, in multiples of S, the median side of the train set's fakes.",
    )
    aspect: Multiples | None = Field(default=None, description="Range of width / height, both ends kept.")
    lists: FilesOrLists | None = Field(
        default=None,
        description="Published list files (DMimageDetection's): text, one file name or ending of a path a line, or CSV"
        " with a column path, filename or src. An image is kept if a line names it. {train, val}: they also tell the"
        " split, in place of the manifest's.",
    )


class Classes(Model):
    """Content classes drawn at random: the first n, by hash of (seed, class), of those of the train set's fakes."""

    n: int = Field(ge=1, description="Classes drawn.")
    seed: int = Field(default=0, ge=0, description="Seed of the draw; a smaller draw is part of a larger one.")


ClassesOrDraw = Annotated[
    Annotated[tuple[ClassOrRange, ...], Field(min_length=1), Tag("list")] | Annotated[Classes, Tag("Classes")],
    _list_or("Classes"),
]


class Crop(Model):
    """What is cut from every image of a subset, after alignment and before the recipe's frame."""

    size: int = Field(ge=8, le=4096, description="Side of the square in pixels.")
    grid: int = Field(default=16, ge=1, le=64, description="Offsets are multiples of this: 16 hides the JPEG grid.")
    small: Literal["skip", "reflect", "resize"] = Field(
        default="skip", description="Images with a side below size; see the recipe's frame."
    )


class Alignment(Model):
    """Re-encoding, once and to files, that gives fakes the compression of the reals they are trained against."""

    jpeg_quality: Quality | Literal["reals", "pair"] = Field(
        description="JPEG quality written (Pillow). reals: drawn for each image, by its id and `seed`, from those of"
        " the training reals that the subset keeps; pair: that of the real that the fake is paired with, exact or"
        " estimated."
    )
    chroma_subsampling: Subsampling | Literal["reals", "pair"] = Field(
        default="4:2:0",
        description="Chroma subsampling written. reals: drawn with the quality, from the same training real; pair: that"
        " of the fake's own real, 4:2:0 where it has none that is written.",
    )
    unknown: Quality | None = Field(
        default=96,
        description="Quality of fakes whose real has none, exact or estimated (pair only); null: they stay as they"
        " are.",
    )
    probability: float = Field(
        default=1.0, ge=0, le=1, description="Share of pairs whose fake is re-encoded, by hash (pair only)."
    )
    to: Literal["fake", "real", "all"] = Field(default="fake", description="Which images are re-encoded.")
    seed: int = Field(default=0, ge=0, description="Seed of the draws.")

    @model_validator(mode="after")
    def _of_one_source(self) -> "Alignment":
        told = {self.jpeg_quality, self.chroma_subsampling}
        if "pair" in told and "reals" in told:
            raise ValueError("jpeg_quality and chroma_subsampling both of the pair, or both of the reals")
        if "pair" in told and self.to != "fake":
            raise ValueError("to: fake with jpeg_quality or chroma_subsampling `pair`: reals keep their own")
        if "pair" not in told and self.probability < 1:
            raise ValueError("probability: 1 where neither jpeg_quality nor chroma_subsampling is `pair`")
        return self

    @property
    def is_drawn(self) -> bool:
        """Whether it depends on a selection: the files it writes belong to that selection alone."""
        return "reals" in (self.jpeg_quality, self.chroma_subsampling) or self.is_paired

    @property
    def is_paired(self) -> bool:
        """Whether it depends on each fake's own real."""
        return "pair" in (self.jpeg_quality, self.chroma_subsampling)


class Validation(Model):
    """A named pool that the val images of its label are taken from, instead of the train set's own carve."""

    pool: Name = Field(description="The pool; its test images are never used.")
    n: int = Field(ge=1, description="Images taken.")
    seed: int = Field(default=0, ge=0, description="Seed of the choice.")


ValidationOrList = Annotated[
    Annotated[Validation, Tag("Validation")] | Annotated[tuple[Validation, ...], Field(min_length=1), Tag("list")],
    _list_or("Validation"),
]


class Subset(Model):
    """A declared selection of manifest rows to train on, with its alignment.

    Filters apply in this order: usable images, leaks, groups of val, shared reals, ids, real and fake filters, classes,
    named validation pool, fraction, images_per_content_class, class balance, label balance, images_per_class and
    val_per_class. The waterfall beside a selection counts what each removed.
    """

    name: GridName = Field(description="Name of the subset.")
    preset: Preset | None = Field(
        default=None,
        description="UnbiasedGenImage's selection rules as values of the keys below that are not written: classic,"
        " jpeg96, size_constrained (config/README.md has them in full, and where theirs differ).",
    )
    real: Filter = Field(default=Filter(), description="Which reals are kept.")
    fake: Filter = Field(default=Filter(), description="Which fakes are kept.")
    reals_from: Literal["own", "all"] = Field(
        default="own",
        description="own: the train set's real pools; all: the real pools of every train set that `each` stands for"
        " (GenImage: the folders of all generators).",
    )
    drop_leaks: Literal["none", "own", "all"] = Field(
        default="own",
        description="Drop train and val images whose bytes are also in a test split: of the pools read (own), of any"
        " pool of a test set (all), or keep them (none).",
    )
    ids: Text | None = Field(
        default=None, description="File of image ids kept: text, one a line, or CSV or Parquet with a column image_id."
    )
    max_absent: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Largest share of the entries of `ids`, and of `lists` of one label, that may name no usable train"
        " or val image before the selection is refused; below it they are counted.",
    )
    classes: ClassesOrDraw | None = Field(
        default=None,
        description="Content classes kept: a list of indices, {first, last} of them, synsets or names, or {n, seed};"
        " null: all.",
    )
    fraction: float = Field(
        default=1.0, gt=0, le=1, description="Share kept, by hash of (seed, image id); a smaller one is part of it."
    )
    images_per_content_class: int | None = Field(
        default=None, ge=1, description="Training images of each content class and label, at most; null: all."
    )
    balance_classes: Splits = Field(
        default=False,
        description="Keep as many reals as fakes of each content class, in both splits (true) or one of them.",
    )
    balance_labels: Splits = Field(
        default=False,
        description="Keep as many reals as fakes in all, where images_per_class or val_per_class says no number.",
    )
    align: Alignment | None = Field(default=None, description="Alignment of the kept images; null: files as they are.")
    crop: Crop | None = Field(
        default=None, description="Cut from the kept images after alignment, before the recipe's frame; null: nothing."
    )
    images_per_class: int | None = Field(
        default=None,
        ge=1,
        description="Training images of each label (real, fake), exactly; null: all, batches stay balanced.",
    )
    val_per_class: int | None = Field(
        default=None, ge=1, description="Validation images of each label, exactly; null: all there are."
    )
    validation: ValidationOrList | None = Field(
        default=None,
        description="Val images of one label from a named pool, or a list of two, one of each label; null: carved from"
        " train.",
    )
    pairing: Literal["none", "name"] = Field(
        default="none",
        description="name: whole pairs of a real and the fake made from it: by the fake's `pair` where it is known,"
        " else by the same path without ending (docs/pairs.md). images_per_class then counts pairs.",
    )
    unpaired: Literal["refuse", "drop"] = Field(
        default="refuse",
        description="Images without an other half, of doubled names, or of sizes that do not fit: refused, or dropped"
        " and counted (pairing: name).",
    )
    seed: int = Field(default=0, ge=0, description="Seed of the sampling; smaller samples are part of larger ones.")

    @model_validator(mode="after")
    def _refuse_unapplied(self) -> "Subset":
        """Presets are applied to what is written (`presets.applied`), when a config is loaded."""
        if self.preset and not set(PRESETS[self.preset]) <= self.model_fields_set:
            raise ValueError(f"the keys of preset {self.preset} beside it: crossgen.config.presets.applied writes them")
        if self.align is not None and self.align.is_paired and self.pairing == "none":
            raise ValueError("pairing: name with align.jpeg_quality or align.chroma_subsampling `pair`")
        return self

    @property
    def lenders(self) -> tuple[Validation, ...]:
        """The named pools that lend val images."""
        told = self.validation
        return told if isinstance(told, tuple) else (told,) if told else ()
