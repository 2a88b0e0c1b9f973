"""What a training begins with: weights of another one, and whether it is their second stage."""

from typing import Literal

from pydantic import Field

from crossgen.config.steps import Model, Text


class Start(Model):
    """Weights that training begins with."""

    weights: Text = Field(
        description="File of a detector of ours, or of published weights (.pth, .safetensors), relative to the folder"
        " that the run is started in."
    )
    head: Literal["keep", "fresh"] = Field(default="keep", description="The last layer's weights: the file's, or new.")


class StayPositive(Model):
    """Stage two of a detector: its last layer is learned anew from zero, and after every step no weight of it is below
    zero, so that nothing seen in an image can speak for real (Rajan & Lee, "Stay-Positive", ICML 2025)."""

    batch_norm: Literal["frozen", "drift"] = Field(
        default="frozen",
        description="frozen: all but the last layer is in evaluation mode; drift: in training mode, as in the published"
        " code, so that running statistics of norms move and dropout drops.",
    )
