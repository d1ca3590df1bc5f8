"""Stage 4: semantic tokens become a waveform (the SoVITS half, gptsovits-spec section 7)."""
