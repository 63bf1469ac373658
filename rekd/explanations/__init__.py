"""Rationales and attributions of one input, all as `types.Explanation`."""
