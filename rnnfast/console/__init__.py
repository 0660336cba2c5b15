"""What a person sees: progress on stderr, results on stdout. No other part of rnnfast imports rich."""
