"""How a migration may end before its time. The texts are for the operator."""


class Failed(Exception):
    """A stage could not be done."""


class Cancelled(Exception):
    """A person ended it; the text is the reason that was given."""


class Lost(Exception):
    """Half a guest on either side is no guest."""
