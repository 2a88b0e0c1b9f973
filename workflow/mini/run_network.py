"""Runs one network over the photographs behind its fakes; its outputs are kept whole, crops are cut later."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from deal import deal_photographs
from networks import NETWORKS, weight_files
from photographs import photographs, scaled
from PIL import Image


def main() -> None:
    """Command line: writes <id>.png for each photograph and offsets.json (where each output lies in its photograph)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", required=True, choices=list(NETWORKS))
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True, help="folder of the weights that we trained")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    network = NETWORKS[arguments.pool]
    run = network.load(weight_files(network, arguments.packages, arguments.weights))
    arguments.output.mkdir(parents=True, exist_ok=True)
    listed, offsets = photographs(arguments.packages), {}
    dealt = deal_photographs(listed)
    cells = {("fake", split) for split in network.splits}
    for photograph in (item for item in listed if (dealt[item.id].side, dealt[item.id].split) in cells):
        image = np.asarray(scaled(arguments.packages, photograph, dealt[photograph.id].factor))
        output, offsets[photograph.id] = run(image, photograph.id)
        Image.fromarray(output).save(arguments.output / f"{photograph.id}.png")
    (arguments.output / "offsets.json").write_text(json.dumps(offsets, indent=1))


if __name__ == "__main__":
    main()
