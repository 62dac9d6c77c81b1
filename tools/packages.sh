# shellcheck shell=bash
# Debian packages: to build and run the platform, and what else a broker, the tests and lint need.
RUN_PACKAGES=(gcc libc6-dev cmake ninja-build pkg-config curl
    libcjson-dev libcurl4-openssl-dev libsqlite3-dev libcbor-dev libyaml-dev zlib1g-dev liblua5.4-dev
    libpaho-mqtt-dev libpcre2-dev libssl-dev)
SPLIT_PACKAGES=(mosquitto)
BENCH_PACKAGES=(libmicrohttpd-dev libmodbus-dev)
TEST_PACKAGES=(mosquitto mosquitto-clients mosquitto-dev influxdb openssl libcunit1-dev clang libclang-rt-14-dev llvm
    python3-yaml python3-jsonschema nginx-light snmpd snmp libmodbus-dev)
LINT_PACKAGES=(clang clang-format clang-tidy shellcheck libcunit1-dev)
PACKAGE_PACKAGES=(dpkg-dev)
ARM64_PACKAGES=(gcc-aarch64-linux-gnu qemu-user-static)
