"""Verifies a webhook of Inquest: the signature, and that it is not a recording of long ago. Standard library only.

As a module: `told = verify(secret, headers, body)` in the receiver's handler, with the body's bytes as they came.
As a program, for a look: `python3 verify-webhook.py SECRET ID TIMESTAMP SIGNATURE <body`.
"""
import base64
import hashlib
import hmac
import json
import sys
import time

TOLERANCE_SECONDS = 300


def verify(secret, headers, body, now=None):
    """Gives the event; raises ValueError for what was not sent by the holder of the secret, or not lately."""
    headers = {name.lower(): value for name, value in headers.items()}
    identity, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
    if abs((time.time() if now is None else now) - int(timestamp)) > TOLERANCE_SECONDS:
        raise ValueError("too old, or from the future")
    key = base64.b64decode(secret[len("whsec_"):])
    signed = identity.encode() + b"." + timestamp.encode() + b"." + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    # More than one signature may be there, with blanks between.
    if not any(hmac.compare_digest(expected, each) for each in headers["webhook-signature"].split()):
        raise ValueError("the signature is another one")
    return json.loads(body.decode())


if __name__ == "__main__":
    secret, identity, timestamp, signature = sys.argv[1:]
    headers = {"webhook-id": identity, "webhook-timestamp": timestamp, "webhook-signature": signature}
    print(verify(secret, headers, sys.stdin.buffer.read())["type"])
