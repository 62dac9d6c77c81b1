# shellcheck shell=bash
# Building for arm64 on another machine: Debian's cross compiler, and a sysroot below build/arm64 with
# Debian's own arm64 libraries. Only the compiler and qemu are installed; apt and dpkg of this machine
# never hear of a foreign architecture.

ARM64=$EDGEX_HOME/build/arm64
SYSROOT=$ARM64/sysroot

arm64_packages() { # what is linked: the -dev packages among those to build with
    local package
    for package in libc6-dev "${RUN_PACKAGES[@]}" libcunit1-dev; do
        case "$package" in *-dev) echo "$package" ;; esac
    done | sort -u
}

arm64_ready() { # installs the tools, makes the sysroot anew where another set of packages is wanted
    local wanted
    wanted=$(arm64_packages | xargs)
    install_packages "${RUN_PACKAGES[@]}" "${ARM64_PACKAGES[@]}"
    [ "$(cat "$SYSROOT/.packages" 2>/dev/null)" != "$wanted" ] || return 0
    say "Fetching the arm64 libraries from Debian"
    rm -rf "$SYSROOT" "$ARM64/apt" "$ARM64/package" "$ARM64/test"
    mkdir -p "$ARM64/apt/lists/partial" "$ARM64/apt/archives/partial" "$SYSROOT/usr/lib" "$SYSROOT/var/lib/dpkg/info"
    : >"$ARM64/apt/status"
    ln -s usr/lib "$SYSROOT/lib"
    # shellcheck disable=SC2086
    if ! { arm64_apt update -qq && arm64_apt install -y -qq --no-install-recommends --download-only $wanted; } \
        >"$ARM64/apt/log" 2>&1 </dev/null; then
        tail -n 20 "$ARM64/apt/log" >&2
        return 1
    fi
    arm64_unpack
    echo "$wanted" >"$SYSROOT/.packages"
}

arm64_apt() { # apt-get as on an arm64 machine where nothing is installed
    apt-get -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Dir::State="$ARM64/apt" \
        -o Dir::State::status="$ARM64/apt/status" -o Dir::Cache="$ARM64/apt" -o Debug::NoLocking=1 "$@"
}

# Files, and as much of dpkg's database as dpkg-shlibdeps asks for. It looks for the library where the
# linker found it, below the sysroot: so that is where the database says it is.
arm64_unpack() {
    local deb name link info=$SYSROOT/var/lib/dpkg/info
    for deb in "$ARM64"/apt/archives/*.deb; do
        name=$(dpkg-deb -f "$deb" Package):arm64
        dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink --no-same-owner -C "$SYSROOT"
        { printf 'Status: install ok installed\n' && dpkg-deb -f "$deb" && echo; } >>"$SYSROOT/var/lib/dpkg/status"
        dpkg-deb --fsys-tarfile "$deb" | tar -t |
            sed -n "s|^\./lib/|./usr/lib/|;s|^\./\(.*[^/]\)\$|$SYSROOT/\1|p" >"$info/$name.list"
        dpkg-deb --ctrl-tarfile "$deb" | tar -x -C "$info" --wildcards --transform "s|^\./|$name.|" \
            ./shlibs ./symbols 2>/dev/null || true # many have none
    done
    echo 1 >"$info/format"
    find "$SYSROOT" -type l -lname '/*' | while IFS= read -r link; do
        ln -sfn "$SYSROOT$(readlink "$link")" "$link"
    done
}
