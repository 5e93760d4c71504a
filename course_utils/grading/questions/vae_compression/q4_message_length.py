"""How long a message is: what an entropy coder spends."""
from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.grading.question import Case, Mistake, Question

Symbols = Int[Tensor, " n"]
Tables = Float[Tensor, "n k"]


def cases(rng: np.random.Generator) -> list[Case]:
    """Symbols, each with a table of its own, which holds some zeros where nothing falls."""
    found: list[Case] = []
    for n, k in ((5, 3), (40, 9), (100, 17)):
        tables = rng.dirichlet(np.full(k, 0.7), n) + 0.02
        symbols = (tables.cumsum(1) / tables.sum(1, keepdims=True) < rng.random((n, 1))).sum(1)
        tables[2, (symbols[2] + 1) % k] = 0
        found.append({"symbols": symbols, "tables": tables / tables.sum(1, keepdims=True)})
    return found


def message_bits(symbols: Symbols, tables: Tables) -> float:
    r"""\(-\sum_i \log_2 p_i(s_i)\)."""
    return float(-tables[torch.arange(len(symbols)), symbols].log2().sum())


def _loop(symbols: Symbols, tables: Tables) -> float:
    from math import log2

    bits = 0.0
    for symbol, table in zip(symbols.tolist(), tables.tolist(), strict=True):
        bits += log2(1 / table[symbol])
    return bits


def _gathered(symbols: Symbols, tables: Tables) -> Tensor:
    return -tables.double().gather(1, symbols[:, None]).log().sum() / np.log(2)


def _numpy(symbols: Symbols, tables: Tables) -> float:
    p = tables.numpy()[np.arange(len(symbols)), symbols.numpy()]
    np.log2(p, out=p)
    return float(-p.sum())


def _entropy(tables: Tables) -> Tensor:
    return torch.special.entr(tables).sum(-1) / np.log(2)


def _own_frequencies(symbols: Symbols, tables: Tables) -> Tensor:
    return len(symbols) * _entropy(symbols.bincount() / len(symbols))


QUESTION = Question(
    id="q4", title="How long is a message?", answer="message_bits", points=2, minutes=10,
    hints=(
        "A coder that expects a symbol with probability 1/2 spends one bit on it, with 1/4 two bits, with 1/8 three.",
        "Of each row of the tables only one number matters: the one of the symbol that comes.",
        "Pick those numbers out (one index for rows, one for columns), take the logarithm that counts bits, add up.",
    ),
    reference=message_bits, cases=cases, alternatives=(_loop, _gathered, _numpy),
    mistakes=(
        Mistake("nats", lambda symbols, tables: message_bits(symbols, tables) * np.log(2),
                "That is in nats. A bit is a choice between two: which logarithm counts those?", points=1),
        Mistake("mean", lambda symbols, tables: message_bits(symbols, tables) / len(symbols),
                "That is the mean for one symbol; the message is all of them.", points=1),
        Mistake("sign", lambda symbols, tables: -message_bits(symbols, tables),
                "The sign is turned round: logarithms of probabilities are negative, lengths are not."),
        Mistake("bytes", lambda symbols, tables: message_bits(symbols, tables) / 8, "That is in bytes, not in bits.",
                points=1),
        Mistake("what the tables expect", lambda symbols, tables: _entropy(tables).sum(),
                "That is what the tables expect, their entropy. The message is what happened."),
        Mistake("frequencies of the message", _own_frequencies,
                "That is the entropy of the symbols' own frequencies; the tables are not in it."),
        Mistake("whole bits",
                lambda symbols, tables: -tables[torch.arange(len(symbols)), symbols].log2().floor().sum(),
                "You round each symbol up to whole bits. An entropy coder shares them out between symbols."),
        Mistake("one table for all", lambda symbols, tables: -tables[0, symbols].log2().sum(),
                "One table for all? Each symbol has a table of its own, its row."),
        Mistake("rows and columns", lambda symbols, tables: -tables[:, symbols].log2().mean(0).sum(),
                "is infinite: is something divided by zero?"),
        Mistake("logarithm of the sum",
                lambda symbols, tables: -tables[torch.arange(len(symbols)), symbols].sum().log2(),
                "The logarithm of a sum is not the sum of the logarithms."),
        Mistake("one number a symbol", lambda symbols, tables: -tables[torch.arange(len(symbols)), symbols].log2(),
                "should be one number"),
    ),
)
