"""Training of both models: from nothing at any width, or on from a checkpoint.

gptsovits-spec section 10. It is a process of its own, `python -m gptsovits_ros.training`;
progress leaves it as JSON lines.
"""
