"""Ways of carrying out runs."""
