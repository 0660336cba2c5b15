"""Tables, sequences, encoding and splits; the only part of rnnfast that imports pandas."""

from rnnfast.data.disk.parts import StoredPart
from rnnfast.data.encoding import Encoder
from rnnfast.data.parts import Parts
from rnnfast.data.reading import read_table
from rnnfast.data.scaling import Scaler
from rnnfast.data.schema import Schema
from rnnfast.data.sequences import SequenceData
from rnnfast.data.split import split

__all__ = ["Encoder", "Parts", "Scaler", "Schema", "SequenceData", "StoredPart", "read_table", "split"]
