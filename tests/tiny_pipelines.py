"""Whole text-to-image pipelines of diffusers with tiny networks and random weights, for tests."""

import json
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

LETTERS = "abcdefghijklmnopqrstuvwxyz,"


def tokenizer(folder: Path) -> Any:
    """CLIP's, of single letters."""
    folder.mkdir(parents=True, exist_ok=True)
    words = ["<|startoftext|>", "<|endoftext|>", *LETTERS, *(f"{letter}</w>" for letter in LETTERS)]
    (folder / "vocab.json").write_text(json.dumps({word: place for place, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    names = [str(folder / "vocab.json"), str(folder / "merges.txt")]
    return transformers.CLIPTokenizer(*names, model_max_length=24)


def _text(width: int = 8, **told: Any) -> Any:
    return transformers.CLIPTextConfig(
        hidden_size=width, intermediate_size=8, num_attention_heads=2, num_hidden_layers=2, vocab_size=64,
        max_position_embeddings=24, bos_token_id=0, eos_token_id=1, **told,
    )  # fmt: skip


def _vae(**told: Any) -> Any:
    return diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(4, 8), norm_num_groups=2, latent_channels=4, sample_size=16, **told,
    )  # fmt: skip


def _unet(**told: Any) -> Any:
    return diffusers.UNet2DConditionModel(
        block_out_channels=(4, 8), layers_per_block=1, sample_size=16, in_channels=4, out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=2, attention_head_dim=2, **told,
    )  # fmt: skip


def stable_diffusion(folder: Path, words: Path, scheduler: Any = None) -> Path:
    """A Stable Diffusion of 32 x 32 pixels, saved to `folder`."""
    torch.manual_seed(0)
    diffusers.StableDiffusionPipeline(
        vae=_vae(), text_encoder=transformers.CLIPTextModel(_text()), tokenizer=tokenizer(words),
        unet=_unet(cross_attention_dim=8), scheduler=scheduler or diffusers.DDIMScheduler(), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def stable_diffusion_xl(folder: Path, words: Path) -> Path:
    """An SDXL: two text encoders, sizes as conditions, Euler's method."""
    torch.manual_seed(1)
    unet = _unet(
        cross_attention_dim=16, addition_embed_type="text_time", addition_time_embed_dim=4,
        projection_class_embeddings_input_dim=6 * 4 + 8, use_linear_projection=True,
    )  # fmt: skip
    diffusers.StableDiffusionXLPipeline(
        vae=_vae(force_upcast=False), text_encoder=transformers.CLIPTextModel(_text()),
        text_encoder_2=transformers.CLIPTextModelWithProjection(_text(projection_dim=8)), tokenizer=tokenizer(words),
        tokenizer_2=tokenizer(words), unet=unet, scheduler=diffusers.EulerDiscreteScheduler(),
    ).save_pretrained(folder)  # fmt: skip
    return folder


def flux(folder: Path, words: Path) -> Path:
    """A FLUX: a transformer, flow matching, no negative prompt of its own by default."""
    from tokenizers import Tokenizer, models

    torch.manual_seed(2)
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((letter, -1.0) for letter in f"▁{LETTERS}")]
    marks = dict(zip(("pad_token", "eos_token", "unk_token"), (piece for piece, _ in pieces), strict=False))
    inner = Tokenizer(models.Unigram(pieces, unk_id=2))
    told = transformers.PreTrainedTokenizerFast(tokenizer_object=inner, model_max_length=24, **marks)
    t5 = transformers.T5Config(d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2, vocab_size=64)
    transformer = diffusers.FluxTransformer2DModel(
        in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=8, pooled_projection_dim=8, axes_dims_rope=(4, 4, 8),
    )  # fmt: skip
    diffusers.FluxPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(), vae=_vae(shift_factor=0.1, scaling_factor=0.4),
        text_encoder=transformers.CLIPTextModel(_text()), tokenizer=tokenizer(words),
        text_encoder_2=transformers.T5EncoderModel(t5), tokenizer_2=told, transformer=transformer,
    ).save_pretrained(folder)  # fmt: skip
    return folder
