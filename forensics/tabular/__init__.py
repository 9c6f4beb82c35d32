"""Tables in what people wrote: each value behind the name of its row or column."""

from forensics.tabular.lines import under_heads
from forensics.tabular.rows import Row, laid_out

__all__ = ["Row", "laid_out", "under_heads"]
