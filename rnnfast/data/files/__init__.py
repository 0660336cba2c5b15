"""Files of tables: what they hold, however they are stored, and the cache of parsed ones."""
