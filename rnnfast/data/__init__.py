"""Tables, sequences, encoding and splits; the only part of rnnfast that imports pandas."""

from rnnfast.data.disk.parts import StoredPart
from rnnfast.data.encoding.encoder import Encoder
from rnnfast.data.encoding.scaling import Scaler
from rnnfast.data.reading import read_table
from rnnfast.data.schema import Schema
from rnnfast.data.sequences import SequenceData
from rnnfast.data.split.parts import Parts
from rnnfast.data.split.split import split

__all__ = ["Encoder", "Parts", "Scaler", "Schema", "SequenceData", "StoredPart", "read_table", "split"]
