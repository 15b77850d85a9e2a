"""Whether dashboards are formatted so that a change shows as what it is; with --write, formats them.

    python tests/grafana/format.py --write deploy/grafana/dashboards/*.json
"""

import json
import pathlib
import sys

from compact_json import Formatter

FORM = Formatter(
    indent_spaces=2,
    # What fits in a line stands in a line; what is longer has a line for each part.
    max_inline_length=118,
    max_inline_complexity=3,
    max_compact_list_complexity=0,
    # No columns: they would change the lines around a change.
    table_dict_minimum_similarity=101,
    table_list_minimum_similarity=101,
    dont_justify_numbers=True,
    nested_bracket_padding=False,
    omit_trailing_whitespace=True,
    ensure_ascii=False,
)

arguments = sys.argv[1:]
write = "--write" in arguments
differing = []
for path in (pathlib.Path(name) for name in arguments if name != "--write"):
    text = path.read_text(encoding="utf-8")
    content = json.loads(text)
    formatted = FORM.serialize(content) + "\n"
    assert json.loads(formatted) == content, f"{path}: formatting would change the content"
    if formatted != text:
        differing.append(path.name)
        if write:
            path.write_text(formatted, encoding="utf-8")
if differing and not write:
    sys.exit(f"{', '.join(differing)}: run tests/grafana/format.py --write with the Python of target/tools")
