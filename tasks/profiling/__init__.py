"""What a data set holds, in figures, and the expectations that follow from them."""
