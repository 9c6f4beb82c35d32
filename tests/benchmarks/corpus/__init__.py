"""Large invented evidence for benchmarks, streamed to disk as fast as it takes it, the same bytes for the same seed.

Each function writes about `megabytes` (10^6 bytes) and returns how many messages or records the file holds and how many of
them have a copy to the incident's indicator that is in neither To nor Cc. Times rise and ids are unique; a smaller file is
the beginning of a larger one of the same seed, but for the one whose first line tells its length.
"""

from benchmarks.corpus.archives import attachment_mbox, list_mbox, mixed_mbox
from benchmarks.corpus.exim import exim_log, exim_log_of_old
from benchmarks.corpus.logs import postfix_log
from benchmarks.corpus.pdfs import pdf_mbox
from benchmarks.corpus.postmark import postmark_ndjson, postmark_search
from benchmarks.corpus.writing import INDICATOR, MARK, Written

__all__ = [
    "INDICATOR",
    "MARK",
    "Written",
    "attachment_mbox",
    "exim_log",
    "exim_log_of_old",
    "list_mbox",
    "mixed_mbox",
    "pdf_mbox",
    "postfix_log",
    "postmark_ndjson",
    "postmark_search",
]
