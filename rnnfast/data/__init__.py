"""Tables, sequences, scaling and splits; the only part of rnnfast that imports pandas."""

from rnnfast.data.reading import read_table
from rnnfast.data.scaling import Scaler
from rnnfast.data.schema import Schema
from rnnfast.data.sequences import SequenceData
from rnnfast.data.split import Parts, split
from rnnfast.data.storedparts import StoredPart

__all__ = ["Parts", "Scaler", "Schema", "SequenceData", "StoredPart", "read_table", "split"]
