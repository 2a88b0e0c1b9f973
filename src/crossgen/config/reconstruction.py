"""Reconstructions: fakes that an autoencoder, or a diffusion model at low strength, makes of reals."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from crossgen.config.steps import Model, Text
from crossgen.config.values import Name, files_below

#: Classes of diffusers' autoencoders that can be told; `auto` reads the class from the model's own config.
Autoencoders = Literal["auto", "AutoencoderKL", "VQModel", "AutoencoderTiny", "ConsistencyDecoderVAE"]
Precision = Literal["fp32", "fp16", "bf16"]
Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]


class OwnAutoencoder(Model):
    """One of ours, whose weights lie in the mini data set."""

    kind: Literal["crossgen"] = Field(description="A KL or VQ autoencoder of crossgen's own.")
    weights: Text = Field(description="File of its weights (.safetensors), which names its architecture.")


class DiffusersAutoencoder(Model):
    """Any autoencoder of the diffusers library."""

    kind: Literal["diffusers"] = Field(description="An autoencoder of the diffusers library.")
    model: Text = Field(description="Folder of the model, or its name at the Hugging Face hub.")
    subfolder: Text | None = Field(
        default=None, description="Part of a whole pipeline that is the autoencoder: vae, vqvae ...; null: the model."
    )
    architecture: Autoencoders = Field(default="auto", description="Its class; auto: as its own config says.")
    revision: Commit | None = Field(
        default=None, description="Commit of a model at the hub, which needs it: a branch may change."
    )
    precision: Precision = Field(default="fp32", description="Number format it runs in.")


class ImageToImage(Model):
    """Image-to-image diffusion at low strength, after DRCT (Chen et al., ICML 2024): noise is added to the latent of a
    real and taken away again."""

    kind: Literal["img2img"] = Field(description="An image-to-image pipeline of the diffusers library.")
    model: Text = Field(description="Folder of the pipeline, or its name at the Hugging Face hub.")
    revision: Commit | None = Field(default=None, description="As of an autoencoder.")
    strength: float = Field(default=0.1, gt=0, le=1, description="Share of the way to pure noise.")
    steps: int = Field(default=50, ge=1, description="Steps of the whole way; strength x steps are taken.")
    guidance: float = Field(default=1.0, ge=0, description="Classifier-free guidance; 1: none.")
    prompt: str = Field(default="", description="What the image shows; empty: nothing is said.")
    precision: Precision = Field(default="fp32", description="Number format it runs in.")

    @model_validator(mode="after")
    def _a_step(self) -> Self:
        if int(self.strength * self.steps) < 1:
            raise ValueError(
                f"strength x steps of at least 1 ({self.strength} x {self.steps} takes no step: nothing would change)"
            )
        return self


Maker = Annotated[OwnAutoencoder | DiffusersAutoencoder | ImageToImage, Field(discriminator="kind")]


def local_files(by: OwnAutoencoder | DiffusersAutoencoder | ImageToImage) -> list[str]:
    """Files here that hold the weights: a change of one makes other images. None of a model at the hub."""
    if isinstance(by, OwnAutoencoder):
        return [by.weights]
    return files_below(Path(by.model, getattr(by, "subfolder", None) or ""))


def made_by(by: OwnAutoencoder | DiffusersAutoencoder | ImageToImage) -> tuple[str, ...]:
    """The network behind reconstructions, whatever its precision, strength or revision."""
    if isinstance(by, OwnAutoencoder):
        return (by.kind, Path(by.weights).as_posix())
    return (by.kind, by.model, getattr(by, "subfolder", None) or "")


def _once(splits: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(splits)) < len(splits):
        raise ValueError(f"each split once, not {list(splits)}")
    return splits


Splits = Annotated[tuple[Literal["train", "val", "test"], ...], Field(min_length=1), AfterValidator(_once)]


class ReconstructedSource(Model):
    """Fakes made of the reals of another pool, one each, aligned with it pixel by pixel.

    After Rajan et al., "Aligned Datasets Improve Detection of Latent Diffusion-Generated Images" (ICLR 2025).
    """

    fetched: ClassVar[tuple[str, ...]] = ()
    made: ClassVar[bool] = True

    kind: Literal["reconstructed"] = Field(description="Reconstructions of the reals of another pool.")
    root: Text = Field(description="Folder that the images are written in (lossless PNG); no other pool's.")
    of: Name = Field(description="The pool of reals.")
    by: Maker = Field(description="What makes them.")
    splits: Splits = Field(
        default=("train", "val"), description="Splits of the reals that are reconstructed; a fake keeps its real's."
    )
    latent: Literal["sample", "mode"] = Field(
        default="sample", description="Latent of a KL autoencoder: drawn for each image, or the most likely one."
    )
    quantisation: Literal["truncate", "round"] = Field(
        default="truncate", description="How a value becomes one of 256: cut off, as published, or rounded."
    )
    box: Literal["corner", "centre"] = Field(
        default="corner",
        description="Which part of a real whose sides are no multiples of the autoencoder's factor: from the upper left"
        " corner, as published, or the middle, as DDA: there a JPEG real's blocks begin elsewhere than its fake's.",
    )
    batch_size: int = Field(
        default=8, ge=1, le=1024, description="Images of one size at a time: what memory allows; last bits go by it."
    )
    seed: int = Field(default=0, ge=0, description="Seed of latents and noise, drawn for each image by its id.")
