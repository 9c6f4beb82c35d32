"""The lines of a mail log: how one begins and ends, and how those of one message come together.

`log_runs` and `log_lines` give the lines of a log in any form, `head_lines` those that a sniffer sees; `envelope` parts a
line into time, host, program and text; `joined` makes one message of the pieces that a parser found.
"""

from forensics.syslog.envelopes import LOGGERS, envelope, lost_messages, repeated
from forensics.syslog.forms import head_lines, log_lines, log_runs
from forensics.syslog.joining import AFTER_DATA, Clock, address_end, better_sender, joined, strongest
from forensics.syslog.line_ends import Cut, Recast, decoded, line_runs, lines
from forensics.syslog.prefixes import Envelope
from forensics.syslog.stamps import stamp

__all__ = [
    "AFTER_DATA", "LOGGERS", "Clock", "Cut", "Envelope", "Recast", "address_end", "better_sender", "decoded", "envelope",
    "head_lines", "joined", "line_runs", "lines", "log_lines", "log_runs", "lost_messages", "repeated", "stamp", "strongest",
]  # fmt: skip
