"""How images arrive on disk."""

from typing import Annotated, Literal

from pydantic import Field

from crossgen.config.steps import Model, Text


class TableSource(Model):
    """Images listed in a CSV or Parquet table (columns path, split, and optionally pool, group, class_name,
    stratum, bytes, blake3); every file is verified against the sizes and digests the table gives."""

    kind: Literal["table"] = Field(description="Images listed in a CSV or Parquet table.")
    root: Text = Field(description="Folder that the table's paths are relative to.")
    table: Text = Field(description="The table; rows of a `pool` column that name another pool are left out.")


class FolderSource(Model):
    """All images below a folder."""

    kind: Literal["folder"] = Field(description="All images below a folder.")
    root: Text = Field(description="The folder; image ids are paths below it.")
    suffixes: tuple[Text, ...] = Field(
        min_length=1,
        default=(".png", ".jpg", ".jpeg", ".jfif", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".gif"),
        description="File name endings that count as images, in lower case (case is ignored).",
    )
    split: Literal["train", "test"] | None = Field(
        default=None, description="The split of every image here; null: split by hash of the group."
    )


Source = Annotated[TableSource | FolderSource, Field(discriminator="kind")]
