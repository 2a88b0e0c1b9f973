"""The subset's crop: cut from the aligned image, before the recipe's frame, on the grid; small images by its policy."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from crossgen.config import Crop, Frame
from crossgen.data.audit import ATTRIBUTES
from packing import packed
from toys import photograph

FRAME = Frame(kind="crop", size=32)


@pytest.fixture
def cut(tmp_path):
    """Packs one image of a size; returns its pixels, crops, index and losses."""

    def run(size: tuple[int, int], frame: Frame, n: int, crop: Crop | None):
        pixels = photograph(3, *size)
        Image.fromarray(pixels).save(tmp_path / "a.png")
        row = {"image_id": "p/a.png", "pool": "p", "shard": 0, "path": "a.png", "width": size[0], "height": size[1]}
        selection = pd.DataFrame([row | {"quarantine": None, "split": "train", "label": 1}])
        return (pixels, *packed(selection, pd.DataFrame({"image_id": []}), {"p": tmp_path}, frame, n, crop))

    return run


def test_frames_lie_in_the_central_square_and_on_the_grid(cut):
    pixels, crops, index, losses = cut((175, 131), FRAME, 25, Crop(size=100, grid=16))
    assert losses.empty and len(crops) == 25
    # (175 - 100) // 2 = 37 -> 32 and (131 - 100) // 2 = 15 -> 0
    for row in index.itertuples():
        x, y = row.crop_x, row.crop_y
        assert 32 <= x <= 132 - 32 and 0 <= y <= 100 - 32 and x % 16 == y % 16 == 0
        assert (crops[row.row] == pixels[y : y + 32, x : x + 32]).all()
    assert index[["crop_x", "crop_y"]].drop_duplicates().shape[0] == 25  # all places of the square, none twice
    assert index[["source_width", "source_height"]].iloc[0].tolist() == [175, 131]
    assert (ATTRIBUTES["crop_x_mod_16"].read(index) == 0).all()


def test_unbiased_genimage_s_crop_has_one_phase_for_all_fakes(cut):
    """512 -> 450 without a grid begins at 31 on both axes, as in torchvision; the audit must see it."""
    pixels, crops, index, _ = cut((512, 512), Frame(kind="resize", size=64), 1, Crop(size=450, grid=1))
    assert index[["crop_x", "crop_y"]].iloc[0].tolist() == [31, 31]
    assert ATTRIBUTES["crop_x_mod_16"].read(index).tolist() == [15]
    inner = Image.fromarray(pixels[31:481, 31:481]).resize((64, 64), Image.Resampling.BICUBIC)
    assert (crops[0] == np.asarray(inner)).all()


def test_without_a_crop_the_whole_image_is_framed(cut):
    pixels, crops, index, _ = cut((175, 131), Frame(kind="resize", size=64), 1, None)
    assert (crops[0] == np.asarray(Image.fromarray(pixels).resize((64, 64), Image.Resampling.BICUBIC))).all()
    assert index[["crop_x", "crop_y"]].iloc[0].tolist() == [0, 0]


def test_a_small_image_is_skipped_and_counted(cut):
    _, crops, index, losses = cut((128, 128), FRAME, 4, Crop(size=450, small="skip"))
    assert len(crops) == len(index) == 0
    assert losses[["stage", "image_id", "reason"]].to_numpy().tolist() == [["training", "p/a.png", "under_frame"]]


def test_a_small_image_is_continued_by_reflection(cut):
    pixels, crops, index, losses = cut((128, 128), Frame(kind="crop", size=448), 1, Crop(size=450, small="reflect"))
    assert losses.empty and index[["crop_x", "crop_y"]].iloc[0].tolist() == [0, 0]
    margin = (450 - 128) // 2 // 16 * 16  # 160: the phase of the image's own grid stays
    assert (crops[0][margin : margin + 128, margin : margin + 128] == pixels).all()
    # an oracle of its own: what lies at k before or behind the edge is what lies at k inside of it
    period = 2 * 127
    at = np.abs((np.arange(448) - margin + period * 4) % period)
    at = np.minimum(at, period - at)
    assert (crops[0] == pixels[at][:, at]).all()
    assert crops[0].max(axis=2).min() > 0  # no black


def test_a_small_image_is_enlarged(cut):
    pixels, crops, index, losses = cut((128, 160), Frame(kind="crop", size=448), 1, Crop(size=450, small="resize"))
    big = np.asarray(Image.fromarray(pixels).resize((450, 562), Image.Resampling.BICUBIC))
    top = (562 - 450) // 2 // 16 * 16
    assert losses.empty and index[["crop_x", "crop_y"]].iloc[0].tolist() == [0, top]
    assert (crops[0] == big[top : top + 448, :448]).all()


def test_a_frame_that_the_crop_cannot_hold_follows_the_frame_s_own_policy(cut):
    _, _, _, losses = cut((512, 512), Frame(kind="crop", size=224), 1, Crop(size=112))
    assert losses["reason"].tolist() == ["under_frame"]
    _, crops, _, losses = cut((512, 512), Frame(kind="crop", size=224, small="reflect"), 1, Crop(size=112))
    assert losses.empty and len(crops) == 1 and crops[0].max(axis=2).min() > 0
