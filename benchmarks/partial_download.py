"""Wanted images of GenImage's deposit by ranges, against fetching all of it; and its list of 2.7 million members.

    python benchmarks/partial_download.py

The server is on this machine and holds every connection to 5 MB/s, 20 ms before each reply: one line is compared with
itself. Prints bytes wanted and fetched, their ratio, and the time as a share of the time for everything.
"""

import io
import random
import re
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from crossgen.config import DataverseSource, Pool
from crossgen.data import sources
from crossgen.data.fetch import fetch
from crossgen.data.fetch.concatenation import Concatenation
from crossgen.data.fetch.directory import ensure
from crossgen.data.genimage import FOLDERS

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from loopback import Loopback

MEMBERS = 2_681_150
RATE, LATENCY = 5e6, 0.02


def toy(folder: Path) -> dict[str, bytes | Path]:
    """About 200 MB of 4,000 images, in 16 parts: eight generators, train and val as 9:1."""
    noise = random.Random(0)  # noqa: S311
    path = folder / "archive"
    with zipfile.ZipFile(path, "w") as archive:
        for outer in FOLDERS.values():
            for split, count in (("train", 225), ("val", 25)):
                for label, form in (("ai", "{:03d}_adm_{}.PNG"), ("nature", "n01440764_{1}.JPEG")):
                    for number in range(count):
                        name = f"GenImage/{outer}/{split}/{label}/{form.format(number % 1000, number)}"
                        if outer == "glide" and label == "ai":
                            name = f"GenImage/glide/{split}/ai/GLIDE_1000_200_08_{number:03d}_glide_{number:05d}.png"
                        archive.writestr(name, noise.randbytes(noise.randrange(20_000, 80_000)))
    data = path.read_bytes()
    step = -(-len(data) // 16)
    return {f"GenImage.z{number:03d}": data[number * step : (number + 1) * step] for number in range(16)}


def pools(server: Loopback, root: Path, mode: str, members: dict) -> list[Pool]:
    source = {"kind": "genimage_dataverse", "root": str(root), "server": server.url, "metadata": False, "mode": mode}
    return [
        Pool(name=f"{subset}_{label}", label=label, source=DataverseSource(**source, subset=subset, members=members))
        for subset in FOLDERS
        for label in ("fake", "real")
    ]


def measured(server: Loopback, mode: str, members: dict) -> tuple[float, int, set[str]]:
    """Seconds, bytes from the parts, and names, of fetching these members of all pools."""
    with tempfile.TemporaryDirectory() as root:
        server.forget()
        began = time.monotonic()
        wanted = pools(server, Path(root), mode, members)
        fetch(wanted[0].source)
        names = {f"GenImage/{entry.path}" for pool in wanted for entry in sources.entries(pool)}
        return time.monotonic() - began, server.sent(r"\.z"), names


def ranges() -> None:
    with tempfile.TemporaryDirectory() as folder:
        held = toy(Path(folder))
    archive = zipfile.ZipFile(io.BytesIO(b"".join(held.values())))
    directory = len(archive.fp.getvalue()) - archive.start_dir
    with Loopback(held) as server:
        server.slow, server.latency = (1 << 16) / RATE, LATENCY
        whole, all_bytes, _ = measured(server, "whole", {})
        print(f"everything: {all_bytes / 1e6:.1f} MB, {whole:.1f} s, unpacked")
        for name, members in (
            ("the test split", {"splits": ("test",)}),
            ("a 1 % sample", {"fraction": 0.01}),
            ("a 10 % sample", {"fraction": 0.1}),
            ("1 per class of the train split", {"splits": ("train",), "per_class": 1}),
        ):
            seconds, fetched, names = measured(server, "partial", members)
            wanted = sum(archive.getinfo(each).compress_size for each in names)
            print(
                f"{name}: {len(names):,} images, {wanted / 1e6:.2f} MB wanted, {fetched / 1e6:.2f} MB fetched, of "
                f"these {directory / 1e6:.2f} MB the directory: {(fetched - directory) / wanted:.3f}x; "
                f"{seconds:.1f} s: {seconds / whole:.3f} of the time for everything"
            )


class Synthetic:
    """The end of an archive of GenImage's size: its directory and nothing before it."""

    name = "synthetic"

    def __init__(self, path: Path) -> None:
        self.path, self.start = path, 650_000_000_000
        random_ = random.Random(0)  # noqa: S311
        per_folder = MEMBERS // 16
        with open(path, "wb") as file:
            number = 0
            for outer in FOLDERS.values():
                for label in ("ai", "nature"):
                    for _ in range(per_folder):
                        name = f"GenImage/{outer}/train/{label}/{number % 1000:03d}_image_{number:07d}.png".encode()
                        extra = struct.pack("<2HQ", 1, 8, number * 240_000) + bytes(24)
                        fields = (b"PK\1\2", 45, 3, 45, 0, 0, 0, 0, random_.getrandbits(32), 239_000, 239_000)
                        lengths = (len(name), len(extra), 0, 0, 0, 0o100644 << 16, 0xFFFFFFFF)
                        file.write(struct.pack("<4s2B5H3L5H2L", *fields, *lengths) + name + extra)
                        number += 1
            self.length = file.tell()
            end = (b"PK\6\6", 44, 45, 45, 0, 0, number, number, self.length, self.start)
            file.write(struct.pack("<4sQ2H2L4Q", *end))
            file.write(struct.pack("<4sLQL", b"PK\6\7", 0, self.start + self.length, 1))
            file.write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0))
            self.size = self.start + file.tell()

    def stream(self, start, stop, take, counter=None) -> None:
        with open(self.path, "rb") as file:
            file.seek(start - self.start)
            while start < stop:
                data = file.read(min(1 << 18, stop - start))
                take(data)
                start += len(data)


def peak() -> float:
    """Most memory that this process has held, MiB (getrusage tells the parent's before exec)."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024


def directory() -> None:
    with tempfile.TemporaryDirectory() as folder:
        part = Synthetic(Path(folder) / "end")
        archive, path = Concatenation([part], [part.size]), Path(folder) / "directory.parquet"
        before = peak()
        began = time.monotonic()
        found = ensure(archive, path, 4)
        built = time.monotonic() - began
        memory = peak()
        print(
            f"directory of {found.count:,} members, {part.length / 1e6:.0f} MB: read and kept in {built:.1f} s, "
            f"{memory:.0f} MiB at most ({before:.0f} before), {path.stat().st_size / 1e6:.0f} MB of Parquet"
        )
        began = time.monotonic()
        members = found.members(r"GenImage/glide/(?:train|val)/ai/[^/]+")
        memory = peak()
        print(
            f"one pool's {len(members):,} members out of it: {time.monotonic() - began:.1f} s, {memory:.0f} MiB at most"
        )


if __name__ == "__main__":
    if sys.argv[1:] == ["directory"]:
        directory()
    else:
        ranges()
        subprocess.run([sys.executable, __file__, "directory"], check=True)
