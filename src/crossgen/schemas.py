"""The kinds of tables that travel between steps: their keys, columns and types; `crossgen.records` reads and checks."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

TEXT, INTEGER, REAL, LOGIT, FLAG = pa.string(), pa.int64(), pa.float64(), pa.float32(), pa.bool_()
BYTES = pa.binary()


@dataclass(frozen=True)
class Schema:
    """Declared columns of one kind of table: `key` columns identify a row; `optional` ones may hold nulls."""

    name: str
    key: tuple[str, ...]
    columns: dict[str, pa.DataType]
    optional: frozenset[str] = frozenset()

    def only(self, names: Sequence[str]) -> "Schema":
        """The same table with these columns alone; repeats are not looked for without the key."""
        key = self.key if set(self.key) <= set(names) else ()
        kept = {name: kind for name, kind in self.columns.items() if name in names}
        return Schema(self.name, key, kept, self.optional)


#: `pair`: the image_id of the real that a fake was made from; `pair_x`, `pair_y`: where in it the fake's corner lies.
#: `prompt`, `image_seed`, `made_with`: what a generated image was asked by, and all other parameters (JSON).
FILES = Schema(
    "files",
    ("image_id",),
    {
        "image_id": TEXT, "path": TEXT, "pool": TEXT, "source": TEXT, "folder": TEXT, "generator": TEXT,
        "label": INTEGER, "split": TEXT, "group": TEXT, "stratum": TEXT, "class_index": INTEGER, "class_synset": TEXT,
        "class_name": TEXT, "published_quality": INTEGER, "defect": TEXT, "pair": TEXT, "pair_x": INTEGER,
        "pair_y": INTEGER, "psnr": REAL, "ssim": REAL, "prompt": TEXT, "image_seed": INTEGER, "made_with": TEXT,
        "shard": INTEGER,
    },
    frozenset({
        "folder", "generator", "class_index", "class_synset", "class_name", "published_quality", "defect", "pair",
        "pair_x", "pair_y", "psnr", "ssim", "prompt", "image_seed", "made_with",
    }),
)  # fmt: skip

MANIFEST = Schema(
    "manifest",
    ("image_id",),
    {
        **FILES.columns,
        "format": TEXT, "mode": TEXT, "width": INTEGER, "height": INTEGER, "bytes": INTEGER, "blake3": TEXT,
        "jpeg_quality": INTEGER, "jpeg_quality_estimate": INTEGER, "jpeg_tables": TEXT, "chroma_subsampling": TEXT,
        "progressive": FLAG, "bit_depth": INTEGER, "frames": INTEGER, "exif": FLAG, "icc": FLAG, "xmp": FLAG,
        "software": TEXT, "ai_marker": TEXT, "conversion": TEXT, "quarantine": TEXT,
    },
    FILES.optional | frozenset({
        "format", "mode", "width", "height", "bytes", "blake3", "jpeg_quality",
        "jpeg_quality_estimate", "jpeg_tables", "chroma_subsampling", "progressive", "bit_depth", "frames", "exif",
        "icc", "xmp", "software", "ai_marker", "conversion", "quarantine",
    }),
)  # fmt: skip

#: A manifest's rows chosen for one train set: `split` is train or val.
SELECTION = Schema("selection", MANIFEST.key, MANIFEST.columns, MANIFEST.optional)

#: What each step of a selection removed and left, by split, label and pool; step 0 is what it began with. `digest` is
#: that of the whole selection (`crossgen.data.waterfall.digest`), the same in all its rows.
WATERFALL = Schema(
    "waterfall",
    ("subset", "train_set", "position", "split", "label", "pool"),
    {
        "subset": TEXT, "train_set": TEXT, "position": INTEGER, "step": TEXT, "setting": TEXT, "split": TEXT,
        "label": INTEGER, "pool": TEXT, "generator": TEXT, "removed": INTEGER, "left": INTEGER, "digest": TEXT,
    },
    frozenset({"generator", "setting"}),
)  # fmt: skip

#: One row a stored training crop; the facts are those of the file that was decoded (after alignment).
CROPS = Schema(
    "crops",
    ("image_id", "crop"),
    {
        **MANIFEST.columns, "crop": INTEGER, "row": INTEGER, "crop_size": INTEGER, "crop_x": INTEGER, "crop_y": INTEGER,
        "source_width": INTEGER, "source_height": INTEGER,
    },
    MANIFEST.optional,
)  # fmt: skip

#: Images that passed the manifest and were lost on the way, by stage (training, test) and what they were lost for: a
#: packing of a train set, a frame under a condition. One row an image and cause.
LOSSES = Schema(
    "losses",
    ("stage", "lost_for", "image_id"),
    {"stage": TEXT, "lost_for": TEXT, "pool": TEXT, "image_id": TEXT, "reason": TEXT},
)

#: How one training went: a row an epoch (or what is left of it). `val_*` are NaN where that epoch was not validated;
#: `lost` images could not be read in it.
HISTORY = Schema(
    "history",
    ("epoch",),
    {
        "epoch": INTEGER, "step": INTEGER, "lr": REAL, "train_loss": REAL, "val_loss": REAL,
        "val_balanced_accuracy": REAL, "val_roc_auc": REAL, "seconds": REAL, "images_per_second": REAL,
        "lost": INTEGER, "kept": FLAG,
    },
)  # fmt: skip

#: The validation images of other train sets, scored while a detector is trained: for the eye only.
WATCHED = Schema(
    "watched",
    ("epoch", "train_set"),
    {
        "epoch": INTEGER, "step": INTEGER, "train_set": TEXT, "loss": REAL, "balanced_accuracy": REAL, "roc_auc": REAL,
        "n_real": INTEGER, "n_fake": INTEGER,
    },
)  # fmt: skip

#: What decoding all of an image found (`outcome`), beside what the manifest says of it (`quarantine`).
VERIFIED = Schema(
    "verified",
    ("image_id",),
    {"image_id": TEXT, "path": TEXT, "quarantine": TEXT, "outcome": TEXT},
    frozenset({"quarantine"}),
)

#: Which pixel cell holds a pool's images under one frame and condition.
RENDERED = Schema(
    "rendered",
    ("pool", "shard", "frame", "condition"),
    {"pool": TEXT, "shard": INTEGER, "frame": TEXT, "condition": TEXT, "cell": TEXT, "n": INTEGER, "missing": INTEGER},
)

SCORES = Schema(
    "scores",
    ("experiment", "train_set", "seed", "pool", "condition", "image_id"),
    {
        "experiment": TEXT, "train_set": TEXT, "seed": INTEGER, "pool": TEXT, "condition": TEXT, "image_id": TEXT,
        "label": INTEGER, "logit": LOGIT,
    },
)  # fmt: skip

METRICS = Schema(
    "metrics",
    ("experiment", "train_set", "seed", "test_generator", "condition", "metric"),
    {
        "experiment": TEXT, "train_set": TEXT, "train_generator": TEXT, "seed": INTEGER, "test_generator": TEXT,
        "condition": TEXT, "metric": TEXT, "value": REAL, "low": REAL, "high": REAL, "n_real": INTEGER,
        "n_fake": INTEGER, "coverage": REAL, "interval": TEXT, "worst_generator": TEXT, "reason": TEXT,
    },
    frozenset({"train_generator", "interval", "worst_generator", "reason"}),
)  # fmt: skip

#: Paired differences of two sides, the same weights in both. `kind`: cell (a train set on a test set), margin (the mean
#: of one of them), overall; `family`: rows that Holm corrected together; `separated`: whether `p_holm` is below 1 -
#: level. Of accuracy `only_first` and `only_baseline` are the images that one side alone got right.
DIFFERENCES = Schema(
    "differences",
    (
        "experiment", "baseline", "train_set", "baseline_train_set", "seed", "baseline_seed", "test_generator",
        "condition", "baseline_condition", "metric",
    ),
    {
        "experiment": TEXT, "baseline": TEXT, "train_set": TEXT, "baseline_train_set": TEXT, "seed": INTEGER,
        "baseline_seed": INTEGER, "test_generator": TEXT, "condition": TEXT, "baseline_condition": TEXT,
        "metric": TEXT, "value": REAL, "low": REAL, "high": REAL, "interval": TEXT, "kind": TEXT, "family": INTEGER,
        "test": TEXT, "p_value": REAL, "p_holm": REAL, "separated": FLAG, "n_real": INTEGER, "n_fake": INTEGER,
        "only_first": INTEGER, "only_baseline": INTEGER, "reason": TEXT,
    },
    frozenset({"interval", "test", "only_first", "only_baseline", "reason"}),
)  # fmt: skip

#: How well one attribute alone tells real from fake. `stage`: before_selection, after_selection, after_alignment.
BIASES = Schema(
    "biases",
    ("subset", "stage", "test_generator", "attribute"),
    {
        "subset": TEXT, "stage": TEXT, "test_generator": TEXT, "attribute": TEXT, "group": TEXT, "auc": REAL,
        "low": REAL, "high": REAL, "n_real": INTEGER, "n_fake": INTEGER, "reason": TEXT,
    },
    frozenset({"reason"}),
)  # fmt: skip

#: How well a small tree on all attributes of one `group` (header or geometry) does, with its rules in words.
PROBES = Schema(
    "probes",
    ("subset", "stage", "test_generator", "group"),
    {
        "subset": TEXT, "stage": TEXT, "test_generator": TEXT, "group": TEXT, "balanced_accuracy": REAL, "low": REAL,
        "high": REAL, "n_real": INTEGER, "n_fake": INTEGER, "rules": TEXT, "reason": TEXT,
    },
    frozenset({"reason", "rules"}),
)  # fmt: skip

#: The same file more than once: images of two places (pool, split, label), which may be one and the same, that share
#: bytes: so many different files, and so many images of either place. `examples`: JSON list of pairs of image_ids.
#: `relation`: across_label, across_split, else within_split.
DUPLICATES = Schema(
    "duplicates",
    ("pool", "split", "label", "other_pool", "other_split", "other_label"),
    {
        "relation": TEXT, "pool": TEXT, "split": TEXT, "label": INTEGER, "other_pool": TEXT, "other_split": TEXT,
        "other_label": INTEGER, "files": INTEGER, "images": INTEGER, "other_images": INTEGER, "examples": TEXT,
    },
)  # fmt: skip

#: Rates by what an image is: `by` (class, quality, size, relative_size) and its `bin`, in the order of `position`, from
#: `lower` up to below `upper` (NaN: no number). `test_generator` is a test set, or pooled or pooled_off_diagonal: the
#: images of all seen test sets together, or of those but the train set's own. `metric`: tpr of fakes, tnr of reals
#: (1 - tnr: reals called fake). `side`: S in pixels. A value that rests on few images has a `reason` to doubt it.
BREAKDOWNS = Schema(
    "breakdowns",
    ("experiment", "train_set", "seed", "test_generator", "condition", "by", "bin", "metric"),
    {
        "experiment": TEXT, "train_set": TEXT, "seed": INTEGER, "test_generator": TEXT, "condition": TEXT, "by": TEXT,
        "bin": TEXT, "metric": TEXT, "position": INTEGER, "lower": REAL, "upper": REAL, "side": REAL, "value": REAL,
        "low": REAL, "high": REAL, "n": INTEGER, "groups": INTEGER, "interval": TEXT, "reason": TEXT,
    },
    frozenset({"interval", "reason"}),
)  # fmt: skip

#: Numbers of a detector on test images of one group of content classes (or of all that it learned, of all others, or
#: the first less the second). `place`: own, others. `learned`: how many training images of the group it learned from.
CONTENTS = Schema(
    "contents",
    ("experiment", "train_set", "seed", "condition", "place", "class_group", "metric"),
    {
        "experiment": TEXT, "train_set": TEXT, "seed": INTEGER, "condition": TEXT, "place": TEXT, "class_group": TEXT,
        "metric": TEXT, "learned": INTEGER, "value": REAL, "low": REAL, "high": REAL, "n_real": INTEGER,
        "n_fake": INTEGER, "interval": TEXT, "reason": TEXT,
    },
    frozenset({"interval", "reason"}),
)  # fmt: skip

#: Pearson correlation of two training rows of a matrix of `metric`, over `columns` test sets.
CORRELATIONS = Schema(
    "correlations",
    ("experiment", "seed", "condition", "metric", "train_set", "other"),
    {
        "experiment": TEXT, "seed": INTEGER, "condition": TEXT, "metric": TEXT, "train_set": TEXT, "other": TEXT,
        "value": REAL, "low": REAL, "high": REAL, "columns": INTEGER, "interval": TEXT, "reason": TEXT,
    },
    frozenset({"interval", "reason"}),
)  # fmt: skip

#: How far two detectors agree on the images that both scored; `measure`: differently_judged (a share), kappa, spearman.
DISAGREEMENTS = Schema(
    "disagreements",
    ("experiment", "train_set", "other_experiment", "other_train_set", "seed", "condition", "measure"),
    {
        "experiment": TEXT, "train_set": TEXT, "other_experiment": TEXT, "other_train_set": TEXT, "seed": INTEGER,
        "condition": TEXT, "measure": TEXT, "value": REAL, "low": REAL, "high": REAL, "n": INTEGER, "interval": TEXT,
        "reason": TEXT,
    },
    frozenset({"interval", "reason"}),
)  # fmt: skip

#: Images that most detectors of an experiment misjudge: `wrong` of `n` detectors, of which `n_own` learned from the
#: image's pool (`wrong_own` of these); `margin`: mean signed logit in standard deviations of each detector's logits,
#: negative where it is wrong. `thumbnail`: a small JPEG, where one was asked for.
HARDEST = Schema(
    "hardest",
    ("experiment", "condition", "rank"),
    {
        "experiment": TEXT, "condition": TEXT, "rank": INTEGER, "image_id": TEXT, "pool": TEXT, "label": INTEGER,
        "group": TEXT, "class_name": TEXT, "width": INTEGER, "height": INTEGER, "format": TEXT, "jpeg_quality": INTEGER,
        "n": INTEGER, "wrong": INTEGER, "n_own": INTEGER, "wrong_own": INTEGER, "share": REAL, "margin": REAL,
        "thumbnail": BYTES,
    },
    frozenset({"class_name", "width", "height", "format", "jpeg_quality", "thumbnail"}),
)  # fmt: skip

#: What stands behind a cell, point by point: `curve` roc (`x` false, `y` true positive rate), calibration (`x` mean
#: P(fake), `y` share of fakes) or scores_real and scores_fake (logits from `x` up to `upper`, `y` their share).
CURVES = Schema(
    "curves",
    ("experiment", "train_set", "seed", "condition", "test_generator", "curve", "position"),
    {
        "experiment": TEXT, "train_set": TEXT, "seed": INTEGER, "condition": TEXT, "test_generator": TEXT,
        "curve": TEXT, "position": INTEGER, "x": REAL, "upper": REAL, "y": REAL, "n": INTEGER,
    },
    frozenset({"upper", "n"}),
)  # fmt: skip

#: What a detector (all seeds) gets wrong on a test set. `kind` class: `wrong` of `n` judgements of a content class and
#: label, a share `value` with its limits; image: `wrong` of `n` seeds, `value` the mean margin (see HARDEST).
MISJUDGED = Schema(
    "misjudged",
    ("experiment", "train_set", "condition", "test_generator", "kind", "rank"),
    {
        "experiment": TEXT, "train_set": TEXT, "condition": TEXT, "test_generator": TEXT, "kind": TEXT,
        "rank": INTEGER, "label": INTEGER, "name": TEXT, "n": INTEGER, "wrong": INTEGER, "value": REAL, "low": REAL,
        "high": REAL, "pool": TEXT, "class_name": TEXT, "width": INTEGER, "height": INTEGER, "format": TEXT,
        "jpeg_quality": INTEGER, "thumbnail": BYTES,
    },
    frozenset({
        "low", "high", "pool", "class_name", "width", "height", "format", "jpeg_quality", "thumbnail",
    }),
)  # fmt: skip

#: Numbers of two or more seeds: their mean, with an interval over images or generators and seeds; `baseline` and its
#: like are of differences alone, `sd` is over the seeds.
SEED_MEANS = Schema(
    "seed means",
    (
        "experiment", "baseline", "train_set", "baseline_train_set", "test_generator", "condition",
        "baseline_condition", "metric",
    ),
    {
        "experiment": TEXT, "baseline": TEXT, "train_set": TEXT, "baseline_train_set": TEXT, "test_generator": TEXT,
        "condition": TEXT, "baseline_condition": TEXT, "metric": TEXT, "seeds": INTEGER, "value": REAL, "sd": REAL,
        "low": REAL, "high": REAL, "interval": TEXT, "kind": TEXT, "family": INTEGER, "p_value": REAL, "p_holm": REAL,
        "separated": FLAG, "reason": TEXT,
    },
    frozenset({"baseline", "baseline_train_set", "baseline_condition", "kind", "family", "interval", "reason"}),
)  # fmt: skip

#: Each detector's own validation images, judged as test images are.
VALIDATION = Schema(
    "validation",
    ("experiment", "train_set", "seed", "image_id"),
    {
        "experiment": TEXT, "train_set": TEXT, "seed": INTEGER, "image_id": TEXT, "group": TEXT, "stratum": TEXT,
        "label": INTEGER, "logit": LOGIT,
    },
)  # fmt: skip

#: A row a detector: the cell of its validation logits, how many images that are (and `lost`, that could not be read),
#: and why a label is missing among them.
VALIDATED = Schema(
    "validated",
    ("experiment", "train_set", "seed"),
    {
        "experiment": TEXT, "train_set": TEXT, "seed": INTEGER, "weights": TEXT, "logits": TEXT, "n_real": INTEGER,
        "n_fake": INTEGER, "lost": INTEGER, "reason": TEXT,
    },
    frozenset({"logits", "reason"}),
)  # fmt: skip

#: Thresholds of the logit by `rule` (`crossgen.evaluation.thresholds.RULES`), chosen on validation images, and the
#: `temperature` as one more rule.
THRESHOLDS = Schema(
    "thresholds",
    ("experiment", "train_set", "seed", "rule"),
    {
        "experiment": TEXT, "train_set": TEXT, "seed": INTEGER, "rule": TEXT, "value": REAL, "low": REAL, "high": REAL,
        "n_real": INTEGER, "n_fake": INTEGER, "reason": TEXT,
    },
    frozenset({"reason"}),
)  # fmt: skip

#: What the thresholds of THRESHOLDS come to on test images; `rule` is also `temperature` and `oracle`.
OPERATING_POINTS = Schema(
    "operating points",
    ("experiment", "train_set", "seed", "test_generator", "condition", "rule", "metric"),
    {
        "experiment": TEXT, "train_set": TEXT, "seed": INTEGER, "test_generator": TEXT, "condition": TEXT,
        "rule": TEXT, "metric": TEXT, "value": REAL, "low": REAL, "high": REAL, "n_real": INTEGER, "n_fake": INTEGER,
        "coverage": REAL, "interval": TEXT, "reason": TEXT,
    },
    frozenset({"interval", "reason"}),
)  # fmt: skip

#: Bins of P(fake) from 0 to 1, `rule` fixed (as it is) or temperature: how much of the test images, both labels
#: weighing the same, lies in a bin (`mass`), their mean P(fake) and the share of fakes among them.
RELIABILITY = Schema(
    "reliability",
    ("experiment", "train_set", "seed", "test_generator", "condition", "rule", "bin"),
    {
        "experiment": TEXT, "train_set": TEXT, "seed": INTEGER, "test_generator": TEXT, "condition": TEXT,
        "rule": TEXT, "bin": INTEGER, "mass": REAL, "score": REAL, "fakes": REAL,
    },
)  # fmt: skip

#: Images that a rule made, as their pool is listed from (the facts of `crossgen.data.sources.Entry`).
MADE = Schema(
    "made",
    ("path",),
    {
        "path": TEXT, "split": TEXT, "group": TEXT, "class_index": INTEGER, "class_synset": TEXT, "class_name": TEXT,
        "stratum": TEXT, "bytes": INTEGER, "blake3": TEXT, "pair": TEXT, "pair_x": INTEGER, "pair_y": INTEGER,
        "psnr": REAL, "ssim": REAL, "prompt": TEXT, "image_seed": INTEGER, "made_with": TEXT,
    },
    frozenset({
        "split", "group", "class_index", "class_synset", "class_name", "stratum", "pair", "pair_x", "pair_y", "psnr",
        "ssim", "prompt", "image_seed", "made_with",
    }),
)  # fmt: skip

#: Averages of a pool's images, one row a kind: `values` [height x width] row by row. Kinds: mean_then_fft and
#: log_then_mean (dB, zero frequency in the middle), autocorrelation, repetition (that of single frequencies), its
#: peaks, blocks (8 x 8), comb (by JPEG quality). `n` images; `left_out`: JSON, reason to number; `options`: JSON, how
#: it was measured.
SPECTRA = Schema(
    "spectra",
    ("pool", "kind"),
    {
        "pool": TEXT, "label": INTEGER, "kind": TEXT, "height": INTEGER, "width": INTEGER, "values": pa.list_(LOGIT),
        "n": INTEGER, "left_out": TEXT, "options": TEXT,
    },
)  # fmt: skip

#: What was measured of each image: `radial` [bands] and `high`, power in dB; `block_rows`, `block_columns` [8]: excess
#: of the edges before each row and column of a block; `quality` and `first_quality`: JPEG qualities that its DCT
#: coefficients betray (nulls: none), and how clearly.
SPECTRAL = Schema(
    "spectral",
    ("image_id",),
    {
        "image_id": TEXT, "pool": TEXT, "label": INTEGER, "group": TEXT, "stratum": TEXT, "radial": pa.list_(LOGIT),
        "high": REAL, "block_rows": pa.list_(LOGIT), "block_columns": pa.list_(LOGIT), "quality": INTEGER,
        "comb": REAL, "first_quality": INTEGER, "first_comb": REAL,
    },
    frozenset({"quality", "first_quality"}),
)  # fmt: skip
