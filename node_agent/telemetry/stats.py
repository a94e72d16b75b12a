"""What a stage has done, counted by its engine and read by any thread."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

_RECENT = 1024


@dataclass(slots=True)
class StageStats:
    """Counters since the process began, and the latest durations; times are monotonic seconds."""

    active: int = 0
    steps: int = 0
    rows: int = 0
    tokens: int = 0
    compute_seconds: float = 0.0
    last_token_at: float | None = None
    step_seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    token_gap_seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    _gap_from: float | None = None

    def count_step(self, rows: int, seconds: float) -> None:
        """Add a forward pass."""
        self.steps += 1
        self.rows += rows
        self.compute_seconds += seconds
        self.step_seconds.append(seconds)

    def count_tokens(self, tokens: int, now: float) -> None:
        """Add tokens sampled in one step at `now`; the gap runs from the step before."""
        if not tokens:
            return
        if self._gap_from is not None:
            self.token_gap_seconds.append(now - self._gap_from)
        self.tokens += tokens
        self.last_token_at = self._gap_from = now

    def count_active(self, sequences: int) -> None:
        """Note how many sequences there are; time without any is no gap between tokens."""
        self.active = sequences
        if not sequences:
            self._gap_from = None
