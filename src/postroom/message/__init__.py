"""What a message is: header, MIME structure, addresses, dates, encoded words, the facts Postroom keeps of it. Pure."""

from .addresses import Address, BadAddress, parse_address, parse_list, parse_mailbox
from .base_subject import base_subject
from .binary_parts import NotEncodable, without_binary, without_nul
from .casemap import fold
from .charset import decode_text, python_codec
from .closed_messages import close_global
from .compose import compose_text, encode_body, format_field, format_mailbox, format_raw_field
from .dates import format_date, format_internal_date, parse_date, parse_day, parse_internal_date
from .dsn import Action, DeliveryReport, Dsn, RecipientReport, Returned, compose_dsn
from .encoded_words import decode_field, decode_words, encode_text
from .envelope import wire_envelope
from .facts import Facts, SearchText, SortKeys
from .header import (
    Field,
    HeaderIndex,
    field_selector,
    first_value,
    header_text,
    header_values,
    index_header,
    iter_fields,
    select_fields,
    unfold,
)
from .list_fields import list_fields, list_id, list_ids, posted_header, unsubscribe_fields
from .long_lines import LongLines
from .parts import PartMap, PartNode
from .plain_words import Explanation, explain
from .recoding import NotRecodable, parts_of, recoding
from .recoding_plan import Encoded, Kept, Recoding, Wanted
from .scanner import Scanner
from .search_text import decode_transfer, html_text
from .settings import MessageSettings
from .sort_keys import sort_keys
from .structure import Kind, Part
from .submission import HeaderAddresses, Repair, header_addresses, repair
from .transfer_decoding import Decoder, transfer_decoder
from .transfer_encoding import Encoder, transfer_encoder

__all__ = [
    "Action",
    "Address",
    "BadAddress",
    "Decoder",
    "DeliveryReport",
    "Dsn",
    "Encoded",
    "Encoder",
    "Explanation",
    "Facts",
    "Field",
    "HeaderAddresses",
    "HeaderIndex",
    "Kept",
    "Kind",
    "LongLines",
    "MessageSettings",
    "NotEncodable",
    "NotRecodable",
    "Part",
    "PartMap",
    "PartNode",
    "RecipientReport",
    "Recoding",
    "Repair",
    "Returned",
    "Scanner",
    "SearchText",
    "SortKeys",
    "Wanted",
    "base_subject",
    "close_global",
    "compose_dsn",
    "compose_text",
    "decode_field",
    "decode_text",
    "decode_transfer",
    "decode_words",
    "encode_body",
    "encode_text",
    "explain",
    "field_selector",
    "first_value",
    "fold",
    "format_date",
    "format_field",
    "format_internal_date",
    "format_mailbox",
    "format_raw_field",
    "header_addresses",
    "header_text",
    "header_values",
    "html_text",
    "index_header",
    "iter_fields",
    "list_fields",
    "list_id",
    "list_ids",
    "parse_address",
    "parse_date",
    "parse_day",
    "parse_internal_date",
    "parse_list",
    "parse_mailbox",
    "parts_of",
    "posted_header",
    "python_codec",
    "recoding",
    "repair",
    "select_fields",
    "sort_keys",
    "transfer_decoder",
    "transfer_encoder",
    "unfold",
    "unsubscribe_fields",
    "wire_envelope",
    "without_binary",
    "without_nul",
]
