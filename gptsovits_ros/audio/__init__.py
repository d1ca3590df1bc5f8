"""Waveform helpers: sample formats, joining, resampling, spectrograms, files.

Importing this package imports nothing; `pcm` and `join` need only numpy, the rest needs torch.
"""
