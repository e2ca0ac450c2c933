"""One masked model along orders from left to right to uniform, and how much a sequence's likelihood depends on them."""
