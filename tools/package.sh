# shellcheck shell=bash
# edgex package: Debian packages, for this machine's architecture or cross-built for arm64.

package_usage() {
    cat <<'EOF'
Usage: ./edgex package [--arch ARCH] [--output DIR]

Builds edgex_VERSION_ARCH.deb (daemons, systemd units, configuration below /etc/edgex) and
edgex-device-sdk-dev_VERSION_ARCH.deb (headers, libraries and manual for drivers) into build/package/ or DIR.
The version ends in the number of commits; the same commit and compiler give the same bits.

  --arch arm64   for arm64, whatever this machine is; the compiler and the libraries come from Debian
EOF
}

verb_main() {
    local output=$EDGEX_HOME/build/package
    ARCH=$(dpkg --print-architecture)
    while [ $# -gt 0 ]; do
        case "$1" in
        --output) [ $# -ge 2 ] || die "--output needs a directory"; output=$2; shift 2 ;;
        --arch) [ $# -ge 2 ] || die "--arch needs an architecture"; ARCH=$2; shift 2 ;;
        -h | --help) package_usage; exit 0 ;;
        *) die "package: unknown option '$1'; ./edgex package --help" ;;
        esac
    done
    # The dates of files and archives; the list of files, too, must not depend on who builds.
    SOURCE_DATE_EPOCH=$(git -C "$EDGEX_HOME" log -1 --format=%ct 2>/dev/null || echo 0)
    export SOURCE_DATE_EPOCH LC_ALL=C CCACHE_BASEDIR= # a base directory of the user's would show in the programs
    umask 022
    package_build
    mkdir -p "$output"
    STAGE=$(mktemp -d)
    trap 'rm -rf "$STAGE"' EXIT
    package_daemons "$output"
    package_sdk "$output"
}

package_build() { # into $BUILD; STRIP and SHLIBDEPS are the tools for its programs
    local options=(-DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_INSTALL_PREFIX=/usr -DEDGE_TESTS=OFF)
    install_packages "${RUN_PACKAGES[@]}" "${PACKAGE_PACKAGES[@]}"
    if [ "$ARCH" = "$(dpkg --print-architecture)" ]; then
        BUILD=build/package STRIP=strip SHLIBDEPS=(dpkg-shlibdeps)
    elif [ "$ARCH" = arm64 ]; then
        . "$EDGEX_HOME/tools/arm64.sh"
        arm64_ready || die "the arm64 libraries cannot be had"
        BUILD=build/arm64/package STRIP=aarch64-linux-gnu-strip
        SHLIBDEPS=(env DEB_HOST_ARCH=arm64 dpkg-shlibdeps "--admindir=$SYSROOT/var/lib/dpkg"
            "-l$SYSROOT/usr/lib/aarch64-linux-gnu")
        options+=(-DCMAKE_TOOLCHAIN_FILE="$EDGEX_HOME/tools/arm64.cmake")
    else
        die "package: there is no way to build for '$ARCH' here; arm64 and this machine's own work"
    fi
    build "$BUILD" "${options[@]}"
}

package_version() { # EDGEX_REVISION: another number than that of the commits
    local version commits
    version=$(sed -n 's/^project(.*VERSION \([0-9.]*\).*/\1/p' "$EDGEX_HOME/CMakeLists.txt")
    commits=$(git -C "$EDGEX_HOME" rev-list --count HEAD 2>/dev/null || echo 0)
    echo "$version+r${EDGEX_REVISION:-$commits}"
}

package_daemons() {
    local root=$STAGE/edgex
    package_tree "$root"
    package_make edgex "$root" "$1" <<EOF
Section: net
Depends: $(package_libraries "$root"), libcurl4, adduser, init-system-helpers, procps
Recommends: mosquitto
Description: EdgeX IoT edge platform in C
 Runs on a gateway between machines and the cloud: device services read and command devices, core
 services store the readings and keep the metadata. All in one process (edgexd), or one per service
 over a broker.
EOF
}

package_tree() { # package_tree ROOT: all files of the daemons' package but its control file
    local name
    DESTDIR=$1 cmake --install "$EDGEX_HOME/$BUILD" --component edgex --strip >/dev/null
    package_units "$1/usr/lib/systemd/system"
    install -D -m 644 "$EDGEX_HOME/packaging/default" "$1/etc/default/edgex"
    mkdir -p "$1/DEBIAN"
    (cd "$1" && find etc -type f -printf '/%p\n' | sort) >"$1/DEBIAN/conffiles"
    for name in postinst prerm postrm; do
        install -m 755 "$EDGEX_HOME/packaging/$name" "$1/DEBIAN/$name"
    done
}

# edgexd and the single services exclude each other: they listen on the same ports.
package_units() { # package_units DIR
    local name
    mkdir -p "$1"
    package_unit edgexd "$(printf 'edgex-%s.service\n' "${SERVICES[@]}" | xargs)" "${SERVICES[@]}" >"$1/edgexd.service"
    for name in "${SERVICES[@]}"; do package_unit "$name" edgexd.service "$name" >"$1/edgex-$name.service"; done
}

package_unit() { # package_unit PROGRAM CONFLICTS SERVICE...: with the devices and capabilities of those services
    local name path group capability edits=() devices="" capabilities=""
    for name in "${@:3}"; do
        while read -r path group; do
            devices+="\\nDeviceAllow=$path rw${group:+\\nSupplementaryGroups=$group}"
        done < <(conf "$name" device | grep .)
        while read -r capability; do capabilities+=" CAP_$capability"; done < <(conf "$name" capability | grep .)
    done
    [ -z "$devices" ] || edits+=(-e "s|^PrivateDevices=yes|PrivateDevices=no\\nDevicePolicy=closed$devices|")
    [ -z "$capabilities" ] ||
        edits+=(-e "s/^CapabilityBoundingSet=/&${capabilities# }\\nAmbientCapabilities=${capabilities# }/" -e 's/^PrivateUsers=yes/PrivateUsers=no/')
    sed -e "s/@NAME@/$1/g;s/@CONFLICTS@/$2/" "${edits[@]}" "$EDGEX_HOME/packaging/service.in"
}

package_sdk() {
    local root=$STAGE/sdk
    DESTDIR=$root cmake --install "$EDGEX_HOME/$BUILD" --component sdk >/dev/null
    package_example "$root/usr/share/doc/edgex-device-sdk-dev/examples/device-example"
    find "$root" -name '*.a' -exec "$STRIP" --strip-debug --enable-deterministic-archives {} +
    mkdir -p "$root/DEBIAN"
    package_make edgex-device-sdk-dev "$root" "$1" <<'EOF'
Section: libdevel
Depends: libc6-dev, libcjson-dev, libcurl4, libsqlite3-dev, libcbor-dev,
 libyaml-dev, libpaho-mqtt-dev, libpcre2-dev, libssl-dev
Description: device SDK of the EdgeX IoT edge platform in C
 Headers and libraries to write device services (drivers) with and to test them without platform,
 broker or network, a manual, a tutorial and examples.
EOF
}

package_example() { # what ./edgex new driver makes, for who has the package alone
    (
        . "$EDGEX_HOME/tools/new_driver.sh"
        DRIVER=device-example PORT=59950 SDK_TREE='' QUIET=1
        new_driver_write example "$1"
    )
}

package_libraries() { # the packages of the libraries that programs below ROOT link, with their versions
    mkdir -p "$STAGE/shlibs/debian"
    printf 'Source: edgex\n\nPackage: edgex\nArchitecture: any\n' >"$STAGE/shlibs/debian/control"
    (cd "$STAGE/shlibs" && "${SHLIBDEPS[@]}" -O "$1"/usr/bin/* 2>/dev/null) | sed 's/^shlibs:Depends=//'
}

package_make() { # package_make NAME ROOT OUTPUT <the part of the control file that differs
    local name=$1 root=$2 file version
    version=$(package_version)
    install -d "$root/usr/share/doc/$name"
    install -m 644 "$EDGEX_HOME/CHANGELOG.md" "$root/usr/share/doc/$name/"
    {
        printf '%s\n' "Package: $name" "Version: $version" "Architecture: $ARCH" "Priority: optional" \
            "Maintainer: edgex-c <edgex-c@localhost>" \
            "Installed-Size: $(du -sk --apparent-size --exclude=DEBIAN "$root" | cut -f1)"
        cat
    } >"$root/DEBIAN/control"
    (cd "$root" && find usr -type f | sort | xargs md5sum) >"$root/DEBIAN/md5sums"
    find "$root" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} + # dpkg-deb leaves the dates of older files
    file=$3/${name}_${version}_$ARCH.deb
    dpkg-deb --root-owner-group -Zxz --build "$root" "$file" >/dev/null || die "dpkg-deb failed"
    say "$file ($(stat -c %s "$file") bytes)"
}
