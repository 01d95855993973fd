"""The packed store: a data set's images shrunk once, with everything its owner says of them, in memory-mapped files."""
