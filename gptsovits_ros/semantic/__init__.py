"""Stage 3: phonemes and a prompt become semantic tokens (the GPT, gptsovits-spec section 6)."""
