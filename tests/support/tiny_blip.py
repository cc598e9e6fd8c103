"""BLIP-2 and InstructBLIP of random weights, a few kB each, written as the hub's are."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import (
    BertTokenizerFast,
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    BlipImageProcessor,
    InstructBlipConfig,
    InstructBlipForConditionalGeneration,
    InstructBlipProcessor,
    OPTConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    T5Config,
)

WORDS = ["<pad>", "<s>", "</s>", "<unk>", *"abcdefghij", "dog", "cat", "what", "is", "there", "?", ".", "JSON"]
SIZES = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
VISION = {**SIZES, "image_size": 32, "patch_size": 8}
QUERIES = 3


def write_blip2(folder: Path) -> Path:
    """Write a BLIP-2 whose language model goes on from its prompt (OPT)."""
    text = OPTConfig(
        vocab_size=len(WORDS) + 1,
        hidden_size=16,
        ffn_dim=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        word_embed_proj_dim=16,
        max_position_embeddings=512,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    config = Blip2Config(
        vision_config=VISION,
        qformer_config={**SIZES, "encoder_hidden_size": 16, "cross_attention_frequency": 1},
        text_config=text.to_dict(),
        num_query_tokens=QUERIES,
        image_token_index=len(WORDS),
    )
    _save(Blip2ForConditionalGeneration, config, folder, seed=3)
    Blip2Processor(_pictures(), _tokenizer(), num_query_tokens=QUERIES).save_pretrained(folder)
    return folder


def write_instructblip(folder: Path) -> Path:
    """Write an InstructBLIP whose language model has an encoder (T5), as the release's has."""
    text = T5Config(
        vocab_size=len(WORDS) + 1,
        d_model=16,
        d_kv=8,
        d_ff=16,
        num_layers=1,
        num_heads=2,
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=2,
    )
    config = InstructBlipConfig(
        vision_config=VISION,
        qformer_config={**SIZES, "encoder_hidden_size": 16, "cross_attention_frequency": 1, "vocab_size": 40},
        text_config=text.to_dict(),
        num_query_tokens=QUERIES,
        image_token_index=len(WORDS),
    )
    _save(InstructBlipForConditionalGeneration, config, folder, seed=6)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghij", "what", "is", "there", "json", "?"]
    vocabulary = folder / "bert"
    vocabulary.mkdir()
    (vocabulary / "vocab.txt").write_text("\n".join(words) + "\n")
    asked = BertTokenizerFast.from_pretrained(vocabulary)
    InstructBlipProcessor(_pictures(), _tokenizer(), asked, num_query_tokens=QUERIES).save_pretrained(folder)
    return folder


def _save(kind: type[PreTrainedModel], config: PreTrainedConfig, folder: Path, seed: int = 0) -> None:
    """Write a model whose weights are large enough that it looks somewhere, and says something else each time."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        model = kind(config)
        for weight in model.parameters():
            weight.normal_(0, 0.5)
        model.save_pretrained(folder)


def _pictures() -> BlipImageProcessor:
    return BlipImageProcessor(size={"height": 32, "width": 32})


def _tokenizer() -> PreTrainedTokenizerFast:
    words = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        unk_token="<unk>",
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        model_max_length=100,
    )
