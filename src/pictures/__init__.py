"""What a run did, in pictures: each function draws one PNG."""
