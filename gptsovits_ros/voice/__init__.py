"""Voices: folders on disk that hold or name everything a voice needs."""
