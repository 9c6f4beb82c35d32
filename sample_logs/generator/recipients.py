"""Who gets a blind copy, and what a run must say of it."""

from __future__ import annotations

PHAN, SUB = "phan@giftshop.club", "x@mx.giftshop.club"  # the public indicator, and a name below its domain
COLLECTOR = "mail-archive@collector.example"  # where the shop's bad library copies to
BOOKS, FREELANCE = "bookkeeping@ledger-partner.example", "assistant@freelance-desk.example"
LOOKALIKE = "jonas.weiss@acrne.example"
VAULT, CRM, AUDIT = "acme@vault-archive.example", "8841@bcc.crm-dropbox.example", "quality@audit-office.example"
PARTNER, JOURNAL = "desk@partner-logistics.example", "journal@acme.example"
VERDICTS = {  # every unexpected recipient, and the verdict on mail that it got
    PHAN: "confirmed",
    SUB: "confirmed",
    COLLECTOR: "probable",
    BOOKS: "possible",
    FREELANCE: "possible",
    LOOKALIKE: "possible",
}
