"""Whom to cite: the two protocols, and the program."""

import crossgen

GENIMAGE = """@inproceedings{zhu2023genimage,
  title     = {{GenImage}: A Million-Scale Benchmark for Detecting {AI}-Generated Image},
  author    = {Zhu, Mingjian and Chen, Hanting and Yan, Qiangyu and Huang, Xudong and Lin, Guanyu and Li, Wei
               and Tu, Zhijun and Hu, Hailin and Hu, Jie and Wang, Yunhe},
  booktitle = {Advances in Neural Information Processing Systems (Datasets and Benchmarks Track)},
  volume    = {36},
  year      = {2023}
}"""
UNBIASED = """@inproceedings{grommelt2024fake,
  title     = {Fake or {JPEG}? Revealing Common Biases in Generated Image Detection Datasets},
  author    = {Grommelt, Patrick and Weiss, Louis and Pfreundt, Franz-Josef and Keuper, Janis},
  booktitle = {Computer Vision -- ECCV 2024 Workshops},
  series    = {Lecture Notes in Computer Science},
  volume    = {15644},
  pages     = {80--95},
  doi       = {10.1007/978-3-031-92089-9_6},
  year      = {2025}
}"""


def bibtex() -> str:
    """The entries, the program's with the version that made the report."""
    title = (crossgen.__doc__ or "crossgen").strip().rstrip(".")
    own = (
        f"@software{{crossgen,\n  title   = {{{title}}},\n  author  = {{{{The crossgen contributors}}}},\n"
        f"  version = {{{crossgen.__version__}}},\n  license = {{Apache-2.0}}\n}}"
    )
    return "\n\n".join([own, GENIMAGE, UNBIASED])
