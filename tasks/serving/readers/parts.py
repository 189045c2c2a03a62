"""The parts of a multipart/form-data body, within limits of their number and of their headers."""

from __future__ import annotations

from dataclasses import dataclass, field

from tasks.serving.refusal import Refusal

MOST_HEADERS = 8
LONGEST_HEADERS = 4_096
FORM = "Send it as `curl -F name=value` and browsers do."


@dataclass
class Part:
    """One part: its name, whether it was sent as a file, and its bytes."""

    name: str = ""
    is_file: bool = False
    data: bytearray | bytes = b""
    headers: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])

    def text(self) -> str:
        """Its text. Raises Refusal."""
        try:
            return self.data.decode()
        except UnicodeDecodeError as exc:
            what = f"The part “{self.name[:100]}” is no text"
            raise Refusal(422, what, row=0, field=self.name, expected="a text in UTF-8", found="other bytes") from exc


def parts_of(body: bytes, content_type: bytes, most: int) -> list[Part]:
    """The parts of a body, in order; at most so many. Raises Refusal."""
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser, parse_options_header

    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    reading = _Reading(most)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": reading.begin,
                "on_header_field": reading.header_name,
                "on_header_value": reading.header_value,
                "on_header_end": reading.header_end,
                "on_headers_finished": reading.headers_end,
                "on_part_data": reading.data,
                "on_part_end": reading.end,
                "on_end": reading.finish,
            },
            max_header_count=MOST_HEADERS,
            max_header_size=LONGEST_HEADERS,
        )
        parser.write(body)
        parser.finalize()
    except FormParserError as exc:
        raise _malformed(str(exc)) from exc
    if not reading.is_complete:
        raise _malformed("no end" if boundary else "no boundary in the content type")
    return reading.parts


class _Reading:
    """What the parser has found so far."""

    def __init__(self, most: int) -> None:
        self.parts: list[Part] = []
        self.is_complete = False
        self._most = most
        self._part = Part()
        self._name = self._value = b""

    def begin(self) -> None:
        if len(self.parts) >= self._most:
            raise Refusal(413, "Too many parts", expected=f"at most {self._most}, one a column", action=FORM)
        self._part = Part(data=bytearray())

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        self._part.headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def headers_end(self) -> None:
        from python_multipart.multipart import parse_options_header

        disposition, options = parse_options_header(self._part.headers.get(b"content-disposition"))
        if disposition != b"form-data" or b"name" not in options:
            raise _malformed("a part without a name")
        try:
            name = options[b"name"].decode()
        except UnicodeDecodeError as exc:
            raise _malformed("a name that is not UTF-8") from exc
        # So browsers write what would end the name (https://html.spec.whatwg.org/#multipart-form-data).
        for escaped, character in (("%22", '"'), ("%0D", "\r"), ("%0A", "\n")):
            name = name.replace(escaped, character)
        self._part.name, self._part.is_file = name, b"filename" in options

    def data(self, data: bytes, start: int, end: int) -> None:
        self._part.data += data[start:end]

    def end(self) -> None:
        self._part.data = bytes(self._part.data)
        self.parts.append(self._part)

    def finish(self) -> None:
        self.is_complete = True


def _malformed(found: str) -> Refusal:
    return Refusal(400, "The body is not multipart/form-data", expected="a part a column", found=found, action=FORM)
