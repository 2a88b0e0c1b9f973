"""Procedural images: small programs that draw noise, fractals, solids, tilings ... from a seed, without any photograph.

A family is a function (random generator, height, width) to float32 [height, width, 3] in [0, 1]. Lengths are in half
shorter sides, so that an image of another size shows a like scene. All arithmetic is by NumPy and SciPy, element by
element: nothing goes by the number of threads. The idea of learning from such programs is that of Baradad et al.,
"Procedural Image Programs for Representation Learning" (NeurIPS 2022); the programs here are our own.
"""
