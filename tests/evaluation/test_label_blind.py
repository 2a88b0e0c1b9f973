"""Under a condition for all, nothing but the pixels of its file can tell a real from a fake after the frame."""

import numpy as np
import pyarrow as pa
import pytest
from drawn_steps import picture
from PIL import Image

from crossgen.config import Condition, Frame, derive
from crossgen.config.loading import load
from crossgen.evaluation import cells, operations, render
from toys import ROOT, described

MINI = load([ROOT / "config" / "mini.yaml"])
STEPS = (
    {"step": "jpeg", "quality": 65},
    {"step": "jpeg", "quality": 30, "chroma_subsampling": "4:4:4"},
    {"step": "png"},
    {"step": "resize", "size": 112},
    {"step": "resize", "size": 200, "down_only": True},
    {"step": "crop", "size": 96, "grid": 8},
    {"step": "crop", "size": 110, "small": "reflect"},
    {"step": "crop", "size": 110, "small": "resize"},
    {"step": "blur", "sigma": 3.0},
    {"step": "gaussian_blur", "sigma": 3.0},
    {"step": "brightness", "factor": 0.7},
    {"step": "noise", "sigma": 8.0},
    {"step": "webp", "quality": 60},
    {"step": "avif", "quality": 60},
    {"step": "contrast", "factor": 1.3},
)
ONE_STEP = [Condition.model_validate({"name": f"c{n}", "steps": (step,)}) for n, step in enumerate(STEPS)]
CHAIN = Condition.model_validate({"name": "chain", "steps": (STEPS[8], STEPS[0], STEPS[11], STEPS[4], STEPS[1])})
FOR_ALL = [item for item in MINI.conditions if item.to == "all"] + [*ONE_STEP, CHAIN]
FRAMES = [
    *derive.frames(MINI),
    Frame(kind="crop", size=64, grid=1),
    Frame(kind="crop", size=90, small="reflect"),
    Frame(kind="resize", size=48),
]
#: Reals and fakes come in these sizes alike; the last are too small for some of the frames.
SIZES = [(112, 112), (129, 97), (141, 160), (100, 203), (95, 99)]


def test_every_kind_of_step_is_among_them():
    # what `operations` does to an image stands in a table of its path
    assert {step["step"] for step in STEPS} == set(operations.STEPS) - {"operations"}
    assert len([item for item in MINI.conditions if item.to == "all"]) >= 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One pool of JPEG files, and the same pixels as PNG: what GenImage's reals and fakes come as."""
    root = tmp_path_factory.mktemp("pools")
    for kind in ("jpg", "png"):
        (root / kind / "test").mkdir(parents=True)
    for number, size in enumerate(SIZES):
        path = root / "jpg" / "test" / f"{number:03d}.jpg"
        Image.fromarray(picture(*size)).save(path, quality=96)
        Image.open(path).save(root / "png" / "test" / f"{number:03d}.png")
    rows = [f"jpg/test/{number:03d}.jpg,test" for number in range(len(SIZES))]
    (root / "jpg.csv").write_text("\n".join(["path,split", *rows]) + "\n")
    return root


def labelled(folder, label):
    """The same manifest, but for the label."""
    manifest = described(folder, "jpg", "real")
    column = manifest.schema.get_field_index("label")
    told = pa.array([label] * manifest.num_rows, manifest.schema.field(column).type)
    return render.tested_images(manifest.set_column(column, "label", told), folder)


def stored(images, frame, condition, root):
    """What rendering leaves on the disk, as every byte of it, with the row of its index."""
    store = cells.Store(root)
    (row,) = render.render_shard(store, images, frame, (condition,), render.Means(1.0))
    cell = store.folder(str(row["cell"]))
    return row, {path.name: path.read_bytes() for path in sorted(cell.iterdir())}


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: f"{frame.kind}{frame.size}")
@pytest.mark.parametrize("condition", FOR_ALL, ids=lambda item: item.name)
def test_the_label_changes_no_byte_of_a_cell(folder, tmp_path, condition, frame):
    """Shape, type, layout, count, order, offsets, failures: all of it is in the bytes of the cell and its index."""
    real, fake = labelled(folder, 0), labelled(folder, 1)
    assert (real.label, fake.label) == (0, 1) and real.ids == fake.ids
    one, other = stored(real, frame, condition, tmp_path / "real"), stored(fake, frame, condition, tmp_path / "fake")
    assert one == other
    values = np.load(tmp_path / "real" / str(one[0]["cell"])[:2] / str(one[0]["cell"]) / "values.npy")
    assert values.shape == (len(SIZES), frame.size, frame.size, 3) and values.any()


@pytest.mark.parametrize("condition", FOR_ALL, ids=lambda item: item.name)
def test_the_label_and_the_file_format_change_no_path_that_pixels_take(folder, condition, monkeypatch):
    """Every step is given the same pixels at the same place, in the same layout, whether a real in JPEG or a fake in
    PNG; and only names of files tell two cells apart."""
    frame, calls = FRAMES[0], []
    for name, make in list(operations.STEPS.items()):
        monkeypatch.setitem(operations.STEPS, name, spied(make, calls))
    real = labelled(folder, 0)
    paths = tuple(folder / "png" / "test" / f"{path.stem}.png" for path in real.paths)
    fake = render.Images(real.ids, paths, "another", 1)
    taken, pictures, failed = [], [], []
    for images in (real, fake):
        steps = render.effective_steps(condition, images.label, (condition,))
        ((_, arrays, faults),) = render.render(images, frame, {"key": steps})
        pictures.append(arrays["key"])
        failed.append(faults)
        taken.append(list(calls))
        calls.clear()
    assert taken[0] == taken[1] and (taken[0] or not condition.steps)
    assert pictures[0].tobytes() == pictures[1].tobytes() and failed[0] == failed[1]
    assert render.pixel_key(real, frame, steps) == render.pixel_key(
        render.Images(real.ids, paths, real.digest, 1), frame, steps
    )


def spied(make, calls):
    def made(parameters):
        operation = make(parameters)

        def apply(image, place):
            calls.append((parameters, image.shape, image.dtype, image.flags.c_contiguous, image.tobytes(), place))
            return operation.apply(image, place)

        return operations.Operation(apply, operation.halo, operation.alignment)

    return made


def test_a_condition_for_fakes_is_told_apart(folder, tmp_path):
    """The same comparison sees a condition that is not for all."""
    fakes_only = next(item for item in MINI.conditions if item.name == "fakes_q96")
    one, other = (stored(labelled(folder, n), FRAMES[0], fakes_only, tmp_path / str(n)) for n in (0, 1))
    assert one[1]["values.npy"] != other[1]["values.npy"] and one[0]["cell"] != other[0]["cell"]
