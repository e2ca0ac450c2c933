"""What bfloat16 costs in learning: networks trained with products in it beside such trained in float32."""
