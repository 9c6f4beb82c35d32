"""What was done to which bytes: a log in which every entry seals the one before, a manifest of hashes, a signature, a time stamp."""

from forensics.custody.hashing import file_sha256, replace_file
from forensics.custody.keys import KEY_VARIABLE, PASSPHRASE_VARIABLE, Signer, find_signer
from forensics.custody.log import LOG, CustodyError, CustodyLog, actor, check_log, read_log
from forensics.custody.manifest import HEAD, MANIFEST, check_manifest, manifest_entries, sum_lines, tables_sha256, write_manifest
from forensics.custody.seal import check_end, check_key, check_seal, check_signature, key_check, seal
from forensics.custody.signature import PUBLIC_KEY, SIGNATURE
from forensics.custody.stamp import REPLY, REQUEST, STAMPED, Requested, check_stamps, keep_reply, read_certificates, write_request

__all__ = [
    "HEAD", "KEY_VARIABLE", "LOG", "MANIFEST", "PASSPHRASE_VARIABLE", "PUBLIC_KEY", "REPLY", "REQUEST", "SIGNATURE", "STAMPED",
    "CustodyError", "CustodyLog", "Requested", "Signer", "actor", "check_end", "check_key", "check_log", "check_manifest", "check_seal",
    "check_signature", "check_stamps", "file_sha256", "find_signer", "keep_reply", "key_check", "manifest_entries", "read_certificates",
    "read_log", "replace_file", "seal", "sum_lines", "tables_sha256", "write_manifest", "write_request",
]  # fmt: skip
