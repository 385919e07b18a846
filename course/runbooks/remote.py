"""A served lab as a desk for runbooks: the verbs go over HTTP, as `dwcp-cli` sends them.

`course lab serve` says where it is. What is done stands in the served lab's journal.
"""

from typing import Any

import httpx

from course.faces.served import find
from course.lab.commands import CommandError

WAIT_S = 60.0


class Remote:
    """Implements `course.runbooks.running.Desk`. Raises LookupError if nothing is served there."""

    def __init__(self, url: str = "", token: str = "") -> None:
        if url and not token:
            raise ValueError("an address needs a token; `course lab serve` prints both")
        at = None if url else find()
        self.url, self._token = (at.url, at.token) if at else (url.rstrip("/"), token)
        self.now_s = 0.0
        self.do("cluster status")

    def do(self, verb: str, /, **arguments: Any) -> Any:
        """Carry out a verb there; raises CommandError as the lab itself does."""
        try:
            answer = httpx.post(
                f"{self.url}/lab/do", json={"verb": verb, "arguments": arguments},
                headers={"Authorization": f"Bearer {self._token}"}, timeout=WAIT_S,
            )  # fmt: skip
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise LookupError(f"no lab answers at {self.url} ({error}): course lab serve") from None
        if "error" in body:
            raise CommandError(body["error"]["code"], body["error"]["message"])
        self.now_s = body["now_s"]
        return body["result"]
