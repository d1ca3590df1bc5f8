"""Training of both models: from nothing at any width, or on from a checkpoint (gptsovits-spec section 10).

A process of its own: `python -m gptsovits_ros.training`. Progress leaves it as JSON lines.
"""
