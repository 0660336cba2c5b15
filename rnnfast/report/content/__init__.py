"""What a page says and draws, as plain records: texts, tables and at most 500 points a curve."""
