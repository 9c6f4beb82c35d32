"""Benchmark of the leak scanner: how many planted secrets it finds, in which wrapping, and how often it errs on ordinary mail.

Three sets of templates, written apart. The set for tuning, `development`, speaks as one company's IT desk and its services:
formal notices, `KEY=value` blocks, Outlook-like HTML, passwords from random characters. The set for the last word, `final`,
speaks as freelancers, shops, schools and families: other sentences in each language, YAML, JSON and shell blocks, definition
lists and newsletter HTML, pronounceable passwords, other services and forms of their tokens, other senders and boundaries. A
second set for tuning, `practice`, speaks as wards, chambers, town halls, hauliers, clubs and the programs that write to them, in
thirty languages. They share the mechanics only: check digits, MIME and file formats. A test proves that they share no sentence.
None was written with a look at the rules.
"""
