"""The network edge: what providers still know of mail, fetched into a folder of evidence. Nothing else opens a socket."""

from forensics.collect.acceptance import RESULT, check
from forensics.collect.asking import KINDS, POSTMARK, Asked, Collected, Progress, StreamRead, Tally
from forensics.collect.postmark_api import postmark
from forensics.collect.secret import AccountToken, Secret, ServerToken
from forensics.collect.wire import CollectError, Pace, Patience, RefusalError, UnansweredError

__all__ = [
    "KINDS", "POSTMARK", "RESULT", "AccountToken", "Asked", "CollectError", "Collected", "Pace", "Patience", "Progress", "RefusalError",
    "Secret", "ServerToken", "StreamRead", "Tally", "UnansweredError", "check", "postmark",
]  # fmt: skip
