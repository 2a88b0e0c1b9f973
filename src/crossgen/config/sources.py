"""How images arrive on disk: one class a kind of source."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from crossgen.config.generation import GeneratedSource
from crossgen.config.procedural import ProceduralSource
from crossgen.config.reconstruction import ReconstructedSource
from crossgen.config.steps import Model, Text
from crossgen.config.values import Split, below_root, capture_of_stem, no_credentials

#: What the folders between a source's root and its images mean; see `crossgen.data.layouts`.
Layout = Literal["plain", "splits", "genimage", "ai_nature", "0_real_1_fake", "real_fake"]

#: Generators of GenImage, by their names here; `crossgen.data.genimage` knows the folders and archives.
GenImageSubset = Literal["midjourney", "sd14", "sd15", "adm", "glide", "wukong", "vqdm", "biggan"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".gif")
Below = Annotated[Text, AfterValidator(below_root)]
Stem = Annotated[str, AfterValidator(capture_of_stem)]
Url = Annotated[str, StringConstraints(min_length=1), AfterValidator(no_credentials)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Md5 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class Arriving(Model):
    """A source. `fetched` names the keys that say what must be fetched before any pool can list its images (none: all
    is at hand); pools that agree in them share one fetch."""

    fetched: ClassVar[tuple[str, ...]] = ()
    #: Whether a rule makes the images below `root`, and tells of them in tables that the pool is listed from.
    made: ClassVar[bool] = False


class TableSource(Arriving):
    """Images listed in a CSV or Parquet table (column path, and optionally label, split, pool, generator, group,
    class_index, class_synset, class_name, stratum, bytes, blake3; of a reconstruction pair, pair_x, pair_y, psnr, ssim:
    the image id of its real, where in that its corner lies, how near it comes); every file is verified against the
    sizes and digests the table gives."""

    kind: Literal["table"] = Field(description="Images listed in a CSV or Parquet table.")
    root: Text = Field(description="Folder that the table's paths are relative to.")
    table: Text = Field(
        description="The table; rows of a `pool` column that name another pool are left out, and so are rows of a"
        " `label` column (real, fake, nature, ai, 0, 1; 1 is fake) of the other label. A `generator` column tells each"
        " fake's; where the pool states its generator, fakes of others are left out."
    )


class Laid(Arriving):
    """What the names of folders and files say of the images below a root."""

    root: Text = Field(description="The folder; image ids are paths below it.")
    layout: Layout = Field(
        default="plain",
        description="Meaning of the folders below root. plain: none. splits: a folder train, val (or valid,"
        " validation) or test, in any case, tells the split; if there is none at all, it goes by hash of the group."
        " genimage: <generator>/[<archive>/]<train|val>/<ai|nature>, where val is the test set; root may also be one"
        " generator's folder. ai_nature, 0_real_1_fake, real_fake: a folder of either name tells the label, one of a"
        " split above or below it the split; only images of the pool's label are taken. Of several folders of splits"
        " on the way the topmost counts.",
    )
    subset: Below | None = Field(
        default=None,
        description="Only images below a folder of this name, at any depth; with a / in it (a/b, ./a) a path below"
        " root, beside which folders of splits may stand: train/a/b too. Layout genimage knows its generators by our"
        " names (sd14, adm ...) as well. null: all.",
    )
    metadata: Text | None = Field(
        default=None,
        description="Layout genimage: genimage_metadata.csv, or a list of the classes of ImageNet's val (lines such as"
        " ILSVRC2012_val_00000001.JPEG 65); the names of GenImage's val reals tell no class. null: unknown.",
    )
    suffixes: tuple[Text, ...] = Field(
        min_length=1,
        default=SUFFIXES,
        description="File name endings that count as images, in lower case (case is ignored).",
    )
    split: Split | None = Field(
        default=None,
        description="The split of every image here; null: as the layout says, else by hash of the group.",
    )
    group: Stem | None = Field(
        default=None,
        description="Regular expression with one capture: what it finds in a file's name without ending is the image's"
        " group (the photograph it comes from), the same over pools; null: the image itself.",
    )

    @model_validator(mode="after")
    def _metadata_of_genimage(self) -> Self:
        if self.metadata is not None and self.layout != "genimage":
            raise ValueError(f"metadata only with layout genimage (layout is {self.layout})")
        return self


class FolderSource(Laid):
    """All images below a folder."""

    kind: Literal["folder"] = Field(description="All images below a folder.")


class ArchiveSource(Laid):
    """Images of one zip or tar archive, fetched or at hand, verified and unpacked below `root`."""

    fetched: ClassVar = ("kind", "root", "url", "sha256", "max_unpacked_gb")

    kind: Literal["archive"] = Field(description="Images of a zip or tar archive.")
    url: Url = Field(description="Where the archive is: http(s)://..., file://..., or a path.")
    sha256: Sha256 = Field(description="SHA-256 of the archive.")
    max_unpacked_gb: float = Field(
        default=1000.0, gt=0, description="Refuse an archive whose members are larger than this in all."
    )


class HuggingFaceSource(Laid):
    """Images of a data set repository of the Hugging Face hub, at one revision, below `root`."""

    fetched: ClassVar = ("kind", "root", "repository", "revision", "patterns")

    kind: Literal["huggingface"] = Field(description="Images of a data set repository of the Hugging Face hub.")
    repository: Text = Field(description="owner/name of the data set repository.")
    revision: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")] = Field(
        description="The commit, 40 hexadecimal digits: a branch would be another data set tomorrow."
    )
    patterns: tuple[Text, ...] = Field(default=("**",), min_length=1, description="Files fetched (shell patterns).")


class Members(Model):
    """Which images of a published data set are wanted."""

    splits: tuple[Literal["train", "test"], ...] = Field(
        default=("train", "test"), min_length=1, description="Splits wanted; GenImage's val is its test set."
    )
    per_class: int | None = Field(default=None, ge=1, description="Images wanted of each class and split; null: all.")
    fraction: float = Field(
        default=1.0, gt=0, le=1, description="Share of the images wanted, by hash of (seed, path): 0.01 is 1 %."
    )
    seed: int = Field(default=0, ge=0, description="Seed of per_class and fraction.")


class DataverseSource(Arriving):
    """GenImage from the UnbiasedGenImage authors' Dataverse deposit."""

    fetched: ClassVar = ("kind", "root", "mode", "metadata", "server", "doi", "connections")

    kind: Literal["genimage_dataverse"] = Field(description="GenImage from its Dataverse deposit.")
    root: Text = Field(description="Folder that images, parts and the list of the archive's members are put in.")
    subset: GenImageSubset = Field(description="Which generator's folder; the pool's label chooses ai or nature.")
    mode: Literal["partial", "whole"] = Field(
        default="partial",
        description="partial: fetch the wanted members alone, by ranges; whole: fetch and verify all 500 parts first.",
    )
    members: Members = Field(default=Members(), description="Which images are wanted.")
    metadata: bool = Field(
        default=True,
        description="Fetch genimage_metadata.csv too: the class of the reals of GenImage's val is only there.",
    )
    server: Url = Field(default="https://dataverse.harvard.edu", description="The Dataverse installation.")
    doi: Text = Field(default="doi:10.7910/DVN/AKDIHF", description="Persistent identifier of the data set.")
    connections: int = Field(default=4, ge=1, le=64, description="Files or ranges fetched at a time.")


class VolumesSource(Arriving):
    """GenImage from the multi-volume zips of the Google Drive or Baidu copy."""

    fetched: ClassVar = ("kind", "root", "subset", "volumes", "checksums", "links", "connections")

    kind: Literal["genimage_volumes"] = Field(description="GenImage from multi-volume zips (.z01 ... .zip).")
    root: Text = Field(description="Folder that the archives are unpacked in, one folder a generator.")
    subset: GenImageSubset = Field(description="Which generator's archive; the pool's label chooses ai or nature.")
    volumes: Text = Field(description="Folder of the volumes, at any depth; what `links` fetches is put there.")
    checksums: Text | None = Field(
        default=None,
        description="CSV (columns volume, md5) that the volumes must match; null: the published list of the Google"
        " Drive copy. An archive that the list does not name is verified by its own CRC-32s alone.",
    )
    links: Text | None = Field(
        default=None,
        description="CSV (columns volume, url) of links that give the bytes of missing volumes; null: all at hand.",
    )
    metadata: Text | None = Field(
        default=None, description="genimage_metadata.csv, for the classes of GenImage's val reals; null: unknown."
    )
    members: Members = Field(default=Members(), description="Which images are wanted.")
    connections: int = Field(default=4, ge=1, le=64, description="Volumes fetched at a time.")


Source = Annotated[
    TableSource
    | FolderSource
    | ArchiveSource
    | HuggingFaceSource
    | DataverseSource
    | VolumesSource
    | ReconstructedSource
    | ProceduralSource
    | GeneratedSource,
    Field(discriminator="kind"),
]
