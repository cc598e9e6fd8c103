"""Faces that the project draws itself from facial action units, for controlled studies and tests."""
