"""What Acme Instruments expects of its own mail, as policy.toml."""

from __future__ import annotations

from .company import OWN, SERVER
from .dates import END, zulu
from .recipients import AUDIT, CRM, JOURNAL, PARTNER, VAULT

POLICY = f"""# What Acme Instruments expects of its own mail; an invented organisation.
[organisation]
name = "Acme Instruments"
domains = ["{OWN}"]

[window]
end = {zulu(END)} # postmark-mcp was removed from the agents' machine

[[expected]]
address = "{JOURNAL}"
reason = "own journal"

[[expected]]
address = "{VAULT}"
reason = "external archive, contract of 2023"

[[expected]]
address = "{CRM}"
reason = "drop box of the CRM"

[[expected]]
address = "{PARTNER}"
reason = "carrier, sees every shipment"
role = "any"

[[expected]]
address = "{AUDIT}"
reason = "auditor of the quality department"

[[servers]]
provider = "postmark"
server = "{SERVER}"
streams = ["outbound"]

[[servers]]
provider = "postmark"
server = "4711002" # newsletter: nobody has an export of it

[case]
number = "ACME-2025-017"
custodian = "Eva Lund"
role = "controller"
discovered_at = 2025-09-26T11:20:00Z
aware_at = 2025-09-26T14:00:00Z
contact = "security@acme.example"
"""
