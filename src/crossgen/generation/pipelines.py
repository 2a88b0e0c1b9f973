"""A text-to-image pipeline of diffusers behind one interface: prompts and seeds in, pixels or a reason out."""

import inspect
import json
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from crossgen import __version__
from crossgen.config import GeneratedSource
from crossgen.data.prompts import Item
from crossgen.diffusion import DTYPES, generators, library
from crossgen.generation.weights import Files

Pixels = npt.NDArray[np.uint8]
#: Why there is no image: the pipeline's own checker blackened it, or all of it is of one colour (NaN in fp16).
FLAGGED, BLANK = "flagged_by_safety_checker", "of_one_colour"
#: Packages whose versions the manifest tells.
TOLD = ("diffusers", "transformers", "torch", "pillow")


class TextToImage:
    """Any pipeline that takes a prompt and returns images; a Maker of `crossgen.generation.generating`."""

    def __init__(self, source: GeneratedSource, files: Files, device: torch.device) -> None:
        self._source, self._device = source, device
        self._dtype = dtype_of(source.dtype, device)
        self._pipeline = _loaded(source, files, DTYPES[self._dtype])
        self._accepted = inspect.signature(self._pipeline.__call__).parameters
        _refuse_others(source, self._pipeline, self._accepted)
        if source.scheduler is not None:
            self._pipeline.scheduler = _scheduler(source.scheduler, self._pipeline)
        self._arguments = _arguments(source, self._accepted, type(self._pipeline).__name__)
        self._pipeline = self._pipeline.to(device)
        self._pipeline.set_progress_bar_config(disable=True)
        self.told = json.dumps(self._facts(files), sort_keys=True, ensure_ascii=False)

    @torch.inference_mode()
    def make(self, items: Sequence[Item]) -> list[Pixels | str]:
        """For each item uint8 [h, w, 3], or why there is none.

        Raises ValueError where memory does not suffice, or no images come.
        """
        told = dict(self._arguments)
        if self._source.negative_prompt is not None:
            told["negative_prompt"] = [self._source.negative_prompt] * len(items)
        own = generators([item.seed for item in items])
        try:
            result = self._pipeline(prompt=[item.prompt for item in items], generator=own, output_type="pil", **told)
        except torch.OutOfMemoryError as error:
            raise ValueError(
                f"{len(items)} images at a time do not fit into the memory of {self._device} (source.batch_size"
                f" {self._source.batch_size}): lower it, or write dtype: bf16 or a smaller size. ({error})"
            ) from error
        images = getattr(result, "images", None)
        if images is None or len(images) != len(items):
            raise ValueError(
                f"The pipeline {self._source.pipeline!r} ({type(self._pipeline).__name__}) gave"
                f" {'no images' if images is None else f'{len(images)} images'} for {len(items)} prompts: expected a"
                " text-to-image pipeline, which gives one each."
            )
        told_size = self._source.size
        if told_size is not None and images[0].size != told_size:
            raise ValueError(
                f"The pipeline {self._source.pipeline!r} gave images of {images[0].size} where source.size says"
                f" {told_size}: write sides that it takes, such as multiples of 16."
            )
        flags = getattr(result, "nsfw_content_detected", None) or [False] * len(items)
        return [FLAGGED if flag else _pixels(image) for image, flag in zip(images, flags, strict=True)]

    def _facts(self, files: Files) -> dict[str, Any]:
        """All that decides an image beside its prompt and seed; what nobody told, as the pipeline has it."""
        source, pipeline = self._source, self._pipeline
        return {
            "pipeline": source.pipeline, "revision": source.revision, "variant": source.variant,
            "weights": files.digest, "class": type(pipeline).__name__,
            "scheduler": type(pipeline.scheduler).__name__ if getattr(pipeline, "scheduler", None) else None,
            "steps": self._told_or_own("num_inference_steps"), "guidance": self._told_or_own("guidance_scale"),
            "size": source.size, "negative_prompt": source.negative_prompt, "pool_seed": source.seed,
            "dtype": self._dtype, "device": _name_of(self._device), "batch_size": source.batch_size,
            "call": source.call, "load": source.load,
            "versions": {"crossgen": __version__, **{name: version(name) for name in TOLD}},
        }  # fmt: skip

    def _told_or_own(self, name: str) -> Any:  # noqa: ANN401 (a number, where the pipeline has one)
        if name in self._arguments:
            return self._arguments[name]
        own = self._accepted[name].default if name in self._accepted else None
        return own if isinstance(own, int | float) else None


def dtype_of(told: str, device: torch.device) -> str:
    """Name of the number format; `auto`: bf16 on a GPU that computes in it, fp16 on another, fp32 on a processor."""
    if told != "auto":
        return told
    if device.type == "cpu":
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


def _name_of(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _loaded(source: GeneratedSource, files: Files, dtype: torch.dtype) -> Any:  # noqa: ANN401 (a pipeline of diffusers)
    """By the class that its own index names, or the text-to-image one of its family. Raises ValueError."""
    diffusers = library("diffusers")
    if not (files.folder / "model_index.json").is_file():
        raise ValueError(
            f"The folder {source.pipeline!r} in source.pipeline has no model_index.json: expected a whole pipeline, as"
            " `save_pretrained` of diffusers writes it."
        )
    options: dict[str, Any] = {"dtype": dtype, "variant": source.variant, "local_files_only": True, **source.load}
    named = json.loads((files.folder / "model_index.json").read_text(encoding="utf-8")).get("_class_name")
    known = {kind.__name__ for kind in diffusers.pipelines.auto_pipeline.AUTO_TEXT2IMAGE_PIPELINES_MAPPING.values()}
    kind = diffusers.AutoPipelineForText2Image if named in known else diffusers.DiffusionPipeline
    try:
        return kind.from_pretrained(str(files.folder), **options)
    except (OSError, ValueError, TypeError, AttributeError, ImportError) as error:
        raise ValueError(
            f"Cannot load the pipeline {source.pipeline!r} ({named}) in source.pipeline of the config: {error}. A"
            " folder holds what `save_pretrained` wrote; see `variant` and `load` too."
        ) from error


def _refuse_others(source: GeneratedSource, pipeline: Any, accepted: Any) -> None:  # noqa: ANN401 (of diffusers)
    """Raise ValueError for a pipeline that makes no images of prompts and seeds alone."""
    lacking = [name for name in ("prompt", "generator", "output_type") if name not in accepted]
    given = [name for name in ("image", "video", "mask_image") if name in accepted]
    others = diffusers_text_to_image()
    if lacking or (given and type(pipeline).__name__ not in others):
        what = f"takes no {lacking[0]}" if lacking else f"is given {given[0]}s"
        raise ValueError(
            f"The pipeline {source.pipeline!r} in source.pipeline is a {type(pipeline).__name__}, which {what}:"
            f" expected one that makes images of text, such as {', '.join(sorted(others)[-3:])}."
        )


def diffusers_text_to_image() -> set[str]:
    """Names of the pipelines that diffusers itself takes for text-to-image ones."""
    from diffusers.pipelines.auto_pipeline import AUTO_TEXT2IMAGE_PIPELINES_MAPPING

    return {kind.__name__ for kind in AUTO_TEXT2IMAGE_PIPELINES_MAPPING.values()}


def _scheduler(name: str, pipeline: Any) -> Any:  # noqa: ANN401 (of diffusers)
    kind = getattr(library("diffusers"), name, None)
    own = getattr(pipeline, "scheduler", None)
    fitting = sorted(each.__name__ for each in getattr(own, "compatibles", []))
    if own is None or kind is None or (name not in fitting and name != type(own).__name__):
        raise ValueError(
            f"Unknown scheduler {name!r} in source.scheduler: expected one of {', '.join(fitting) or 'the own (null)'}."
        )
    return kind.from_config(own.config)


def _arguments(source: GeneratedSource, accepted: Any, kind: str) -> dict[str, Any]:  # noqa: ANN401 (a signature)
    """What the call is given beside prompts and generators. Raises ValueError for what the pipeline does not take."""
    width, height = source.size or (None, None)
    keys: dict[str, tuple[str, Any]] = {
        "num_inference_steps": ("steps", source.steps),
        "guidance_scale": ("guidance", source.guidance),
        "width": ("size", width),
        "height": ("size", height),
        **{name: ("call", value) for name, value in source.call.items()},
    }
    told = {name: value for name, (key, value) in keys.items() if value is not None or key == "call"}
    wanted = [*told, *(["negative_prompt"] if source.negative_prompt is not None else [])]
    for name in wanted:
        if name not in accepted:  # **kwargs of diffusers swallow what they do not know
            key = keys.get(name, (name, None))[0]
            raise ValueError(
                f"The pipeline {source.pipeline!r} ({kind}) takes no {name} (source.{key}): leave it out; it takes"
                f" {', '.join(each for each in accepted if each != 'kwargs')}."
            )
    return told


def _pixels(image: Any) -> Pixels | str:  # noqa: ANN401 (an image of Pillow)
    pixels = np.asarray(image.convert("RGB"))
    return BLANK if (pixels == pixels[:1, :1]).all() else np.ascontiguousarray(pixels)
