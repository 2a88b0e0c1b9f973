"""Generated images: fakes that any text-to-image pipeline of the diffusers library makes of the names of classes."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, JsonValue, StringConstraints, model_validator

from crossgen.config.reconstruction import Commit
from crossgen.config.steps import Model, Text
from crossgen.config.values import Name, files_below

#: Sentences around the name of a class, by language; English is GenImage's (section 3: "photo of" and the label).
TEMPLATES = {
    "en": "photo of {name}",
    "de": "Foto von {name}",
    "es": "foto de {name}",
    "fr": "photo de {name}",
    "it": "foto di {name}",
    "ja": "{name}の写真",
    "ru": "фотография: {name}",
    "zh": "{name}的照片",
}
#: Of ImageNet.
CLASSES = 1000
Language = Literal["en", "de", "es", "fr", "it", "ja", "ru", "zh"]

#: Arguments of a pipeline's call, and of its loading, that keys of their own say or that are not the user's to say.
CALLED = frozenset({
    "generator", "guidance_scale", "height", "image", "latents", "negative_prompt", "num_images_per_prompt",
    "num_inference_steps", "output_type", "prompt", "return_dict", "width",
})  # fmt: skip
LOADED = frozenset({"dtype", "local_files_only", "revision", "torch_dtype", "variant"})


def _one_name(template: str) -> str:
    if template.count("{name}") != 1 or "{" in template.replace("{name}", "") or "}" in template.replace("{name}", ""):
        raise ValueError("a sentence with {name} once and no other braces: there the class's name stands")
    return template


def _once(items: tuple[str, ...]) -> tuple[str, ...]:
    if twice := next((item for item in items if items.count(item) > 1), None):
        raise ValueError(f"each once; {twice!r} is written {items.count(twice)} times")
    return items


Template = Annotated[str, StringConstraints(min_length=6), AfterValidator(_one_name)]
Side = Annotated[int, Field(ge=8, le=8192)]


class Prompts(Model):
    """What is asked for. A prompt varies by nothing but its class and, where there are several, the template."""

    classes: Literal["imagenet"] | Annotated[tuple[Text, ...], Field(min_length=1), AfterValidator(_once)] = Field(
        default="imagenet",
        description="imagenet: its 1,000 classes; else a list, in which a WordNet id (n01440764) is ImageNet's class"
        " and anything else a name of your own.",
    )
    like: Name | None = Field(
        default=None, description="A pool whose classes are taken instead, by its manifest; null: those of `classes`."
    )
    synonyms: Literal["first", "all"] = Field(
        default="first", description="Of ImageNet's names (bathing cap, swimming cap), which stand in the prompt."
    )
    names: Text | None = Field(
        default=None,
        description="CSV (columns class, name) of what classes are called in the prompt, for another language; class is"
        " a WordNet id, an index of ImageNet or a class's own name. Every class must be there. null: English names.",
    )
    language: Language = Field(default="en", description="Of the built-in template; names come from `names`.")
    template: tuple[Template, ...] | None = Field(
        default=None,
        min_length=1,
        description="Sentences with {name}; several take turns, image by image of a class. null: the language's"
        " (en: photo of {name}, as GenImage).",
    )

    @property
    def templates(self) -> tuple[str, ...]:
        """The sentences that take turns."""
        return self.template or (TEMPLATES[self.language],)

    @model_validator(mode="after")
    def _names_of_the_language(self) -> Self:
        if self.language != "en" and self.names is None and (self.like or self.classes == "imagenet"):
            raise ValueError(
                f"names: a table of the classes' names in language {self.language!r} (columns class, name); ImageNet's"
                " are English"
            )
        if self.like is not None and self.classes != "imagenet":
            raise ValueError("either classes or like, not both: each says which classes are asked for")
        return self


class GeneratedSource(Model):
    """Fakes that a text-to-image pipeline of diffusers makes, as many of each class; each image has a seed of its own.

    After GenImage (Zhu et al., NeurIPS 2023): its prompts are "photo of" and the name of an ImageNet class.
    """

    fetched: ClassVar[tuple[str, ...]] = ()
    made: ClassVar[bool] = True

    kind: Literal["generated"] = Field(description="Images of a text-to-image pipeline of the diffusers library.")
    root: Text = Field(description="Folder that the images are written in (lossless PNG); no other pool's.")
    pipeline: Text = Field(description="Folder of the pipeline, or its name at the Hugging Face hub.")
    revision: Commit | None = Field(
        default=None, description="Commit of a pipeline at the hub, which needs it: a branch may change."
    )
    variant: Text | None = Field(default=None, description="Of the weights' files: fp16 takes *.fp16.safetensors.")
    train_per_class: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Training images of each class, of which val is carved (GenImage: 162).",
    )
    test_per_class: int = Field(default=0, ge=0, le=1_000_000, description="Test images of each class (GenImage: 6).")
    prompts: Prompts = Field(default=Prompts(), description="What is asked for.")
    negative_prompt: str | None = Field(
        default=None, description="What is not wanted, for every image; null: the pipeline is told nothing."
    )
    steps: int | None = Field(default=None, ge=1, le=10_000, description="Steps; null: the pipeline's own.")
    guidance: float | None = Field(default=None, ge=0, description="Guidance; null: the pipeline's own.")
    size: tuple[Side, Side] | None = Field(
        default=None, description="Width and height in pixels; null: the pipeline's own."
    )
    scheduler: Text | None = Field(
        default=None,
        description="Class of diffusers that takes the place of the pipeline's scheduler, by the same settings.",
    )
    dtype: Literal["auto", "fp32", "fp16", "bf16"] = Field(
        default="auto", description="Number format; auto: bf16 on a GPU that has it, else fp16; fp32 on a processor."
    )
    batch_size: int = Field(
        default=4, ge=1, le=1024, description="Images at a time: what memory allows; last bits go by it, no noise does."
    )
    seed: int = Field(default=0, ge=0, description="Seed that each image's own is drawn from, with class and number.")
    call: dict[str, JsonValue] = Field(
        default_factory=dict, description="Further arguments of the pipeline's call: {max_sequence_length: 256}."
    )
    load: dict[str, JsonValue] = Field(
        default_factory=dict, description="Further arguments of `from_pretrained`: {safety_checker: null}."
    )

    @model_validator(mode="after")
    def _something_to_make(self) -> Self:
        if not self.train_per_class + self.test_per_class:
            raise ValueError("train_per_class or test_per_class of at least 1: no image is asked for")
        for key, given, taken in (("call", self.call, CALLED), ("load", self.load, LOADED)):
            if both := sorted(taken & set(given)):
                raise ValueError(f"no {both[0]!r} in {key}: a key of its own says it (or the rule does)")
        return self


def count(source: GeneratedSource, classes: int) -> int:
    """Images of a source that takes as many of each class; `classes`: of the pool that it is like."""
    prompts = source.prompts
    own = CLASSES if prompts.classes == "imagenet" else len(prompts.classes)
    return (source.train_per_class + source.test_per_class) * (classes if prompts.like else own)


def local_files(source: GeneratedSource) -> list[str]:
    """Files here that decide the images: the pipeline's, if it is a folder, and the table of names."""
    return [*files_below(Path(source.pipeline)), *filter(None, [source.prompts.names])]
