"""What separates two domains, as numbers with intervals."""
