"""Frozen values that say what is measured; nothing here imports torch."""
