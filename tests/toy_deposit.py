"""A toy of GenImage's deposit: a Zip64 archive of a tree like it, cut at plain bytes, beside its CSV and list."""

import io
import json
import random
import zipfile
from pathlib import Path
from unittest import mock

from crossgen.config import DataverseSource, Pool

OUTERS = {
    "ADM": "{:03d}_adm_{:d}.PNG",
    "BigGAN": "{:03d}_biggan_{:05d}.png",
    "glide": "GLIDE_1000_200_08_{:03d}_glide_{:05d}.png",
}
#: The first ImageNet classes, in the order of WordNet ids.
SYNSETS = ("n01440764", "n01443537", "n01484850")


def tree(per_class: int = 6, mean: int = 3000, outers: dict[str, str] | None = None) -> dict[str, bytes]:
    """Member name -> contents: three classes, train and val, ai and nature; contents are noise or compressible."""
    noise = random.Random(0)  # noqa: S311
    names = []
    for outer, form in (outers or OUTERS).items():
        for split in ("train", "val"):
            for index in range(3):
                for number in range(per_class):
                    names.append(f"GenImage/{outer}/{split}/ai/{form.format(index, number)}")
                    real = (
                        f"{SYNSETS[index]}_{number}" if split == "train" else f"ILSVRC2012_val_{3 * number + index:08d}"
                    )
                    names.append(f"GenImage/{outer}/{split}/nature/{real}.JPEG")
    sizes = [noise.randrange(mean // 2, mean * 3 // 2) for _ in names]
    return {
        name: noise.randbytes(size) if number % 3 else noise.randbytes(16) * (size // 16)
        for number, (name, size) in enumerate(zip(sorted(names), sizes, strict=True))
    }


def pack(files: dict[str, bytes], zip64: bool = True) -> bytes:
    """A zip of the files, some deflated and some stored; with `zip64` every structure of Zip64 is truly in use."""
    limits = {"ZIP64_LIMIT": 1000, "ZIP_FILECOUNT_LIMIT": 10} if zip64 else {"ZIP64_LIMIT": 1 << 30}
    buffer = io.BytesIO()
    with mock.patch.multiple(zipfile, **limits), zipfile.ZipFile(buffer, "w") as archive:
        for number, (name, data) in enumerate(files.items()):
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o100644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED if number % 2 else zipfile.ZIP_STORED
            with archive.open(info, "w", force_zip64=zip64) as member:
                member.write(data)
    return buffer.getvalue()


def cut(archive: bytes, at: list[int]) -> list[bytes]:
    """The archive's bytes cut before each of these positions."""
    return [archive[start:stop] for start, stop in zip([0, *at], [*at, len(archive)], strict=True)]


def awkward(archive: bytes) -> list[int]:
    """Cuts inside a local header, a name, contents, the directory, between and inside the records of its end."""
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        second = file.infolist()[1].header_offset
        middle = file.infolist()[len(file.infolist()) // 2].header_offset
        directory = file.start_dir
    end = archive.rindex(b"PK\5\6")
    return sorted({second + 3, second + 35, middle + 200, directory - 1, directory + 20, end - 40, end - 10, end + 5})


def table(files: dict[str, bytes]) -> bytes:
    """genimage_metadata.csv of the files."""
    lines = ["path,generator,mode,width,height,compression_rate,class"]
    for name in files:
        _, outer, mode, label, file = name.split("/")
        if label == "ai":
            index = int(file.split("_")[4 if outer == "glide" else 0])
            lines.append(f"{name},{outer},{mode},256,256,100,{index}")
        else:
            index = SYNSETS.index(file[:9]) if mode == "train" else int(file[15:23]) % 3
            lines.append(f"{name},nature,{mode},500,375,96,{index}")
    return ("\n".join(lines) + "\n").encode()


def deposit(files: dict[str, bytes], at: list[int] | None = None, **how: bool) -> dict[str, bytes | Path]:
    """What the installation holds: file name -> bytes."""
    archive = pack(files, **how)
    parts = cut(archive, awkward(archive) if at is None else at)
    held: dict[str, bytes | Path] = {"genimage_metadata.csv": table(files), "corrupted_files.txt": b"GenImage/x.png\n"}
    return held | {f"GenImage.z{number:03d}": part for number, part in enumerate(parts)}


FILES = tree()
HELD = deposit(FILES)
PARTS = [name for name in HELD if ".z" in name]


def source_of(server, root, **more):
    told = {"kind": "genimage_dataverse", "root": str(root), "server": server.url, "subset": "adm"}
    return DataverseSource.model_validate_json(json.dumps(told | more))


def pool_of(server, root, label="fake", **more):
    return Pool(name="mine", label=label, source=source_of(server, root, **more))


def brought(root):
    """Member name -> contents of the images below the root."""
    found = {f"GenImage/{path.relative_to(root)}": path for path in root.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if "/train/" in name or "/val/" in name}


def expected(outer="", label="", split=""):
    return {name: data for name, data in FILES.items() if all(f"/{part}" in name for part in (outer, split, label))}
