#!/bin/sh
# Puts a new certificate where relaykeeper reads it: to be run by certbot (--deploy-hook) or lego (--deploy-hook, in version 4
# --run-hook and --renew-hook), as root. relaykeeper sees the files change; nothing is to be restarted or signalled. docs/tls.md says more.
set -eu
folder=${RELAYKEEPER_CERTIFICATE_FOLDER:-/etc/relaykeeper}
group=${RELAYKEEPER_GROUP:-relaykeeper}

if [ -n "${RENEWED_LINEAGE:-}" ]; then
  certificate=$RENEWED_LINEAGE/fullchain.pem key=$RENEWED_LINEAGE/privkey.pem
else
  certificate=${LEGO_HOOK_CERT_PATH:-${LEGO_CERT_PATH:?run by neither certbot nor lego}}
  key=${LEGO_HOOK_CERT_KEY_PATH:-${LEGO_CERT_KEY_PATH:?run by neither certbot nor lego}}
fi

# Beside the old ones first: what relaykeeper reads is always whole.
install -m 0644 "$certificate" "$folder/fullchain.pem.new"
install -m 0640 -g "$group" "$key" "$folder/key.pem.new"
mv "$folder/key.pem.new" "$folder/key.pem"
mv "$folder/fullchain.pem.new" "$folder/fullchain.pem"
