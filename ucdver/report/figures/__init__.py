"""Figures, drawn by matplotlib without a display and without its global state."""
