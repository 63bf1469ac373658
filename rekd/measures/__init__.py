"""Measures of rationales and predictions; a person sees each as a `types.Score` with its range and direction."""
