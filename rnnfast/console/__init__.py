"""What a person sees: progress on stderr, results on stdout. No other part of rnnfast imports rich."""

from rnnfast.console.screen import Screen
from rnnfast.console.training import TrainConsole

__all__ = ["Screen", "TrainConsole"]
