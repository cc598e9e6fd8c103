"""TGCA-PVT and its parent LORA: a pyramid vision transformer whose local tokens and topics decide the emotion."""
