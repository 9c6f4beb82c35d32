"""What the printed report says in every case: conclusions, the method, its words and its limits."""

from __future__ import annotations

__all__ = ["LABELS", "LIMITS", "METHOD", "ONGOING", "TERMS"]

# conclusion -> tone, title, what it means
LABELS = {
    "exposure_shown": ("shown", "Exposure shown", "Records show that at least one message may have reached somebody who should not have received it. Where coverage is less than complete, the figures are the least that happened."),
    "compromised_extent_unknown": ("unclear", "Compromised, extent unknown", "There are signs that the compromised way was used, and no record of who received a copy. How much was copied out cannot be told from this evidence."),
    "none_seen_covered": ("calm", "None seen in the records, and the records cover the window", "This holds for the sources below and for nothing else: it is no finding that nothing happened."),
    "cannot_tell": ("unclear", "Cannot tell", "The evidence does not reach far enough for an answer: that nothing was found means nothing. The coverage below says which records to get."),
}  # fmt: skip
ONGOING = {"yes": "Still going on: yes.", "no": "Still going on: no."}


METHOD = "For each message that our side submitted, the recipients that logs name are compared with those that its header names. Whoever received a copy and stands in neither To nor Cc was blind-copied; whether that was expected is decided from the incident's indicators, the organisation's policy and the recipient's pattern of use."
TERMS = {
    "confirmed": "a log says that an indicator of the incident was addressed with this message",
    "probable": "an unknown recipient with the pattern of an exfiltration address; its reasons give the figures",
    "fetched": "delivered, and an open or click was logged; proxies fetch too, so no proof that a person read it",
    "delivered": "the receiving server took this copy; a later bounce does not undo it",
    "accepted": "handed over for this recipient without a last word, or refused after its content had left",
    "covered": "completeness is proven, by the source's own count or by unbroken rotation; less than that is partial",
    "window": "bounds behaviour only; a message without a date counts as inside, and an indicator counts at any date",
}  # fmt: skip
LIMITS = (
    "Nothing found is no proof that nothing happened: a silence is worth as much as the coverage behind it.",
    "A delivered copy never shows a Bcc: mailboxes cannot answer who else received one.",
    "Mail sent through a provider's API never passes the organisation's own servers: their logs are silent on it.",
    "Logs and exports are taken as they were handed over. Hashes prove that they did not change since then, not before.",
    "Rules find the credentials and personal data they know. Images and encrypted parts are not read.",
    "Letters that the fonts of this page lack, and letters written from right to left, stand as code points: [U+4E2D]. The CSV files have them as they are.",
    "An extract for reading: the CSV files below hold every row. Remarks and decisions on record stand in decisions.csv.",
    "This report states facts found in evidence and how they were found. It is not legal advice, and claims no certification.",
)  # fmt: skip
