"""Networks with two outputs as one logit: what they say of fake minus what they say of real.

Cross-entropy of two outputs is the binary cross-entropy of their difference, so such a network trains as its authors
trained it, and its published weights keep their shapes.
"""

from torch import Tensor


def fake_minus_real(outputs: Tensor, fake_index: int) -> Tensor:
    """Outputs [n, 2], logits or log-probabilities, to logits [n, 1]; `fake_index`: the column of the fakes."""
    fake, real = outputs[:, fake_index], outputs[:, 1 - fake_index]
    return (fake - real)[:, None]
