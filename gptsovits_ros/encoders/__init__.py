"""Stage 2: what conditions the models besides the phonemes: BERT and HuBERT features."""
