"""Pipelines of diffusers, tiny and with random weights, read from their folders: noise, arguments, refusals."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("diffusers")
pytest.importorskip("transformers")

import diffusers
from PIL import Image

import tiny_pipelines
from crossgen.config import GeneratedSource
from crossgen.data.prompts import Item, classes_of, items
from crossgen.generation.pipelines import BLANK, FLAGGED, TextToImage, dtype_of
from crossgen.generation.weights import found

CPU = torch.device("cpu")
KINDS = {"stable_diffusion": {}, "stable_diffusion_xl": {}, "flux": {"call": {"max_sequence_length": 24}}}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipelines")
    for kind in KINDS:
        getattr(tiny_pipelines, kind)(folder / kind, folder / "words")
    return folder


def source(folder: Path, **told: Any) -> GeneratedSource:
    base = {"kind": "generated", "root": "made", "pipeline": str(folder), "test_per_class": 2, "steps": 2}
    return GeneratedSource.model_validate_json(
        json.dumps(base | {"size": [32, 24], "prompts": {"classes": ["cat", "bird"]}} | told)
    )


def asked(told: GeneratedSource) -> list[Item]:
    return items(told, classes_of(told.prompts))


def maker(told: GeneratedSource) -> TextToImage:
    return TextToImage(told, found(told, None), CPU)


def test_the_same_noise_is_drawn_whatever_the_batch(saved: Path) -> None:
    for kind, told in KINDS.items():
        made = maker(source(saved / kind, **told))
        wanted = asked(source(saved / kind))
        together = [np.asarray(image) for image in made.make(wanted)]
        alone = [np.asarray(made.make([item])[0]) for item in reversed(wanted)][::-1]
        for one, other in zip(together, alone, strict=True):
            assert one.shape == (24, 32, 3) and one.std() > 10
            assert np.abs(one.astype(int) - other).max() <= 2, kind  # last bits go by the batch
        assert np.abs(together[0].astype(int) - together[1]).mean() > 5, kind  # another seed


def test_an_image_goes_by_prompt_seed_and_what_the_config_says(saved: Path) -> None:
    plain = source(saved / "stable_diffusion")
    item = asked(plain)[0]
    first = maker(plain).make([item])[0]

    def differs(other: Item = item, **told: Any) -> bool:
        return bool((np.asarray(maker(source(saved / "stable_diffusion", **told)).make([other])[0]) != first).any())

    assert not differs()
    assert differs(Item(item.of, item.split, item.number, "a bird", item.seed))
    assert differs(Item(item.of, item.split, item.number, item.prompt, item.seed + 1))
    for told in (
        {"steps": 3}, {"guidance": 1.0}, {"negative_prompt": "a cat"}, {"scheduler": "EulerAncestralDiscreteScheduler"},
        {"call": {"guidance_rescale": 0.9}}, {"dtype": "bf16"},
    ):  # fmt: skip
        assert differs(**told), told


def test_what_is_told_of_an_image_is_complete(saved: Path) -> None:
    told = json.loads(maker(source(saved / "stable_diffusion", scheduler="PNDMScheduler", seed=4)).told)
    assert told.pop("versions").keys() >= {"crossgen", "diffusers", "torch", "transformers"}
    assert len(told.pop("weights")) == 64 and told.pop("pipeline").endswith("stable_diffusion")
    assert told == {
        "class": "StableDiffusionPipeline", "scheduler": "PNDMScheduler", "steps": 2, "guidance": 7.5, "size": [32, 24],
        "negative_prompt": None, "pool_seed": 4, "dtype": "fp32", "device": "cpu", "batch_size": 4, "call": {},
        "load": {}, "revision": None, "variant": None,
    }  # fmt: skip
    assert json.loads(maker(source(saved / "stable_diffusion", steps=None)).told)["steps"] == 50  # the pipeline's own


def test_other_weights_have_another_digest(saved: Path, tmp_path: Path) -> None:
    first = found(source(saved / "stable_diffusion"), None).digest
    again = tiny_pipelines.stable_diffusion(tmp_path / "again", tmp_path / "words", diffusers.EulerDiscreteScheduler())
    assert found(source(again), None).digest != first


@pytest.mark.parametrize(
    ("kind", "told", "message"),
    [
        ("stable_diffusion", {"scheduler": "Nothing"}, "Unknown scheduler 'Nothing' .*expected one of .*DDIMScheduler"),
        ("stable_diffusion", {"scheduler": "UNet2DModel"}, "Unknown scheduler 'UNet2DModel'"),
        ("stable_diffusion", {"call": {"shine": 1}}, r"takes no shine \(source\.call\): .* it takes prompt"),
        ("stable_diffusion", {"size": [33, 32]}, "divisible by 8|source.size says|Cannot"),
        ("stable_diffusion", {"load": {"vae": 3}}, r"Cannot load the pipeline .*in source\.pipeline"),
        ("nowhere", {}, "is no folder here: a pipeline of the hub is fetched first"),
    ],
)
def test_what_a_pipeline_cannot_do_is_refused(saved: Path, kind: str, told: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made = source(saved / kind, **told)
        maker(made).make(asked(made)[:1])


def test_a_pipeline_of_another_kind_is_refused(tmp_path: Path) -> None:
    unet = diffusers.UNet2DModel(
        sample_size=8, block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2,
        down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler()).save_pretrained(tmp_path / "ddpm")
    with pytest.raises(ValueError, match="is a DDPMPipeline, which takes no prompt"):
        maker(source(tmp_path / "ddpm"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"has no model_index\.json"):
        maker(source(tmp_path / "empty"))


def test_blackened_and_blank_images_are_no_images(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = source(saved / "stable_diffusion")
    made, wanted = maker(told), asked(told)[:3]
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8))
    black = Image.new("RGB", (32, 24))
    answer = SimpleNamespace(images=[black, noise, black], nsfw_content_detected=[True, False, False])
    monkeypatch.setattr(made, "_pipeline", lambda **_: answer)
    flagged, fine, blank = made.make(wanted)
    assert flagged == FLAGGED and blank == BLANK and (np.asarray(fine) == np.asarray(noise)).all()


def test_too_little_memory_says_what_to_do(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = source(saved / "stable_diffusion")
    made = maker(told)

    def full(**_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(made, "_pipeline", full)
    with pytest.raises(ValueError, match=r"2 images at a time do not fit .*\(source\.batch_size 4\): lower it"):
        made.make(asked(told)[:2])


def test_a_processor_computes_in_fp32_unless_told() -> None:
    assert [dtype_of(told, CPU) for told in ("auto", "bf16")] == ["fp32", "bf16"]
