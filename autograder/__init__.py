"""What instructors and CI run; see cli.py."""

import sys

# jsonschema, which nbformat needs, would compile a grammar of web addresses at its import, for
# more than a second in each new process. Nothing here checks an address.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
