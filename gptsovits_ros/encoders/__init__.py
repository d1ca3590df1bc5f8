"""Stage 2: what conditions the models besides the phonemes (BERT features, HuBERT content features)."""
