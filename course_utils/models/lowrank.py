r"""What training changed, in few numbers: weights of a network as a low-rank difference to those of another.

For a matrix of weights, \(W \approx W_0 + U D\) with U of r columns and D of r rows (Hu et al., LoRA: Low-Rank
Adaptation of Large Language Models, 2021). They learn U and D; here the whole network was trained, and U and D come
afterwards out of the singular value decomposition of \(W - W_0\), which for a given r leaves the least squared error
(Eckart and Young, The Approximation of One Matrix by Another of Lower Rank, 1936).
"""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

Weights = Mapping[str, Tensor]

FILE = "difference.safetensors"
"""What the file is called in which `write` puts a shipped model."""

LIBRARY = "diffusion_pytorch_model.safetensors"
"""What diffusers calls the file of a network that ships whole."""

UP, DOWN, WHOLE = ".up", ".down", ".whole"
"""What is hung on a tensor's name: its two factors, or itself."""


def matrix(weight: Float[Tensor, "o ..."]) -> Float[Tensor, "o i"]:
    """Weights as a matrix, a row for each output: a convolution's `[o, c, h, w]` as `[o, c h w]`, biases `[o, 1]`."""
    return weight.reshape(len(weight), -1)


def factors(change: Float[Tensor, "o i"], rank: int) -> tuple[Float[Tensor, "o r"], Float[Tensor, "r i"]]:
    r"""\(U\sqrt S\) and \(\sqrt S\,V^\top\) of the `rank` greatest singular values: equal in size, so that half
    precision holds both. Raises `ValueError` for numbers that are not finite."""
    if not bool(torch.isfinite(change).all()):
        raise ValueError("weights hold NaN or infinite numbers: the training diverged, take an earlier checkpoint")
    u, s, v = torch.linalg.svd(change, full_matrices=False)
    root = s[:rank].sqrt()
    return u[:, :rank] * root, root[:, None] * v[:rank]


def worthwhile(weight: Tensor, rank: int) -> bool:
    r"""Whether two factors hold fewer numbers than the weights: \(r\,(o + i) < o\,i\). Norms and biases stay whole."""
    return weight.ndim > 1 and rank * sum(matrix(weight).shape) < weight.numel()


def equal(weight: Tensor, base: Tensor) -> bool:
    """Whether nothing changed, or less than half precision tells."""
    return weight.ndim > 0 and weight.half().equal(base.half())


def difference(tuned: Weights, base: Weights, rank: int, dtype: torch.dtype = torch.float16) -> dict[str, Tensor]:
    """What must be kept of `tuned` when `base` is at hand.

    Tensors for which it pays become the factors of their difference, `NAME.up` and `NAME.down`; the others, and those
    that the base lacks (a ControlNet's zero convolutions), are kept as they are, `NAME.whole`. Where nothing changed
    the factors have rank 0 and hold no number. What the base has and the tuned network has not (a U-Net's decoder) is
    left out.

    Args:
        tuned, base: state dictionaries, of any floating type.
        rank: of the factors, at least 1.
        dtype: in which the result is kept.

    Raises:
        ValueError: a rank below 1, tensors of the same name and another shape, no name in common.
    """
    if rank < 1:
        raise ValueError(f"a rank is at least 1, got {rank}")
    shared = tuned.keys() & base.keys()
    if not shared:
        raise ValueError("the two networks have no tensor in common: is this the base that it was trained from?")
    kept: dict[str, Tensor] = {}
    for name, weight in tuned.items():
        if name in shared and weight.shape != base[name].shape:
            raise ValueError(f"{name} is {list(weight.shape)} here and {list(base[name].shape)} in the base:"
                             " give the base that it was trained from")
        if name in shared and equal(weight, base[name]):
            kept[name + UP], kept[name + DOWN] = factors(torch.zeros_like(matrix(weight.float())), 0)
        elif name in shared and worthwhile(weight, rank):
            kept[name + UP], kept[name + DOWN] = factors(matrix(weight.float() - base[name].float()), rank)
        else:
            kept[name + WHOLE] = weight
    return {name: value.to(dtype).contiguous() for name, value in kept.items()}


def cut(kept: Weights, rank: int | None) -> dict[str, Tensor]:
    """A difference of at most that rank: of factors, which stand in the order of their singular values, the first."""
    first = {UP: lambda factor: factor[:, :rank], DOWN: lambda factor: factor[:rank]}
    return {name: first.get(name[name.rindex("."):], lambda whole: whole)(value).contiguous()
            for name, value in kept.items()}


def restored(base: Weights, kept: Weights) -> dict[str, Tensor]:
    r"""The tuned network's weights in float32, \(W_0 + U D\) or those that were kept whole.

    Raises `ValueError` if the base lacks a tensor or has it in another shape: the difference is to another base.
    """
    whole = {name.removesuffix(WHOLE): value.float() for name, value in kept.items() if name.endswith(WHOLE)}
    names = [name.removesuffix(UP) for name in kept if name.endswith(UP)]
    return whole | {name: added(name, base, kept) for name in names}


def added(name: str, base: Weights, kept: Weights) -> Tensor:
    """One tensor of the base with the product of its two factors added."""
    change = kept[name + UP].float() @ kept[name + DOWN].float()
    if name not in base or matrix(base[name]).shape != change.shape:
        found = list(base[name].shape) if name in base else "none"
        raise ValueError(f"the difference changes {name} by a matrix {list(change.shape)}, and the base has {found}:"
                         " it belongs to another base")
    return base[name].float() + change.view_as(base[name])


def share_kept(tuned: Weights, base: Weights, kept: Weights) -> float:
    r"""\(1 - \sum\lVert W - \hat W\rVert^2 / \sum\lVert W - W_0\rVert^2\) over tensors that the base has, too: 1 if
    nothing of the change is lost. Of two equal networks, 1."""
    ours, shared = restored(base, kept), tuned.keys() & base.keys()
    lost = sum(float((tuned[name].float() - ours[name]).square().sum()) for name in shared)
    change = sum(float((tuned[name].float() - base[name].float()).square().sum()) for name in shared)
    return 1 - lost / change if change else 1.0


def write(path: Path, kept: Weights, **facts: str) -> None:
    """Into a file, with facts (which base it belongs to) in its header."""
    save_file(dict(kept), path, metadata=facts)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """What `write` wrote: tensors and facts."""
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118


def file(folder: Path) -> Path:
    """The file that holds the weights of a model: its difference where there is one, else the library's."""
    return folder / FILE if (folder / FILE).is_file() else folder / LIBRARY


def whole(folder: Path, name: str) -> dict[str, Tensor]:
    """The weights of the model in `folder/name`; a difference is added to its base, which may be one itself.

    Raises `FileNotFoundError` where a model on the way is missing.
    """
    path = file(folder / name)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there")
    if path.name != FILE:
        return load_file(path)
    kept, facts = read(path)
    return restored(whole(folder, facts["base"]), kept)
