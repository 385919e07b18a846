import re
from pathlib import Path

from course.catalogue.errors import error_codes
from course.lab import commands


def test_every_code_that_a_command_raises_is_in_the_table():
    texts = [path.read_text("utf-8") for path in Path(commands.__file__).parent.glob("*.py")]
    raised = set(re.findall(r'CommandError\(\s*"([A-Z_]+)"', "".join(texts)))
    assert raised and raised <= set(error_codes())


def test_every_code_has_a_status_and_a_first_action():
    for code in error_codes().values():
        assert 400 <= code.http < 600 and code.grpc.isupper() and code.first_action
