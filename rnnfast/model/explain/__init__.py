"""What answers of a model follow from: attributions of single answers, importance over a whole table."""
