"""The only reader and writer of weights: official checkpoints, and this project's safetensors form."""
