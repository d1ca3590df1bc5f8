"""The only reader and writer of weights: official checkpoints, and our own safetensors form."""
