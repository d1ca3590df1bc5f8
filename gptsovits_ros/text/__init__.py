"""Text to phonemes: normalisation, pronunciation, language pieces and splitting."""
