"""F3Net: its transforms against scipy and loops, its names and numbers against the published code's; it learns."""

from fractions import Fraction

import numpy as np
import pytest
import timm
import torch
from scipy import fft

from crossgen.config import Frame, Optimiser, Recipe
from crossgen.detectors import f3net
from crossgen.detectors.detector import Detector
from crossgen.detectors.f3net_frequency import FAD_BANDS, FadHead, LfsHead, band, dct_matrix
from crossgen.detectors.f3net_mixing import MixBlock
from crossgen.detectors.zoo import build
from crossgen.evaluation.statistics import roc_auc
from toys import photograph, synthetic

RECIPE = Recipe(
    name="f3",
    architecture="f3net",
    options={"size": 64},
    frame=Frame(kind="crop", size=64),
    optimiser=Optimiser(lr=2e-4),
    steps=1,
    precision="fp32",
)
#: First and last u + v of low, middle, high, all, at 299 pixels, as the reference's table has them.
PUBLISHED = {
    "genimage": ((1, 18), (19, 37), (38, 299), (1, 598)),
    "paper_areas": ((0, 106), (106, 149), (149, 598), (0, 598)),
}


@pytest.fixture(scope="module")
def small():
    """F3Net at 64 pixels, judging, its gates open so that all of it takes part."""
    torch.manual_seed(0)
    return opened(f3net.build(size=64)).eval()


def opened(network):
    with torch.no_grad():
        for block in (network.mix_block7, network.mix_block12):
            block.FAD_gamma.fill_(0.7)
            block.LFS_gamma.fill_(-0.4)
    return network


def images(count, size, seed=0):
    return 2 * torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) - 1


def without_learned(head):
    with torch.no_grad():
        for made in head.filters:
            made.learnable.zero_()
    return head


@pytest.mark.parametrize("size", [10, 64, 299])
def test_the_dct_is_orthonormal_and_scipys(size):
    matrix, block = dct_matrix(size), images(1, size)[0, 0]
    assert torch.allclose(matrix @ matrix.T, torch.eye(size), atol=1e-5)
    found = matrix @ block @ matrix.T
    assert np.allclose(found.numpy(), fft.dctn(block.double().numpy(), norm="ortho"), atol=1e-4)


@pytest.mark.parametrize("bands", ["genimage", "paper_areas"])
def test_bands_of_the_image_are_the_published_ones(bands):
    sums = np.add.outer(np.arange(299), np.arange(299))
    for made, (first, last) in zip(FadHead(299, bands).filters, PUBLISHED[bands], strict=True):
        expected = sum(max(0, min(s + 1, 597 - s)) for s in range(first, min(last, 596) + 1))  # cells of each diagonal
        assert made.base.sum() == expected
        assert made.base[torch.from_numpy((sums < first) | (sums > last))].sum() == 0


@pytest.mark.parametrize(("bands", "at_least"), [("genimage", False), ("paper_areas", True)])
def test_bands_of_a_window_are_counted_by_loops(bands, at_least):
    for place, made in enumerate(LfsHead(bands).filters):
        start, stop = Fraction(20 * place, 6), Fraction(20 * (place + 1), 6)
        ones = sum(start < u + v <= stop or (at_least and u + v == start) for u in range(10) for v in range(10))
        assert made.base.sum() == ones == made.ft_num


@pytest.mark.parametrize("bands", ["genimage", "paper_areas"])
def test_the_image_is_split_by_frequency(bands):
    given = images(2, 48)
    found = without_learned(FadHead(48, bands))(given).detach().numpy()
    for n in range(2):
        for channel in range(3):
            spectrum = fft.dctn(given[n, channel].double().numpy(), norm="ortho")
            for place, (start, stop) in enumerate(FAD_BANDS[bands]):
                mask = band(48, start * 48 // 1, stop * 48 // 1, bands).numpy()
                expected = fft.idctn(mask * spectrum, norm="ortho")
                assert np.allclose(found[n, 3 * place + channel], expected, atol=1e-4)


def test_low_middle_and_high_add_up_to_the_image_without_mean_and_lower_right_triangle():
    given = images(1, 48)
    low, middle, high, _ = without_learned(FadHead(48, "genimage"))(given).unflatten(1, (4, 3))[0]
    spectrum = fft.dctn(given[0].double().numpy(), axes=(1, 2), norm="ortho")
    spectrum[:, np.add.outer(np.arange(48), np.arange(48)) > 48] = 0
    spectrum[:, 0, 0] = 0
    expected = fft.idctn(spectrum, axes=(1, 2), norm="ortho")
    assert np.allclose((low + middle + high).detach().numpy(), expected, atol=1e-4)


def test_what_is_learned_is_added_to_the_band():
    torch.manual_seed(1)
    made = FadHead(16, "genimage").filters[0]
    expected = made.base.numpy() + np.tanh(made.learnable.detach().numpy() / 2)  # 2 sigmoid(x) - 1 = tanh(x / 2)
    assert np.allclose(made().detach().numpy(), expected, atol=1e-6)
    assert 0.05 < made.learnable.std() < 0.2


@pytest.mark.parametrize("bands", ["genimage", "paper_areas"])
def test_local_statistics_are_those_of_loops(bands):
    torch.manual_seed(2)
    head, given = LfsHead(bands), images(1, 14)
    found = head(given)[0].detach().numpy()
    red, green, blue = given[0].double().numpy()
    grey = np.pad((0.299 * red + 0.587 * green + 0.114 * blue + 1) * 122.5, 4)
    assert found.shape == (6, 7, 7)
    for row in range(7):
        for column in range(7):
            window = fft.dctn(grey[2 * row : 2 * row + 10, 2 * column : 2 * column + 10], norm="ortho")
            for place, made in enumerate(head.filters):
                weights = made.base.numpy() + np.tanh(made.learnable.detach().numpy() / 2)
                expected = (weights * np.log10(np.abs(window) + 1e-15)).sum() / made.base.sum().item()
                assert found[place, row, column] == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_transforms_stay_in_float32_under_autocast(dtype):
    given = images(1, 64)
    for head in (FadHead(64, "genimage"), LfsHead("genimage")):
        with torch.autocast("cpu", dtype):
            found = head(given)
        assert found.dtype == torch.float32 and torch.equal(found, head(given))


def test_the_mix_block_starts_as_the_identity():
    torch.manual_seed(3)
    block, fad, lfs = MixBlock(6), torch.randn(4, 6, 5, 5), torch.randn(4, 6, 5, 5)
    for found, given in zip(block(fad, lfs), (fad, lfs), strict=True):
        assert torch.allclose(found, given, atol=1e-2)
    fresh = MixBlock(6).eval()
    for found, given in zip(fresh(fad, lfs), (fad, lfs), strict=True):
        added = (found - given).permute(1, 0, 2, 3).flatten(1)
        assert torch.allclose(added, added[:, :1].expand_as(added), atol=1e-5)  # one number a channel, of any image


def test_the_mix_block_mixes_row_by_row():
    torch.manual_seed(4)
    block = MixBlock(3).eval()
    fad, lfs = torch.randn(1, 3, 4, 4), torch.randn(1, 3, 4, 4)
    with torch.no_grad():
        block.FAD_gamma.fill_(0.7)
        block.LFS_gamma.fill_(-0.4)
        found = [map_[0].numpy() for map_ in block(fad, lfs)]
        made = {name: getattr(block, name)(map_)[0].numpy() for name, map_ in _projections(fad, lfs)}
    for channel in range(3):
        energy = np.zeros((4, 4))
        for stream in ("FAD", "LFS"):
            energy += made[f"{stream}_query"][channel] @ made[f"{stream}_key"][channel].T
        attention = np.exp(energy) / np.exp(energy).sum(axis=1, keepdims=True)
        for place, (own, other, name, gamma) in enumerate(((fad, lfs, "FAD", -0.4), (lfs, fad, "LFS", 0.7))):
            convolution = getattr(block, f"{name}_conv")
            message = other[0, channel].numpy() * attention * np.tanh(gamma / 2)
            message = message * convolution.weight[channel].item() + convolution.bias[channel].item()
            expected = own[0, channel].numpy() + message / np.sqrt(1 + 1e-5)
            assert np.allclose(found[place][channel], expected, atol=1e-5)


def _projections(fad, lfs):
    return [("FAD_query", fad), ("FAD_key", fad), ("LFS_query", lfs), ("LFS_key", lfs)]


def test_parameters_and_shape_at_299():
    with torch.device("meta"):
        network = f3net.build()
        logits = network(torch.empty(2, 3, 299, 299))
        assert network.fad_head(torch.empty(2, 3, 299, 299)).shape == (2, 12, 299, 299)
        assert network.lfs_head(torch.empty(2, 3, 299, 299)).shape == (2, 6, 149, 149)
        assert network.features(torch.empty(2, 3, 299, 299)).shape == (2, 4096, 10, 10)
    assert logits.shape == (2, 1)
    xceptions = 2 * (22_855_952 - 1000 * 2049) + 32 * 9 * (9 + 3)  # published, less its classifier; more input channels
    mixing = sum(4 * (c * c + c) + 2 + 2 * 2 * c + 2 * 2 * c for c in (728, 1024))
    filters = 4 * 299**2 + 6 * 10**2
    told = sum(parameter.numel() for parameter in network.parameters())
    assert told == xceptions + mixing + filters + 2 * 4097 == 48_319_026
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("size", [64, 72, 128, 224, 248, 256])
def test_both_streams_fit_at_any_size(size):
    with torch.device("meta"):
        assert f3net.build(size=size)(torch.empty(1, 3, size, size)).shape == (1, 1)


def test_names_are_those_of_the_published_code():
    with torch.device("meta"):
        state = f3net.build().state_dict()
    count = lambda prefix: sum(name.startswith(prefix) for name in state)  # noqa: E731
    expected = {"fad_head.": 10, "lfs_head.": 20, "fad_excep.": 274, "lfs_excep.": 274, "mix_block7.": 24}
    assert {prefix: count(prefix) for prefix in expected} == expected
    assert len(state) == sum(expected.values()) + 24 + 2
    shapes = {
        "fad_head._DCT_all": (299, 299),
        "fad_head._DCT_all_T": (299, 299),
        "fad_head.filters.3.base": (299, 299),
        "fad_head.filters.3.learnable": (299, 299),
        "lfs_head._DCT_patch_T": (10, 10),
        "lfs_head.filters.5.ft_num": (),
        "fad_excep.conv1.weight": (32, 12, 3, 3),
        "lfs_excep.conv1.weight": (32, 6, 3, 3),
        "fad_excep.block12.rep.4.pointwise.weight": (1024, 728, 1, 1),
        "lfs_excep.block3.skipbn.running_var": (728,),
        "lfs_excep.conv4.pointwise.weight": (2048, 1536, 1, 1),
        "mix_block12.FAD_gamma": (1,),
        "mix_block12.LFS_conv.weight": (1024, 1, 1, 1),
        "mix_block7.FAD_query.bias": (728,),
        "fc.weight": (2, 4096),
    }
    assert {name: tuple(state[name].shape) for name in shapes} == shapes


def test_gradients_reach_all_that_is_trained(small):
    small.zero_grad()
    small(images(2, 64)).sum().backward()
    without = [name for name, parameter in small.named_parameters() if not parameter.grad.abs().max() > 0]
    assert without == []


def test_shut_gates_open():
    """At the start nothing passes them, so they are what has to learn first."""
    torch.manual_seed(5)
    block = MixBlock(6)
    fad, lfs = block(torch.randn(4, 6, 5, 5), torch.randn(4, 6, 5, 5))
    (fad.pow(2).sum() + lfs.pow(2).sum()).backward()
    assert block.FAD_gamma.grad.abs() > 0 and block.LFS_gamma.grad.abs() > 0


def test_scores_do_not_depend_on_batch_or_order(small):
    crops = np.stack([photograph(seed, 64, 64) for seed in range(5)])
    crops[1, 16:40, 16:48] = 255  # where nothing is, logarithms are of rounding errors
    crops = torch.from_numpy(crops)
    detector = Detector(RECIPE)
    detector.network.load_state_dict(small.state_dict())
    detector.eval()
    with torch.inference_mode():
        together = detector(crops)
        alone = torch.cat([detector(crop[None]) for crop in crops.flip(0)]).flip(0)
        assert torch.equal(together, detector(crops))
    assert torch.allclose(together, alone, atol=1e-4) and together.unique().numel() == 5


def test_the_logit_is_fake_minus_real(small):
    features = torch.rand(3, 4096, 2, 2)
    with torch.no_grad():
        real, fake = small.fc(features.mean(dim=(2, 3))).T
        assert torch.allclose(small.head(features)[:, 0], fake - real, atol=1e-6)
        other = f3net.build(size=64, fake_index=0).eval()
        other.load_state_dict(small.state_dict())
        assert torch.allclose(other.head(features)[:, 0], real - fake, atol=1e-6)


def test_pretrained_kernels_are_repeated_over_the_inputs(monkeypatch):
    torch.manual_seed(6)
    published = timm.create_model("legacy_xception").state_dict()
    real = timm.create_model

    def from_memory(name, **options):
        assert name == "legacy_xception" and options["pretrained"]
        return real(name, **options, pretrained_cfg_overlay={"state_dict": dict(published)})

    monkeypatch.setattr(f3net.timm, "create_model", from_memory)
    network = f3net.build(size=64, pretrained=True)
    kernel = published["conv1.weight"]
    assert torch.allclose(network.fad_excep.conv1.weight, torch.cat([kernel] * 4, dim=1) / 4)
    assert torch.allclose(network.lfs_excep.conv1.weight, torch.cat([kernel] * 2, dim=1) / 2)
    for stream in (network.fad_excep, network.lfs_excep):
        for name, tensor in stream.state_dict().items():
            assert name == "conv1.weight" or torch.equal(tensor, published[name])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 63}, "options.size of F3Net is 63: expected pixels, an integer from 64"),
        ({"size": "299"}, "options.size of F3Net is '299'"),
        ({"bands": "paper"}, "options.bands of F3Net is 'paper': expected one of genimage, paper_areas"),
        ({"fake_index": 2}, "options.fake_index of F3Net is 2: expected 0 or 1"),
        ({"window": 8}, "do not fit 'f3net'"),
    ],
)
def test_options_that_do_not_exist_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build(RECIPE.model_copy(update={"options": options}))


def test_images_of_another_size_are_refused(small):
    with pytest.raises(ValueError, match=r"64 x 64 pixels, not of 80 x 72: options.size and frame.size"):
        small(torch.zeros(1, 3, 72, 80))


def learned(shuffled):
    """ROC-AUC on held-out images after some steps on photographs and on such with a planted pattern."""
    torch.manual_seed(0)
    labels = torch.arange(48) % 2
    told = torch.arange(48) // 2 % 2 if shuffled else labels  # half of either label: no chance correlation
    detector = Detector(RECIPE)
    optimiser = torch.optim.AdamW(detector.parameters(), 3e-4)
    crops = torch.from_numpy(np.stack([toy(seed, seed % 2) for seed in range(48)]))
    detector.train()
    for _ in range(24):
        rows = torch.randperm(48)[:8]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(detector(crops[rows]), told[rows].float())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.inference_mode():
        fresh = torch.from_numpy(np.stack([toy(900 + seed, seed % 2) for seed in range(40)]))
        detector.eval()
        return float(roc_auc(detector(fresh).double().numpy(), np.arange(40) % 2, np.ones(40)))


def toy(seed, label):
    return synthetic(seed, 64, 2) if label else photograph(seed, 64, 64)


@pytest.mark.long
def test_it_learns_a_pattern_and_nothing_from_shuffled_labels():
    assert learned(shuffled=False) > 0.95
    assert 0.2 < learned(shuffled=True) < 0.8
