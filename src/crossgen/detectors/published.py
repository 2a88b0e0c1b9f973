"""Weights for a network, from a detector file of ours or as others publish them: they fit exactly or not at all.

Published files hold a state dict, bare or under one of `WRAPPERS`. Names are compared without the shells around a
network: `module.` of DataParallel, `_orig_mod.` of torch.compile, and our own `network.`. Where names of a timm model
do not fit, timm's converter of that model is asked (Swin's names before timm 0.9, position embeddings of another size).
"""

import argparse
import os
import pickle
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

Head = Literal["keep", "fresh"]
State = dict[str, Tensor]

#: Under which names training code keeps the state dict, beside its optimiser and epoch.
WRAPPERS = ("model", "state_dict", "netC", "model_state_dict", "head", "net")

#: Modules that only hold another, as prefixes of all names.
SHELLS = ("module.", "_orig_mod.", "network.")


def load_into(network: nn.Module, path: Path, head: Head = "keep") -> None:
    """Copy the weights of a file (.safetensors, else what torch.save wrote) into a network or detector.

    `head`: "fresh" leaves the last layer as it is, whatever the file says of it. Nothing but tensors is read, so no
    code of the file runs. Raises ValueError for weights that do not fit by name and shape, for whole pickled modules,
    and for files of another kind; OSError for a file that cannot be read. Then the network is as it was.
    """
    inner = _innermost(network)
    fit = _Fit.of(inner, _unshelled(_read(path)), head)
    if not fit.exact:
        converted = _Fit.of(inner, _converted(inner, fit.given), head)
        fit = converted if converted.exact else fit
    if not fit.exact:
        raise ValueError(f"The weights in {os.fspath(path)} do not fit {_name(inner)}: {fit.told()}")
    inner.load_state_dict({**inner.state_dict(), **fit.used}, strict=True)


def last_layer(network: nn.Module) -> tuple[str, nn.Module | None]:
    """Name and module of the classifier, as `head: fresh` knows it; None for one of several modules."""
    inner = _innermost(network)
    names = [prefix.rstrip(".") for prefix in _last_layers(inner)]
    return ", ".join(names), inner.get_submodule(names[0]) if len(names) == 1 else None


@dataclass(frozen=True)
class _Fit:
    """How the tensors of a file fit a network."""

    given: State
    used: State
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: tuple[str, ...]
    only_head: bool

    @classmethod
    def of(cls, network: nn.Module, given: State, head: Head) -> "_Fit":
        last = _last_layers(network)
        skipped = last if head == "fresh" else ()
        expected = {name: value for name, value in network.state_dict().items() if not name.startswith(skipped)}
        used = {name: value for name, value in given.items() if not name.startswith(skipped)}
        shared = [name for name in used if name in expected]
        missing = tuple(name for name in expected if name not in used and not name.endswith(".num_batches_tracked"))
        unexpected = tuple(name for name in used if name not in expected)
        misshapen = tuple(name for name in shared if used[name].shape != expected[name].shape)
        only_head = all(name.startswith(last) for name in (*missing, *unexpected, *misshapen))
        return cls(given, used, missing, unexpected, misshapen, only_head and head == "keep")

    @property
    def exact(self) -> bool:
        return not (self.missing or self.unexpected or self.misshapen)

    def told(self) -> str:
        """What does not fit, five names of each kind, and what to do."""
        shapes = (f"{name} {list(self.given[name].shape)}" for name in self.misshapen)
        parts = {"missing": self.missing, "unexpected": self.unexpected, "of another shape": tuple(shapes)}
        faults = ", ".join(f"{len(names)} {kind} ({_few(names)})" for kind, names in parts.items() if names)
        remedy = "Check `architecture` and `options` of the recipe, or take weights of that network"
        return f"{faults}. {remedy}{'; `head: fresh` leaves the last layer out' if self.only_head else ''}."


def _read(path: Path) -> State:
    if path.suffix == ".safetensors":
        try:
            return dict(load_file(path))
        except SafetensorError as error:
            raise ValueError(f"{os.fspath(path)} is no safetensors file: {error}. Fetch or write it again.") from error
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):  # options of the training, which many files keep
            found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(_unreadable(path, str(error))) from error
    return _unwrapped(path, found)


def _unreadable(path: Path, error: str) -> str:
    known = re.search(r"GLOBAL ([\w.]+)", error)
    if not known and "TorchScript" not in error:
        return f"{os.fspath(path)} is no file of weights that torch can read: fetch it again, or convert it."
    held = f"Python objects ({known[1]})" if known else "a TorchScript module"
    return (
        f"{os.fspath(path)} holds {held}, not tensors alone; to read them would run code of the file. If you trust it,"
        " save its state dict, with the code that made it on PYTHONPATH: torch.save(torch.load('FILE',"
        " map_location='cpu', weights_only=False).state_dict(), 'NEW.pth')."
    )


def _unwrapped(path: Path, found: object) -> State:
    while isinstance(found, Mapping):
        inner = next((found[name] for name in WRAPPERS if isinstance(found.get(name), Mapping)), None)
        if inner is None:
            break
        found = inner
    tensors = isinstance(found, Mapping) and all(isinstance(value, Tensor) for value in found.values())
    if not tensors or not found:
        told = f"keys {_few(map(str, found))}" if isinstance(found, Mapping) else type(found).__name__
        raise ValueError(
            f"{os.fspath(path)} holds no state dict ({told}): expected names and tensors, or these under one of"
            f" {', '.join(WRAPPERS)}."
        )
    return {str(name): value for name, value in dict(found).items()}  # type: ignore[call-overload]


def _unshelled(state: State) -> State:
    """The same tensors, without prefixes that all names share."""
    for shell in SHELLS:
        if all(name.startswith(shell) for name in state):
            return _unshelled({name.removeprefix(shell): value for name, value in state.items()})
    return state


def _innermost(network: nn.Module) -> nn.Module:
    """The module that weights are published for: what is left without the shells around it."""
    names = list(network.state_dict())
    for shell in SHELLS:
        if names and all(name.startswith(shell) for name in names):
            return _innermost(network.get_submodule(shell.rstrip(".")))
    return network


def _converted(network: nn.Module, state: State) -> State:
    """The names and shapes of timm, where it has a converter for the network and the file is one it knows."""
    module = sys.modules[type(network).__module__]
    convert: Callable[..., Any] | None = getattr(module, "checkpoint_filter_fn", None)
    if not hasattr(network, "pretrained_cfg") or convert is None:
        return state
    try:
        return dict(convert(dict(state), network))
    except (KeyError, AttributeError, IndexError, RuntimeError, ValueError):  # not a file for this network
        return state


def _last_layers(network: nn.Module) -> tuple[str, ...]:
    """Prefixes of the classifier's names: as timm tells them, else the last module that has parameters of its own."""
    told = (getattr(network, "pretrained_cfg", None) or {}).get("classifier")
    if not told:
        told = [name for name, part in network.named_modules() if list(part.parameters(recurse=False))][-1:]
    return tuple(f"{name}." for name in ([told] if isinstance(told, str) else told))


def _name(network: nn.Module) -> str:
    told = (getattr(network, "pretrained_cfg", None) or {}).get("architecture")
    return f"{type(network).__name__} ({told})" if told else type(network).__name__


def _few(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:5]) + (", ..." if len(listed) > 5 else "")
