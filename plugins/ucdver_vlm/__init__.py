"""Vision-language methods: CLIP as it is, fine-tuned, and adapted through its prompts."""
