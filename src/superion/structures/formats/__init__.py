"""What is read, one file for each form: readers are asked in turn whether a file is theirs."""

from superion.structures.formats.base import Reader, Source
from superion.structures.formats.registry import FORMATS, READERS, open_stream, reader_of

__all__ = ["FORMATS", "READERS", "Reader", "Source", "open_stream", "reader_of"]
