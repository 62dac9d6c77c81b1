#!/usr/bin/env bash
# mosquitto 2.0.11 (Debian 12): with acl_file, a subscription to a topic the file does not let the client read is granted in
# the SUBACK, over MQTT 3.1.1 and 5, and nothing ever comes. The dynamic-security plugin refuses it. So whether a client may
# read a topic cannot be learnt from the broker where its rules are a file.
set -euo pipefail
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$dir"' EXIT
chmod 755 "$dir"
cd "$dir"
for package in mosquitto mosquitto-clients libmosquitto1; do
    apt-get download "$package" >/dev/null 2>&1 || { echo "SKIPPED: $package cannot be had"; exit 77; }
done
ls ./*_2.0.11-*.deb >/dev/null
for deb in ./*.deb; do dpkg -x "$deb" root; done
libraries=(root/usr/lib/*-linux-gnu)
export LD_LIBRARY_PATH=${libraries[0]} PATH=$dir/root/usr/sbin:$dir/root/usr/bin:$PATH
port=18790
printf 'listener %s 127.0.0.1\nallow_anonymous true\nacl_file %s/rules\nuser root\n' "$port" "$dir" >broker.conf
printf 'topic readwrite open/#\ntopic write closed/#\n' >rules
mosquitto -c broker.conf >broker.log 2>&1 &
for _ in $(seq 50); do
    ! mosquitto_pub -p "$port" -t open/x -n 2>/dev/null || break
    sleep 0.1
done
for version in mqttv311 mqttv5; do
    # -d shows the SUBACK; closed/# and open/# are asked for, and both are said
    timeout 3 stdbuf -oL mosquitto_sub -d -V "$version" -p "$port" -q 1 -t 'closed/#' -t 'open/#' >heard.txt 2>&1 &
    sub=$!
    for _ in $(seq 50); do
        ! grep -q '^Subscribed' heard.txt 2>/dev/null || break
        sleep 0.1
    done
    mosquitto_pub -p "$port" -q 1 -t closed/x -m secret
    mosquitto_pub -p "$port" -q 1 -t open/x -m news
    wait "$sub" || true
    grep -q '^Subscribed (mid: 1): 1, 1$' heard.txt || { echo "$version: not granted:"; cat heard.txt; exit 1; }
    grep -q '^news$' heard.txt || { echo "$version: nothing came at all"; exit 1; }
    ! grep -q '^secret$' heard.txt || { echo "$version: the rule did not hold"; exit 1; }
done
echo "granted, and silent: a subscription that acl_file denies"
