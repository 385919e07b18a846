"""The outside world: machines of `course.dwcp` on real connections. Here asyncio is allowed.

Here so far is AMST over TCP: `sockets` sends, `receiving` takes, `connection` is what they share,
and `kernel` the socket options that they set.
"""
