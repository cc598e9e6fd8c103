"""Emotion specialists: TGCA-PVT and its parent LORA, whose local tokens and topics decide the emotion; and WSCNet."""
