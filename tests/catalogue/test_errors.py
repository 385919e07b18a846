import re
from pathlib import Path

from course.catalogue.errors import error_codes
from course.lab import commands


def test_every_code_that_a_command_raises_is_in_the_table():
    raised = set(
        re.findall(r'CommandError\(\s*"([A-Z_]+)"', Path(commands.__file__).read_text("utf-8"))
    )
    assert raised and raised <= set(error_codes())


def test_every_code_has_a_status_and_a_first_action():
    for code in error_codes().values():
        assert 400 <= code.http < 600 and code.grpc.isupper() and code.first_action
