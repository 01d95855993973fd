"""The sizes of a small model of BERT's family, as its Hugging Face configuration names them."""

SIZES = {
    "vocab_size": 2048,
    "hidden_size": 32,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 66,
}
