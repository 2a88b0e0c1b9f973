"""Image to image at low strength: a tiny pipeline with random weights, saved by diffusers and read back."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crossgen.config import ReconstructedSource
from crossgen.reconstruction.makers import maker

diffusers = pytest.importorskip("diffusers")
transformers = pytest.importorskip("transformers")
CPU = torch.device("cpu")


def _tokenizer(folder: Path) -> Any:
    words = {"<|startoftext|>": 0, "<|endoftext|>": 1, "a</w>": 2, "a": 3}
    (folder / "vocab.json").write_text(json.dumps(words))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    names = [str(folder / "vocab.json"), str(folder / "merges.txt")]
    return transformers.CLIPTokenizer(*names, model_max_length=8)


def _built(folder: Path) -> Any:
    torch.manual_seed(0)
    text = transformers.CLIPTextConfig(
        hidden_size=8, intermediate_size=8, num_attention_heads=2, num_hidden_layers=1, vocab_size=4,
        max_position_embeddings=8, bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    unet = diffusers.UNet2DConditionModel(
        block_out_channels=(4, 8), layers_per_block=1, sample_size=8, in_channels=4, out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=8, norm_num_groups=2, attention_head_dim=2,
    )  # fmt: skip
    vae = diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(4, 8), norm_num_groups=2, latent_channels=4, sample_size=16,
    )  # fmt: skip
    return diffusers.StableDiffusionPipeline(
        vae=vae, text_encoder=transformers.CLIPTextModel(text), tokenizer=_tokenizer(folder), unet=unet,
        scheduler=diffusers.DDIMScheduler(), safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipeline")
    _built(tmp_path_factory.mktemp("words")).save_pretrained(folder)
    return folder


def _source(folder: Path, **told: Any) -> ReconstructedSource:
    by = {"kind": "img2img", "model": str(folder), "strength": 0.4, "steps": 5} | told
    return ReconstructedSource.model_validate({"kind": "reconstructed", "root": "made", "of": "reals", "by": by})


def test_an_image_goes_by_itself_its_id_and_the_strength(pipeline: Path) -> None:
    image = np.random.default_rng(6).integers(0, 256, (1, 16, 24, 3), np.uint8)
    twice = np.repeat(image, 3, axis=0)
    made = maker(_source(pipeline), CPU)
    assert made.factor == 2
    found = made.make(twice, ["reals/a", "reals/b", "reals/a"])
    assert found.shape == twice.shape
    assert (found[0] == found[2]).all()
    assert (found[0] != found[1]).any()
    assert (made.make(image, ["reals/b"])[0] == found[1]).all()
    assert (maker(_source(pipeline, strength=0.8), CPU).make(image, ["reals/a"])[0] != found[0]).any()


def test_a_folder_without_a_pipeline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"Cannot load the pipeline .* in source\.by"):
        maker(_source(tmp_path), CPU)


def test_a_strength_that_takes_no_step_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="takes no step"):
        _source(tmp_path, strength=0.1)
