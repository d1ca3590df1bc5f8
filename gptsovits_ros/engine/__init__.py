"""The engine process: speech synthesis behind a local socket, apart from the node it serves."""
