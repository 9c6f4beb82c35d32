"""The lines of a mail log: how one begins and ends, and how those of one message come together.

`log_runs` and `log_lines` give the lines of a log in any form, `head_lines` those that a sniffer sees; `envelope` parts a
line into time, host, program and text, and `daemon_lines` tells those of one mail server from others; `joined` makes one
message of the pieces that a parser found. `Ledger` is a span while it is being read.
"""

from forensics.syslog.containers import unwrapped
from forensics.syslog.daemons import Addresses, Daemons, Ledger, daemon_lines, is_log_of
from forensics.syslog.envelopes import LOGGERS, envelope, lost_messages, repeated
from forensics.syslog.forms import as_plain, head_lines, log_lines, log_runs
from forensics.syslog.heads import found_in_head
from forensics.syslog.joining import AFTER_DATA, Clock, address_end, better_sender, joined, strongest
from forensics.syslog.line_ends import Cut, Recast, decoded, line_runs, lines
from forensics.syslog.pieces import Piece, PieceLedger, whole_number
from forensics.syslog.prefixes import Envelope
from forensics.syslog.stamps import stamp
from forensics.syslog.wrapped import loaded

__all__ = [
    "AFTER_DATA", "LOGGERS", "Addresses", "Clock", "Cut", "Daemons", "Envelope", "Ledger", "Piece", "PieceLedger", "Recast",
    "address_end", "as_plain", "better_sender", "daemon_lines", "decoded", "envelope", "found_in_head",
    "head_lines", "is_log_of", "joined", "line_runs", "lines", "loaded", "log_lines", "log_runs", "lost_messages", "repeated", "stamp",
    "strongest", "unwrapped", "whole_number",
]  # fmt: skip
