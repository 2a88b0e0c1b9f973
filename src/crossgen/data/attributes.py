"""The facts of an image that no detector should need: what is audited, and how each is read off a table."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

SOURCE_SIZE = ("source_width", "source_height")


@dataclass(frozen=True)
class Attribute:
    """A fact of an image: its group, the columns it needs, how it is read, and whether it is a number or a category.

    A `rare` one has no row where it is the same in every image: most tables would say "missing" seven times.
    """

    group: str
    needs: tuple[str, ...]
    read: Callable[[pd.DataFrame], pd.Series]
    number: bool = False
    rare: bool = False


def _category(name: str, rare: bool = False) -> Attribute:
    return Attribute("header", (name,), lambda frame: frame[name], rare=rare)


def _number(group: str, name: str, rare: bool = False) -> Attribute:
    return Attribute(group, (name,), lambda frame: frame[name], number=True, rare=rare)


def _phase(name: str) -> Attribute:
    """Place of the crop on the JPEG grid (16: the largest block of a 4:2:0 file)."""
    return Attribute("crop", (name,), lambda frame: frame[name] % 16, number=True)


def _source(frame: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Width and height of the source image: crops carry them apart from those of the file that was decoded."""
    names = SOURCE_SIZE if set(SOURCE_SIZE) <= set(frame.columns) else ("width", "height")
    return frame[names[0]].astype(float), frame[names[1]].astype(float)


def _geometry(read: Callable[[pd.Series, pd.Series], pd.Series]) -> Attribute:
    return Attribute("geometry", ("width", "height"), lambda frame: read(*_source(frame)), number=True)


#: Every attribute that is audited; `group` says what it is a fact of.
ATTRIBUTES: dict[str, Attribute] = {
    "format": _category("format"),
    "jpeg_quality": _number("header", "jpeg_quality"),
    "jpeg_tables": _category("jpeg_tables"),
    "chroma_subsampling": _category("chroma_subsampling"),
    "progressive": _category("progressive"),
    "mode": _category("mode"),
    "bit_depth": _number("header", "bit_depth", rare=True),
    "frames": _number("header", "frames", rare=True),
    "exif": _category("exif", rare=True),
    "icc": _category("icc", rare=True),
    "xmp": _category("xmp", rare=True),
    "software": _category("software", rare=True),
    "ai_marker": _category("ai_marker", rare=True),
    "crop_size": _number("crop", "crop_size"),
    "crop_x_mod_16": _phase("crop_x"),
    "crop_y_mod_16": _phase("crop_y"),
    "width": _geometry(lambda width, height: width),
    "height": _geometry(lambda width, height: height),
    "aspect": _geometry(lambda width, height: width / height),
    "bytes_per_pixel": Attribute(
        "content",
        ("bytes", "width", "height"),
        lambda frame: frame["bytes"].astype(float) / (frame["width"] * frame["height"]).astype(float),
        number=True,
    ),
}

#: Columns that the attributes are read from; some only crops have.
COLUMNS = tuple(dict.fromkeys([name for each in ATTRIBUTES.values() for name in each.needs] + list(SOURCE_SIZE)))


def present(frame: pd.DataFrame) -> list[str]:
    """Attributes that a table tells of; rare ones where they vary."""
    return [name for name, attribute in ATTRIBUTES.items() if _is_present(attribute, frame)]


def _is_present(attribute: Attribute, frame: pd.DataFrame) -> bool:
    if not set(attribute.needs) <= set(frame.columns):
        return False
    return not attribute.rare or frame[attribute.needs[0]].nunique(dropna=False) > 1
