"""One request from a connection, for what serves one page and closes.

Owns: reading it. Never: answers. Raises: what the connection raises; who does not speak HTTP is a line in the log.
"""

import logging

from .api import Connection
from .http1 import BadHttp, Message, MessageReader

_log = logging.getLogger("postroom.net")


async def http_request(connection: Connection, *, max_body_octets: int = 0) -> Message | None:
    """The request; None: that was none, or more than the limits allow."""
    reader = MessageReader(max_body_octets=max_body_octets, request=True)
    try:
        while data := await connection.receive():
            if (message := reader.feed(data)) is not None:
                return message
    except BadHttp as error:
        _log.info("%s: %s", connection.peer[0], error)
    return None
