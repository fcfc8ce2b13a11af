"""What is acknowledged stays: a synced append-only log, and the home folder with its format and its locks.

A journal takes facts, predictions and labels as they come, acknowledges each once it is on the medium, and keeps it
until the lake has it. It survives ``kill -9`` and a power cut at any instant; keys make a repeated append count once.
"""

from hindcast.journal.durable import make_folder, replace_file, sync_folder
from hindcast.journal.home import Home
from hindcast.journal.journal import Journal, Record
from hindcast.journal.locks import Lock
from hindcast.journal.reader import Reader
from hindcast.journal.segments import Entry

__all__ = ["Entry", "Home", "Journal", "Lock", "Reader", "Record", "make_folder", "replace_file", "sync_folder"]
