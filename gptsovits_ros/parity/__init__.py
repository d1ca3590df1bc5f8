"""Compare this project with numbers that the official implementation produced (docs/parity.md)."""
