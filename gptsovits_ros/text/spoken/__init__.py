"""Text as a native reader says it, one module per language; all share `common.find_pieces`."""
