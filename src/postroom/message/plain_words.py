"""Status codes (RFC 3463) in the words of everyday life.

Owns: what a delivery report tells a person about a code. Never: reads a server's reply text. Raises: nothing.
"""

from typing import NamedTuple


class Explanation(NamedTuple):
    """Why, and what the sender can do about it."""

    why: str
    advice: str


_CHECK_ADDRESS = "Check the address for a typing mistake, or ask the recipient for the right one in some other way."
_ASK_RECIPIENT = "Please tell the recipient in some other way; only they or their mail provider can change this."
_SEND_AGAIN = "You can send the message again later. If that fails too, please tell the recipient in some other way."
_SMALLER = "Try again without attachments, or share large files in some other way."
_FEWER = "Send it to fewer people at once."
_ASK_OURS = "Please pass this report on to the people who run your mail server."

# By subject and detail of the code, the class left out (RFC 3463 §3).
_BY_CODE: dict[str, Explanation] = {
    "1.0": Explanation("there is something wrong with the address", _CHECK_ADDRESS),
    "1.1": Explanation("the address does not exist there", _CHECK_ADDRESS),
    "1.2": Explanation("the part of the address after the @ does not exist or takes no mail", _CHECK_ADDRESS),
    "1.3": Explanation("the address is not written correctly", _CHECK_ADDRESS),
    "1.4": Explanation("the address fits more than one mailbox there", _CHECK_ADDRESS),
    "1.6": Explanation("the recipient has moved and left no new address", _CHECK_ADDRESS),
    "1.7": Explanation("the other server does not like your own address", _ASK_OURS),
    "1.8": Explanation("the other server could not verify your own address", _ASK_OURS),
    "1.10": Explanation("the part of the address after the @ takes no mail at all", _CHECK_ADDRESS),
    "2.0": Explanation("there is something wrong with the recipient's mailbox", _ASK_RECIPIENT),
    "2.1": Explanation("the recipient's mailbox is switched off", _ASK_RECIPIENT),
    "2.2": Explanation("the recipient's mailbox is full", _SEND_AGAIN),
    "2.3": Explanation("the message is larger than the recipient's mailbox allows", _SMALLER),
    "2.4": Explanation("the mailing list at this address could not pass it on", _ASK_RECIPIENT),
    "3.0": Explanation("the other server has a technical problem", _SEND_AGAIN),
    "3.1": Explanation("the other server has no space left", _SEND_AGAIN),
    "3.2": Explanation("the other server takes no messages at the moment", _SEND_AGAIN),
    "3.3": Explanation("the other server lacks an ability that this message needs", _ASK_OURS),
    "3.4": Explanation("the message is larger than the other server allows", _SMALLER),
    "4.0": Explanation("there was a problem on the way to the other server", _SEND_AGAIN),
    "4.1": Explanation("the other server did not answer", _SEND_AGAIN),
    "4.2": Explanation("the connection to the other server broke down", _SEND_AGAIN),
    "4.3": Explanation("the directory of servers (DNS) could not be asked", _SEND_AGAIN),
    "4.4": Explanation("no way to the other server could be found", _CHECK_ADDRESS),
    "4.5": Explanation("the other server was too busy", _SEND_AGAIN),
    "4.6": Explanation("the message was going round in a circle between servers", _ASK_OURS),
    "4.7": Explanation("the other server could not take it within the time set for trying", _SEND_AGAIN),
    "5.0": Explanation("the two servers did not understand each other", _ASK_OURS),
    "5.3": Explanation("the message has more recipients than the other server takes at once", _FEWER),
    "6.0": Explanation("the other server did not like the form of the message", _ASK_OURS),
    "6.7": Explanation("the other server cannot handle addresses with international characters", _ASK_RECIPIENT),
    "6.3": Explanation("the message has a form that the other server cannot take", _ASK_OURS),
    "6.9": Explanation("the other server cannot handle messages with international characters", _ASK_RECIPIENT),
    "7.0": Explanation("the other server refused the message by its own rules", _ASK_RECIPIENT),
    "7.1": Explanation("the other server refused the message by its own rules", _ASK_RECIPIENT),
    "7.2": Explanation("you may not send to this mailing list", _ASK_RECIPIENT),
    "7.26": Explanation("the other server could not verify that the message is from you", _ASK_OURS),
}
_BY_SUBJECT: dict[str, Explanation] = {
    "1": _BY_CODE["1.0"],
    "2": _BY_CODE["2.0"],
    "3": _BY_CODE["3.0"],
    "4": _BY_CODE["4.0"],
    "5": _BY_CODE["5.0"],
    "6": _BY_CODE["6.0"],
    "7": _BY_CODE["7.0"],
}
_UNKNOWN = Explanation("the other server did not say why", _SEND_AGAIN)


def explain(status: str) -> Explanation:
    """Plain words for an enhanced status code such as "5.1.1"."""
    _, _, code = status.partition(".")
    return _BY_CODE.get(code) or _BY_SUBJECT.get(code.partition(".")[0]) or _UNKNOWN
