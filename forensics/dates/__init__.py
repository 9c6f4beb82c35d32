"""Times: exact formats first, clocks hidden in queue ids, and the year and zone that a log does not write."""

from forensics.dates.clocks import FileClock, infer_clock
from forensics.dates.mail import mail_time
from forensics.dates.moments import UNKNOWN_ZONE, iso_time, readable, zulu
from forensics.dates.queue_ids import postfix_long_id_time

__all__ = ["UNKNOWN_ZONE", "FileClock", "infer_clock", "iso_time", "mail_time", "postfix_long_id_time", "readable", "zulu"]
