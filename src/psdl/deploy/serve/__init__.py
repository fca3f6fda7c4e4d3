"""HTTP requests -> the detector -> JSON: bounded in every direction, models replaced while it answers."""
