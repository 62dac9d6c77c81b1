#!/usr/bin/env bash
# pysnmp 7.1.30 names no cryptography package it needs, and takes the AES mode from a place where cryptography has it in late
# versions only. Beside an older one (44.0.0, which does AES-CFB) it imports without a word, signs as ever, and cannot encrypt:
# an agent built on it (snmpsim) then answers every encrypted request as if the privacy password were wrong
# (usmStatsDecryptionErrors).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
install() { python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target "$dir/$1" pysnmp==7.1.30 pyasn1==0.6.5 "cryptography==$2"; }
install old 44.0.0
install new 50.0.2
cat >"$dir/probe.py" <<'END'
import warnings

warnings.simplefilter("ignore")
from pysnmp.proto import error
from pysnmp.proto.secmod.rfc3414 import service  # first: the modules need each other
from pysnmp.proto.secmod.rfc3826.priv import aes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pyasn1.type import univ

key = bytes(range(16))
Cipher(algorithms.AES(key), modes.CFB(key)).encryptor().update(b"x")  # the library does it
try:
    aes.Aes().encrypt_data(univ.OctetString(key), (1, 1, b""), b"a scoped PDU")
    print("encrypts")
except error.StatusInformation as refusal:
    print("refuses:", refusal["errorIndication"])
END
old=$(PYTHONPATH=$dir/old python3 "$dir/probe.py")
new=$(PYTHONPATH=$dir/new python3 "$dir/probe.py")
echo "beside cryptography 44.0.0: $old"
echo "beside cryptography 50.0.2: $new"
[[ $old == refuses:* && $new == encrypts ]] || { echo "the behaviour has changed"; exit 1; }
