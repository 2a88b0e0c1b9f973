"""The options that every command of the report has; apart from reading them, which imports pandas."""

import argparse
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options that every command of the report has."""
    parser.add_argument("--shown", required=True, help="JSON of the config's test sets, conditions, experiments ...")
    parser.add_argument("--metrics", required=True, type=Path, help="metrics (crossgen compute-metrics)")
    parser.add_argument("--differences", required=True, type=Path, help="paired differences")
    parser.add_argument("--seed-means", required=True, type=Path, help="means over several seeds")
    parser.add_argument("--thresholds", required=True, type=Path, help="thresholds (crossgen choose-thresholds)")
    parser.add_argument("--operating-points", required=True, type=Path, help="what they come to")
    parser.add_argument("--reliability", required=True, type=Path, help="bins of P(fake)")
    parser.add_argument("--biases", required=True, type=Path, help="attributes of the audit (crossgen audit-biases)")
    parser.add_argument("--probes", required=True, type=Path, help="probes of the audit")
    parser.add_argument("--duplicates", required=True, type=Path, help="files that are there twice, of the audit")
    parser.add_argument("--manifests", required=True, type=Path, nargs="+", help="manifests of all pools")
    parser.add_argument("--losses", type=Path, nargs="*", default=[], help="images lost after the manifest")
    parser.add_argument("--waterfalls", type=Path, nargs="*", default=[], help="what selections removed")
    parser.add_argument("--histories", type=Path, nargs="*", default=[], help="histories of detectors")
    parser.add_argument("--watched", type=Path, nargs="*", default=[], help="what was watched while they were trained")
    parser.add_argument("--breakdowns", required=True, type=Path, help="rates by bin (crossgen break-down)")
    parser.add_argument("--correlations", required=True, type=Path, help="correlation of training rows, of the same")
    parser.add_argument("--disagreements", required=True, type=Path, help="disagreement of detectors, of the same")
    parser.add_argument("--hardest", required=True, type=Path, help="the hardest images, of the same")
    parser.add_argument("--contents", type=Path, help="numbers by group of content classes, of the same")
    parser.add_argument("--curves", type=Path, help="ROC, calibration and logits of every cell, of the same")
    parser.add_argument("--misjudged", type=Path, help="worst classes and images of every cell, of the same")
    parser.add_argument(
        "--spectra", type=Path, nargs="*", default=[], help="average spectra (crossgen analyse-spectra)"
    )
    parser.add_argument("--spectral", type=Path, nargs="*", default=[], help="numbers of each image, of the same")
    looked = "numbers.json of detectors that were looked into (crossgen look-into); their figures lie beside it"
    parser.add_argument("--looked", type=Path, nargs="*", default=[], help=looked)
    parser.add_argument("--audited", required=True, help="JSON list of [subset, train set, selection, index of crops]")


def configure_detectors(parser: argparse.ArgumentParser) -> None:
    """Declare the option of those that tell of detectors themselves; figures do not wait for them."""
    parser.add_argument("--detectors", type=Path, nargs="*", default=[], help="detectors; only their headers are read")
