"""Tables, sequences, encoding and splits; the only part of rnnfast that imports pandas."""

from rnnfast.data.columns.schema import Schema
from rnnfast.data.encoding.encoder import Encoder
from rnnfast.data.encoding.scaling import Scaler
from rnnfast.data.reading.opening import read_table
from rnnfast.data.sequences.base import Sequences
from rnnfast.data.sequences.data import SequenceData
from rnnfast.data.splitting.parts import Parts
from rnnfast.data.splitting.split import split

__all__ = ["Encoder", "Parts", "Scaler", "Schema", "SequenceData", "Sequences", "read_table", "split"]
