#!/usr/bin/env bash
# The Debian packages: the same bits wherever they are built, for arm64 too; and, in a container, as a user
# has them: install, run, upgrade over a changed configuration, a driver built against the SDK's package,
# remove, purge. Exit code 77: skipped, no Docker works here.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

packages_build() {
    local revision
    mkdir "$SCRATCH/1" "$SCRATCH/2"
    for revision in 1 2; do
        EDGEX_REVISION=$revision package "$SOURCE" "$SCRATCH/$revision"
    done
}

package() { # package SOURCE OUTPUT [OPTION...]
    "$1/edgex" package --output "$2" "${@:3}" >"$SCRATCH/build.log" 2>&1 ||
        { tail -n 40 "$SCRATCH/build.log"; fail "./edgex package ${*:3}"; }
}

# The same sources elsewhere, by another user's rules, without a cache: the same bits.
test_reproducible() {
    mkdir "$SCRATCH/elsewhere" "$SCRATCH/again"
    git -C "$SOURCE" ls-files -z | (cd "$SOURCE" && xargs -0 cp --parents -t "$SCRATCH/elsewhere")
    GIT_DIR=$(git -C "$SOURCE" rev-parse --absolute-git-dir) EDGEX_REVISION=1 CCACHE_DISABLE=1 TZ=Asia/Tokyo LC_ALL=C.UTF-8 \
        package "$SCRATCH/elsewhere" "$SCRATCH/again"
    (cd "$SCRATCH/1" && for file in *; do cmp "$file" "../again/$file"; done) || fail "other bits from the same sources"
    rm -rf "$SCRATCH/elsewhere"
}

# Cross-built: programs for arm64 that run, and the same package otherwise.
test_arm64() {
    local file program
    mkdir "$SCRATCH/arm64"
    if ! "$SOURCE/edgex" package --arch arm64 --output "$SCRATCH/arm64" >"$SCRATCH/build.log" 2>&1; then
        if grep -q 'cannot be had\|could not be installed' "$SCRATCH/build.log"; then
            say "SKIPPED: no cross packages: nothing was built for arm64" >&2
            return 0
        fi
        tail -n 40 "$SCRATCH/build.log"
        fail "./edgex package --arch arm64"
    fi
    for file in "$SCRATCH"/arm64/*.deb; do
        [ "$(dpkg-deb -f "$file" Architecture)" = arm64 ] || fail "$file is not for arm64"
    done
    file=$(echo "$SCRATCH"/arm64/edgex_*.deb)
    [ "$(dpkg-deb -f "$file" Depends)" = "$(dpkg-deb -f "$SCRATCH"/1/edgex_*.deb Depends)" ] ||
        fail "arm64 depends on other packages: $(dpkg-deb -f "$file" Depends)"
    dpkg-deb -x "$file" "$SCRATCH/arm64/root"
    diff <(package_files "$file") <(package_files "$SCRATCH"/1/edgex_*.deb) || fail "arm64 has other files"
    for program in "$SCRATCH"/arm64/root/usr/bin/*; do
        qemu-aarch64-static -L "$SOURCE/build/arm64/sysroot" "$program" --version >/dev/null || fail "$program does not run"
    done
}

package_files() { dpkg-deb --fsys-tarfile "$1" | tar -t | sort; }

# Runs in the container; set -e ends it, set -x tells where.
life_of_a_package() {
    cat <<'INNER'
set -eux
apt-get update -q
apt-get install -yq --no-install-recommends /packages/1/edgex_*.deb
test "$(stat -c '%U %a' /var/lib/edgex)" = "edgex 750"
test -L /etc/systemd/system/multi-user.target.wants/edgexd.service
setpriv --reuid edgex --regid edgex --clear-groups env EDGEX_CONFIG_DIR=/etc/edgex EDGEX_DATA_DIR=/var/lib/edgex \
    edgexd >/tmp/log 2>&1 &
pid=$!
n=0
until EDGEX_CONFIG_DIR=/etc/edgex edgexd --health; do n=$((n + 1)); test $n -lt 100; sleep 0.1; done
kill $pid
wait $pid
test -s /var/lib/edgex/core-data/core-data.db
echo '# mine' >>/etc/edgex/core-data/configuration.yaml
apt-get install -yq --no-install-recommends /packages/2/edgex_*.deb
grep -qx '# mine' /etc/edgex/core-data/configuration.yaml
test -s /var/lib/edgex/core-data/core-data.db
apt-get install -yq --no-install-recommends gcc cmake make pkg-config file dpkg-dev /packages/2/edgex-device-sdk-dev_*.deb
doc=/usr/share/doc/edgex-device-sdk-dev
test -s $doc/driver-manual.md
test -s $doc/tutorial-driver.md
cc -o /tmp/hello $doc/examples/device-hello/device_hello.c $(pkg-config --cflags --libs edgex-device-sdk)
/tmp/hello --version
cp -r $doc/examples/device-example /tmp/example
cmake -S /tmp/example -B /tmp/example/build -DCMAKE_C_FLAGS=-Werror
cmake --build /tmp/example/build
ctest --test-dir /tmp/example/build --output-on-failure
/tmp/example/build/device-example --version
(cd /tmp/example/build && cpack -G DEB)
apt-get install -yq --no-install-recommends /tmp/example/build/device-example-*.deb
device-example --version
test -s /etc/edgex/device-example/profiles/example.yaml
dpkg -P device-example
dpkg -r edgex
test ! -e /usr/bin/edgexd
test -s /var/lib/edgex/core-data/core-data.db
dpkg -P edgex edgex-device-sdk-dev
test ! -e /var/lib/edgex
test ! -e /etc/edgex
! getent passwd edgex
test -z "$(find /usr /etc /var/lib -xdev -name '*edgex*' | grep -v '^/var/lib/dpkg/')"
echo all went well
INNER
}

test_life() {
    "$DOCKER" run --rm -v "$SCRATCH:/packages:ro" -e DEBIAN_FRONTEND=noninteractive debian:bookworm-slim \
        bash -c "$(life_of_a_package)" >"$SCRATCH/life.log" 2>&1 || { tail -n 30 "$SCRATCH/life.log"; fail "in the container"; }
}

# The units as this machine's systemd reads them: nothing to complain about, little exposed.
test_units() {
    local unit exposure said
    command -v systemd-analyze >/dev/null || { say "SKIPPED: no systemd-analyze: the units were not judged" >&2; return 0; }
    mkdir "$SCRATCH/root" "$SCRATCH/units"
    dpkg-deb -x "$SCRATCH"/1/edgex_*.deb "$SCRATCH/root"
    for unit in "$SCRATCH"/root/usr/lib/systemd/system/*.service; do
        exposure=$(systemd-analyze security --offline=yes "$unit" | sed -n 's/.*exposure level.*: \([0-9.]*\).*/\1/p')
        awk -v e="${exposure:-10}" 'BEGIN {exit !(e < 1.5)}' || fail "$unit: exposure $exposure of 10"
        say "${unit##*/}: exposure $exposure of 10"
        sed "s|/usr/bin/|$SCRATCH/root/usr/bin/|" "$unit" >"$SCRATCH/units/${unit##*/}" # not installed here
    done
    said=$(systemd-analyze verify --man=no "$SCRATCH"/units/*.service 2>&1) || fail "the units: $said"
    ! grep "$SCRATCH\|edgex" <<<"$said" || fail "the units are not right"
}

docker_find
scratch_make
run packages_build
run test_reproducible
run test_arm64
run test_units
run test_life
say "passed"
