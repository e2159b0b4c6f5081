"""The page behind the link in List-Unsubscribe: one POST leaves the list (RFC 8058), a GET only shows a button.

Owns: the request's reading and the answer. Never: listens or speaks HTTP itself (policy_host.py does), believes
anything but the token. Raises: what the directory raises.
"""

import html
import re
from urllib.parse import urlsplit

from postroom.accounts import Lists
from postroom.net import HttpMessage, http_response

MAX_BODY_OCTETS = 4096  # of a request, which holds one short field
_TEXT = {"Content-Type": "text/plain; charset=utf-8"}
_HTML = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; form-action 'self'",
    "Referrer-Policy": "no-referrer",
}
_TOKEN = re.compile(r"[0-9a-z-]{1,64}")
# RFC 8058 §3.2: multipart/form-data, or application/x-www-form-urlencoded
_ONE_CLICK = re.compile(
    rb"(?:\A|&)List-Unsubscribe=One-Click(?:&|\s*\Z)"
    rb'|name="?List-Unsubscribe"?[^\r\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\nOne-Click\r?\n',
    re.IGNORECASE,
)
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Leave the list</title>
<p>{member} is on the list {address}.</p>
<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click"><button>Leave</button></form>
"""


class UnsubscribePage:
    """`answer` a request below the path of the setting accounts.unsubscribe_url."""

    max_body_octets = MAX_BODY_OCTETS

    def __init__(self, lists: Lists, url: str) -> None:
        self._lists = lists
        self._path = urlsplit(url).path.rstrip("/") + "/" if url else ""

    async def answer(self, request: HttpMessage) -> bytes | None:
        """The response; None: it is not for this page."""
        path = request.target.partition("?")[0]
        if not self._path or not path.startswith(self._path):
            return None
        if request.method not in ("GET", "POST"):
            return http_response(405, "Method Not Allowed", {"Allow": "GET, POST"})
        token = path.removeprefix(self._path)
        member = await self._lists.member_by_token("unsubscribe", token) if _TOKEN.fullmatch(token) else None
        to = await self._lists.by_id(member.list_id) if member is not None else None
        if member is None or to is None:
            return http_response(404, "Not Found", _TEXT, b"You are not on that list, or not any more.\n")
        if request.method == "GET":  # RFC 8058 §3.2: whoever only looks at links does not unsubscribe anybody
            page = _PAGE.format(member=html.escape(member.address), address=html.escape(to.address))
            return http_response(200, "OK", _HTML, page.encode())
        if len(request.body) > MAX_BODY_OCTETS:
            return http_response(413, "Content Too Large", _TEXT)
        if not _ONE_CLICK.search(request.body):
            return http_response(400, "Bad Request", _TEXT, b"List-Unsubscribe=One-Click is missing.\n")
        await self._lists.remove_member(member)
        return http_response(200, "OK", _TEXT, f"You have left {to.address}.\n".encode())
