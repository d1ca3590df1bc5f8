"""From recordings of a person to what a voice needs: a prompt, references, and what is said.

decode -> denoise -> activity, quality, speakers -> slices -> selection -> transcript -> plan.
"""
