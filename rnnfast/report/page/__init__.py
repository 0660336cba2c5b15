"""The page itself: one file of HTML with its style, its script, its numbers and the library that draws them."""
