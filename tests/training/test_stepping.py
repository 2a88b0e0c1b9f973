"""A step's gradients are the same in parts as in one; memory that does not do is named or made do with."""

import pytest
import torch
from tiny_training import data, recipe, same, trained

from crossgen.config import Splits
from crossgen.detectors.detector import prepare
from crossgen.training.plan import Plan
from crossgen.training.processes import Launch, Together
from crossgen.training.readers import reader_for
from crossgen.training.setting import Setting
from crossgen.training.stepping import Stepper, is_out_of_memory

PLAIN = {"options": {"norm": False}, "optimiser": {"kind": "sgd", "lr": 0.1, "momentum": 0.0, "weight_decay": 0.0}}


def stepped(out_of_memory: str = "stop", steps: int = 1, **changes: object):
    """The stepper after its steps, and their losses."""
    told, plain, setting = data(), recipe(**PLAIN | changes), Setting(0, out_of_memory=out_of_memory)
    torch.manual_seed(0)
    detector, fabric = prepare(plain), Launch().fabric("fp32")
    optimiser = torch.optim.SGD(detector.parameters(), 0.1)
    lines = []
    stepper = Stepper(plain, setting, detector, optimiser, fabric, Together(fabric), (), lines.append)
    stepper.begin()
    plan = Plan.of(told, plain, setting)
    reader = reader_for(told, plain, setting, torch.device("cpu"))
    batches = reader.train(batch for batch in plan.batches() if batch.step < steps)
    return stepper, [float(stepper.step(loaded, plan.weights(0))) for loaded in batches], lines


def weights_of(stepper: Stepper) -> dict[str, torch.Tensor]:
    return stepper.detector.state_dict()


@pytest.mark.parametrize("parts", [2, 3, 8])
@pytest.mark.parametrize(
    "changes",
    [{}, {"balance": "loss"}, {"splits": Splits(n=2, augment=({"step": "flip"},))}],
    ids=lambda c: str(len(c)),
)
def test_a_batch_in_parts_moves_the_weights_as_it_does_whole(parts, changes):
    (whole, losses, _), (cut, others, _) = stepped(steps=3, **changes), stepped(steps=3, accumulate=parts, **changes)
    assert losses == pytest.approx(others, abs=1e-6)
    torch.manual_seed(0)
    fresh = prepare(recipe(**PLAIN)).state_dict()
    for name, tensor in weights_of(whole).items():
        assert torch.allclose(tensor, weights_of(cut)[name], atol=1e-6)
        assert not torch.allclose(tensor, fresh[name], atol=1e-4)


def test_gradients_are_clipped_to_their_norm():
    """One step of plain SGD moves by the rate times the norm of the gradient."""
    torch.manual_seed(0)
    fresh = prepare(recipe(**PLAIN)).state_dict()

    def moved(limit):
        changed = weights_of(stepped(optimiser=PLAIN["optimiser"] | {"clip_norm": limit})[0])
        return sum(float(((changed[name] - fresh[name]) ** 2).sum()) for name in fresh) ** 0.5

    free = moved(None)
    assert moved(free * 10 / 2) == pytest.approx(free / 2, rel=1e-3)
    assert moved(free * 10 * 2) == pytest.approx(free, rel=1e-5)


def test_a_batch_too_large_is_named_or_halved_until_it_fits():
    limited = {"options": {"norm": False, "limit": 5}}
    with pytest.raises(ValueError, match=r"batch_size 16 and accumulate 1 in recipe 'tiny'.*`out_of_memory: halve`"):
        stepped(**limited)
    stepper, losses, lines = stepped("halve", 3, **limited)
    whole, others, _ = stepped(steps=3)
    assert stepper.accumulate == 4 and losses == pytest.approx(others, abs=1e-6)
    assert [line.rsplit("into ")[1] for line in lines] == [f"{n} parts, one after another" for n in (2, 4)]
    assert all(torch.allclose(t, weights_of(whole)[name], atol=1e-6) for name, t in weights_of(stepper).items())
    with pytest.raises(ValueError, match="batch_size 16"):
        stepped("halve", options={"norm": False, "limit": 0})


def test_a_failed_attempt_leaves_no_trace():
    """Statistics of norms and draws of dropout are those of a run that was cut from the beginning."""
    options = {"dropout": 0.5}
    halved = trained(setting=Setting(0, out_of_memory="halve"), options=options | {"limit": 8})
    same(halved, trained(options=options, accumulate=2))


@pytest.mark.parametrize(
    ("error", "out"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory: you"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("shape mismatch"), False),
    ],
)
def test_only_want_of_memory_is_taken_for_it(error, out):
    assert is_out_of_memory(error) is out


def test_the_cpus_own_refusal_is_known():
    with pytest.raises(RuntimeError) as refused:
        torch.empty(2**60)
    assert is_out_of_memory(refused.value)


@pytest.mark.parametrize("mode", ["bf16", "fp16"])
def test_head_and_logits_are_float32_under_any_precision(mode):
    """The features are not: the case can fail."""
    detector = prepare(recipe())
    seen = {}
    network = detector.network
    network.body.register_forward_hook(lambda module, given, result: seen.update(body=result.dtype))
    network.last.register_forward_hook(lambda module, given, result: seen.update(head=result.dtype))
    module = Launch().fabric(mode).setup_module(torch.nn.Sequential(detector))
    logits = module(torch.zeros(2, 16, 16, 3, dtype=torch.uint8))
    low = torch.bfloat16 if mode == "bf16" else torch.float16
    assert (seen["body"], seen["head"], logits.dtype) == (low, torch.float32, torch.float32)


@pytest.mark.long
def test_a_compiled_network_trains_alike():
    """Without norms: behind one a bias has no gradient but rounding, which adaptive rates would blow up."""
    torch._dynamo.utils.counters.clear()
    plain, compiled = trained(steps=6, **PLAIN), trained(steps=6, compile=True, **PLAIN)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    for name, tensor in plain.state.items():
        assert torch.allclose(tensor, compiled.state[name], atol=1e-5), name
