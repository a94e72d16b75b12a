"""Choosing the next token: a pure function of logits, settings, seed and position.

No generator has a state, so a sequence replayed elsewhere from any position gives the same tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

_MASK = (1 << 64) - 1
_COLDEST = 1e-5  # below it logits over temperature overflow, and only the likeliest has mass


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingRules:
    """How a sequence draws its tokens; a temperature of 0 takes the likeliest."""

    temperature: float = 0.0
    top_p: float = 1.0  # (0, 1]
    top_k: int = 0  # 0 is off
    seed: int = 0

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is always taken."""
        return self.temperature < _COLDEST or self.top_k == 1


def uniform(seed: int, position: int) -> float:
    """Return a number in [0, 1) that depends on seed and position alone.

    Source:
        SplitMix64 (Steele, Lea and Flood 2014) applied to seed and position in turn; its upper
        53 bits fill a double's fraction.
    """
    return (_mix(_mix(seed & _MASK) ^ position) >> 11) * 2.0**-53


def _mix(value: int) -> int:
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def sample(logits: Tensor, rules: SamplingRules, position: int) -> int:
    """Choose the token that stands at `position`.

    Args:
        logits: [vocab] float32.
        rules: Temperature and the cuts to top_k and to the nucleus of mass top_p.
        position: Of the chosen token in its sequence.

    Source:
        Nucleus sampling after Holtzman et al. 2020; inverse transform on the kept mass.
    """
    if rules.greedy:
        return int(logits.argmax())
    scores = logits / rules.temperature
    if rules.top_k:
        scores, ids = scores.topk(min(rules.top_k, scores.shape[0]))
    else:
        scores, ids = scores.sort(descending=True, stable=True)
    mass = scores.softmax(0, dtype=torch.float64)
    before = mass.cumsum(0) - mass
    kept = max(1, int((before < rules.top_p).sum()))
    cumulative = mass[:kept].cumsum(0)
    target = uniform(rules.seed, position) * float(cumulative[-1])
    chosen = int(torch.searchsorted(cumulative, target, right=True))
    return int(ids[min(chosen, kept - 1)])
