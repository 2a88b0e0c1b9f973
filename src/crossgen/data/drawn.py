"""How strongly an image is compressed: the same for all, or drawn for each from the training reals of a selection.

UnbiasedGenImage draws anew on each access; here the draw is a function of (alignment's seed, image_id), so that it is
the same in every shard, order and epoch. The chances are the reals' own counts. A training real counts if what is drawn
from it can be written: its quality if its tables are IJG's of one quality, its chroma subsampling if it is 4:4:4, 4:2:2
or 4:2:0. The others are left out (`left_out`), not guessed at: an estimate for a camera's tables names none to write.

`pair` is no draw: a fake gets the quality of the real that it was made from (DDA: Chen et al., NeurIPS 2025), which
leaves its pair no compression to tell the halves by. Where the real's tables are not IJG's of one quality, the
manifest's estimate (ImageMagick's) is nearer than any constant. DDA writes 96 where the real's quality is not known,
and does so for half of the pairs (`unknown`, `probability`): here for a real that is no JPEG, or whose tables give no
estimate.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from crossgen.config import Alignment
from crossgen.config.steps import Subsampling
from crossgen.data.splits import fraction

#: Raised when other encodings are drawn.
VERSION = 2

WRITABLE = get_args(Subsampling)
#: Columns of a selection that tell the chances.
DRAWN_FROM = ("label", "split", "jpeg_quality", "chroma_subsampling")
#: The same, and whose half each fake is.
PAIRED_FROM = (*DRAWN_FROM, "image_id", "pair", "jpeg_quality_estimate")


class Encoding(NamedTuple):
    """What Pillow is told: quality 1 to 100, chroma subsampling 4:4:4, 4:2:2 or 4:2:0."""

    jpeg_quality: int
    chroma_subsampling: str


#: image_id -> how it is encoded; None: the file stays as it is.
Choice = Callable[[str], Encoding | None]


def fixed(alignment: Alignment) -> Choice:
    """The same for every image. Raises ValueError for an alignment that draws."""
    quality, chroma = alignment.jpeg_quality, alignment.chroma_subsampling
    if isinstance(quality, str) or chroma == "reals" or chroma == "pair":
        raise ValueError(f"Alignment {alignment.model_dump()} draws from reals: it needs their selection.")
    return lambda image_id: Encoding(quality, chroma)


@dataclass(frozen=True)
class Draws:
    """Encodings with how many training reals have each, and of how many reals none could be taken."""

    encodings: tuple[Encoding, ...]
    counts: tuple[int, ...]
    left_out: int
    seed: int

    def __call__(self, image_id: str) -> Encoding:
        """The encoding of an image."""
        total: npt.NDArray[np.int64] = np.cumsum(self.counts)
        # a purpose of its own: splits and samples draw from (seed, image id) too, and must not choose the quality
        place = int(fraction(self.seed, f"align_jpeg/{image_id}") * int(total[-1]))
        return self.encodings[int(np.searchsorted(total, place, side="right"))]

    def __str__(self) -> str:
        used = sum(self.counts)
        share = self.left_out / (used + self.left_out)
        return (
            f"drawn from {len(self.encodings)} encodings of {used} training reals; {self.left_out} ({share:.1%}) left"
            " out: no exact quality, or a chroma layout that is not written"
        )


def draws(alignment: Alignment, selection: pd.DataFrame) -> Draws:
    """The chances that the training reals of a selection give. Raises ValueError if none of them can be drawn from."""
    reals = selection[(selection["label"] == 0) & (selection["split"] == "train")]
    quality: pd.Series = reals["jpeg_quality"]
    chroma: pd.Series = reals["chroma_subsampling"].where(reals["chroma_subsampling"].isin(WRITABLE))
    if alignment.jpeg_quality != "reals":
        quality = pd.Series(alignment.jpeg_quality, index=reals.index)
    if alignment.chroma_subsampling != "reals":
        chroma = pd.Series(alignment.chroma_subsampling, index=reals.index)
    usable = quality.notna() & chroma.notna()
    if not usable.any():
        raise ValueError(
            f"None of the {len(reals)} training reals of the selection has a JPEG quality and chroma subsampling to"
            f" draw for {alignment.model_dump()}: state them in the subset's align, or select JPEG reals."
        )
    pairs = pd.Series([Encoding(int(q), str(c)) for q, c in zip(quality[usable], chroma[usable], strict=True)])
    counts = pairs.value_counts().sort_index()
    return Draws(tuple(counts.index), tuple(map(int, counts)), int((~usable).sum()), alignment.seed)


@dataclass(frozen=True)
class OfPairs:
    """Encodings by the fake's id: its real's. `known`: fakes whose real has an exact quality; `estimated`: whose real
    has an estimate; `unknown`: others; `unpaired`: fakes in no pair, which stay as they are, as does what `probability`
    leaves out (`spared`)."""

    encodings: Mapping[str, Encoding | None]
    known: int
    estimated: int
    unknown: int
    spared: int
    unpaired: int

    def __call__(self, image_id: str) -> Encoding | None:
        """The encoding of an image."""
        return self.encodings.get(image_id)

    def __str__(self) -> str:
        return (
            f"as the real of each pair: {self.known} fakes by an exact quality, {self.estimated} by an estimate,"
            f" {self.unknown} by `unknown`, {self.spared} left as they are by `probability`, {self.unpaired} in no pair"
            " left as they are"
        )


def of_pairs(alignment: Alignment, selection: pd.DataFrame) -> OfPairs:
    """What the pairs of a selection say (columns PAIRED_FROM). Raises ValueError if it has none."""
    reals = selection[selection["label"] == 0].set_index("image_id")
    fakes = selection[selection["label"] == 1]
    paired = fakes[fakes["pair"].isin(reals.index)]
    if paired.empty:
        raise ValueError(
            f"No fake of the selection has its real there: {alignment.model_dump()} needs pairs; write pairing: name"
            " in the subset."
        )
    own = reals.loc[paired["pair"]]
    chances = (fraction(alignment.seed, f"align_pair/{name}") for name in paired["pair"])
    chosen = np.array([chance < alignment.probability for chance in chances])
    exact, estimated = (own[name].notna().to_numpy() for name in ("jpeg_quality", "jpeg_quality_estimate"))
    if alignment.jpeg_quality != "pair":
        exact = np.ones(len(own), bool)  # it is stated
    quality = own["jpeg_quality"].where(own["jpeg_quality"].notna(), own["jpeg_quality_estimate"])
    told = {
        name: _of_real(alignment, value, chroma) if taken else None
        for name, value, chroma, taken in zip(
            paired["image_id"], quality, own["chroma_subsampling"], chosen, strict=True
        )
    }
    known, guessed, unknown = (int((chosen & mask).sum()) for mask in (exact, ~exact & estimated, ~(exact | estimated)))
    return OfPairs(told, known, guessed, unknown, int((~chosen).sum()), len(fakes) - len(paired))


def _of_real(alignment: Alignment, quality: float | None, chroma: str | None) -> Encoding | None:
    """A real's encoding for its fake; None where it has no quality, exact or estimated, and `unknown` says nothing."""
    own = alignment.unknown if quality is None or pd.isna(quality) else int(quality)
    written = own if isinstance(alignment.jpeg_quality, str) else alignment.jpeg_quality
    layout = alignment.chroma_subsampling
    if layout == "pair":
        return None if written is None else Encoding(written, str(chroma) if chroma in WRITABLE else "4:2:0")
    return None if written is None else Encoding(written, layout)


def choice_of(alignment: Alignment, selection: pd.DataFrame) -> Draws | OfPairs:
    """Who says how each image is encoded, of a selection with the columns PAIRED_FROM. Raises ValueError."""
    return (of_pairs if alignment.is_paired else draws)(alignment, selection)
