"""A pretrained masked model of antibodies: its likelihood by order, and its infilling by rule."""
