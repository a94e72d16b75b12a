"""Gives this folder's tests the lab."""

from tests.lab.fixture import lab

__all__ = ["lab"]
