"""KCDP: knowledge-aligned counterfactual-enhancement diffusion perception."""
