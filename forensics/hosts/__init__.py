"""When was a machine exposed: traces of a bad package on disks, in npm's caches and logs, lock files and MCP clients."""

from forensics.hosts.answers import as_json, policy_text, tables, told
from forensics.hosts.githistory import GitLimits
from forensics.hosts.sightings import Event, Kind, Sighting, State
from forensics.hosts.surveying import CANNOT_SEE, HostLimits, HostRoot, HostSeen, Survey, host_root, survey
from forensics.hosts.windows import Exposure, exposures

__all__ = [
    "CANNOT_SEE", "Event", "Exposure", "GitLimits", "HostLimits", "HostRoot", "HostSeen", "Kind", "Sighting", "State", "Survey",
    "as_json", "exposures", "host_root", "policy_text", "survey", "tables", "told",
]  # fmt: skip
