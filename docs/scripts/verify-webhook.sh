#!/usr/bin/env bash
# Verifies a webhook of Inquest with openssl:   verify-webhook.sh ID TIMESTAMP SIGNATURE <body
# The secret (whsec_…) is in $INQUEST_WEBHOOK_SECRET. Ends with 0 when the body was sent by its holder within the last five minutes.
set -euo pipefail
id=$1 timestamp=$2 signature=$3
age=$(($(date +%s) - timestamp))
((age > -300 && age < 300)) || { echo "too old, or from the future" >&2; exit 1; }
key=$(printf %s "${INQUEST_WEBHOOK_SECRET#whsec_}" | base64 -d | od -An -v -tx1 | tr -d ' \n')
expected=v1,$({ printf '%s.%s.' "$id" "$timestamp"; cat; } | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)
for each in $signature; do [[ $each == "$expected" ]] && exit 0; done
echo "the signature is another one" >&2
exit 1
