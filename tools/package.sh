# shellcheck shell=bash
# edgex package: Debian packages for this machine's architecture.

package_usage() {
    cat <<'EOF'
Usage: ./edgex package [--output DIR]

Builds edgex_VERSION_ARCH.deb (daemons, systemd units, configuration below /etc/edgex) and
edgex-device-sdk-dev_VERSION_ARCH.deb (header and libraries for drivers) into build/package/ or DIR.
The version ends in the number of commits; the same commit and compiler give the same bits.
EOF
}

verb_main() {
    local output=$EDGEX_HOME/build/package
    while [ $# -gt 0 ]; do
        case "$1" in
        --output) [ $# -ge 2 ] || die "--output needs a directory"; output=$2; shift 2 ;;
        -h | --help) package_usage; exit 0 ;;
        *) die "package: unknown option '$1'; ./edgex package --help" ;;
        esac
    done
    install_packages "${RUN_PACKAGES[@]}" "${PACKAGE_PACKAGES[@]}"
    build build/package -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_INSTALL_PREFIX=/usr -DEDGE_TESTS=OFF
    mkdir -p "$output"
    SOURCE_DATE_EPOCH=$(git -C "$EDGEX_HOME" log -1 --format=%ct 2>/dev/null || echo 0)
    export SOURCE_DATE_EPOCH
    STAGE=$(mktemp -d)
    trap 'rm -rf "$STAGE"' EXIT
    umask 022
    package_daemons "$output"
    package_sdk "$output"
}

package_version() { # EDGEX_REVISION: another number than that of the commits
    local version commits
    version=$(sed -n 's/^project(.*VERSION \([0-9.]*\).*/\1/p' "$EDGEX_HOME/CMakeLists.txt")
    commits=$(git -C "$EDGEX_HOME" rev-list --count HEAD 2>/dev/null || echo 0)
    echo "$version+r${EDGEX_REVISION:-$commits}"
}

package_daemons() {
    local root=$STAGE/edgex name
    DESTDIR=$root cmake --install "$EDGEX_HOME/build/package" --component edgex --strip >/dev/null
    for name in edgexd "${SERVICES[@]}"; do
        package_unit "$name" "$root/usr/lib/systemd/system"
    done
    install -D -m 644 "$EDGEX_HOME/packaging/default" "$root/etc/default/edgex"
    mkdir -p "$root/DEBIAN"
    (cd "$root" && find etc -type f -printf '/%p\n' | sort) >"$root/DEBIAN/conffiles"
    for name in postinst prerm postrm; do
        install -m 755 "$EDGEX_HOME/packaging/$name" "$root/DEBIAN/$name"
    done
    package_make edgex "$root" "$1" <<EOF
Section: net
Depends: $(package_libraries "$root"), adduser, init-system-helpers
Recommends: mosquitto
Description: EdgeX IoT edge platform in C
 Runs on a gateway between machines and the cloud: device services read and command devices, core
 services store the readings and keep the metadata. All in one process (edgexd), or one per service
 over a broker.
EOF
}

package_unit() { # edgexd and the single services exclude each other: they listen on the same ports
    local name=$1 unit=edgex-$1 conflicts=edgexd.service
    if [ "$name" = edgexd ]; then
        unit=edgexd
        conflicts=$(printf 'edgex-%s.service ' "${SERVICES[@]}")
    fi
    mkdir -p "$2"
    sed "s/@NAME@/$name/g;s/@CONFLICTS@/${conflicts% }/" "$EDGEX_HOME/packaging/service.in" >"$2/$unit.service"
}

package_sdk() {
    local root=$STAGE/sdk
    DESTDIR=$root cmake --install "$EDGEX_HOME/build/package" --component sdk >/dev/null
    find "$root" -name '*.a' -exec strip --strip-debug --enable-deterministic-archives {} +
    mkdir -p "$root/DEBIAN"
    package_make edgex-device-sdk-dev "$root" "$1" <<'EOF'
Section: libdevel
Depends: libc6-dev, libmicrohttpd-dev, libcjson-dev, libcurl4-openssl-dev, libsqlite3-dev, libcbor-dev,
 libyaml-dev, libpaho-mqtt-dev, libpcre2-dev
Description: device SDK of the EdgeX IoT edge platform in C
 One header and the libraries to write device services (drivers) with; device_hello.c is an example.
EOF
}

package_libraries() { # the packages of the libraries that programs below ROOT link, with their versions
    mkdir -p "$STAGE/shlibs/debian"
    printf 'Source: edgex\n\nPackage: edgex\nArchitecture: any\n' >"$STAGE/shlibs/debian/control"
    (cd "$STAGE/shlibs" && dpkg-shlibdeps -O "$1"/usr/bin/* 2>/dev/null) | sed 's/^shlibs:Depends=//'
}

package_make() { # package_make NAME ROOT OUTPUT <the part of the control file that differs
    local name=$1 root=$2 file version arch
    version=$(package_version)
    arch=$(dpkg --print-architecture)
    install -d "$root/usr/share/doc/$name"
    install -m 644 "$EDGEX_HOME/CHANGELOG.md" "$root/usr/share/doc/$name/"
    {
        printf '%s\n' "Package: $name" "Version: $version" "Architecture: $arch" "Priority: optional" \
            "Maintainer: edgex-c <edgex-c@localhost>" \
            "Installed-Size: $(du -sk --apparent-size --exclude=DEBIAN "$root" | cut -f1)"
        cat
    } >"$root/DEBIAN/control"
    (cd "$root" && find usr -type f | sort | xargs md5sum) >"$root/DEBIAN/md5sums"
    file=$3/${name}_${version}_$arch.deb
    dpkg-deb --root-owner-group -Zxz --build "$root" "$file" >/dev/null || die "dpkg-deb failed"
    say "$file ($(stat -c %s "$file") bytes)"
}
