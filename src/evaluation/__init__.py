"""What a pretrained model can do, in numbers: retrieval, zero-shot classification, a linear probe, and their table."""
