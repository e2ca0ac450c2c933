"""Whether the order of decoding resembles that of a human solver."""
