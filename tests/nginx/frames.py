"""Frames of Processor.Process by hand, without generated code."""


def _varint(number):
    encoded = b""
    while number >= 128:
        encoded += bytes([number % 128 + 128])
        number //= 128
    return encoded + bytes([number])


def _bytes_field(number, value):
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def messages(first, count, payload):
    """A request with messages of sequence `first` and on."""
    return b"".join(
        _bytes_field(2, b"\x08" + _varint(sequence) + _bytes_field(2, payload))
        for sequence in range(first, first + count)
    )


def open_session(session_id, token):
    """A request with Open only."""
    return _bytes_field(1, _bytes_field(1, session_id) + _bytes_field(2, token))


def _read_varint(data, at):
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return number, at


def _fields(data):
    """Yields (number, value) of each field; of varints and lengths only."""
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        value, at = _read_varint(data, at)
        if tag & 7 == 2:
            value, at = data[at : at + value], at + value
        yield tag >> 3, value


def result_sequences(response):
    """Returns the sequences of a response's results."""
    return [
        dict(_fields(result)).get(1, 0) for number, result in _fields(response) if number == 2
    ]
