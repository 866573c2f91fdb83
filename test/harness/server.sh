# A server of our own, to be sourced: builds the extension out of tree, lays it over a private copy of the installed
# PostgreSQL (so that neither a cluster nor the installed extension of this machine is touched), and starts a
# throw-away cluster in a temporary folder. Gives $smk_bin (programs), and PGHOST, PGPORT, PGUSER.
# The caller runs smk_server_start; everything ends and goes with the shell.

smk_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
smk_major=${PG_MAJOR:-15}
smk_installed=/usr/lib/postgresql/$smk_major

# The unprivileged user that runs the server, since PostgreSQL refuses root.
smk_as_user() {
    if [ "$(id -u)" -eq 0 ]; then
        # From a folder that it may enter.
        if runuser -u postgres -- test -x "$PWD"; then
            runuser -u postgres -- env "PATH=$PATH" "$@"
        else
            (cd / && runuser -u postgres -- env "PATH=$PATH" "$@")
        fi
    else
        "$@"
    fi
}

smk_build() {
    smk_tmp=$(mktemp -d "${TMPDIR:-/tmp}/smarketing.XXXXXX")
    chmod 755 "$smk_tmp"
    trap smk_server_stop EXIT
    local overlay=$smk_tmp/root build=$smk_tmp/build share=usr/share/postgresql/$smk_major
    smk_bin=$overlay$smk_installed/bin
    # PostgreSQL finds its other folders from where its program lies, so copied programs see the overlay.
    mkdir -p "$smk_bin" "$overlay$smk_installed/lib" "$overlay/$share/extension" "$build"
    cp "$smk_installed"/bin/* "$smk_bin/"
    ln -s "$smk_installed"/lib/* "$overlay$smk_installed/lib/"
    find "/$share" -mindepth 1 -maxdepth 1 ! -name extension -exec ln -s {} "$overlay/$share/" \;
    ln -s "/$share/extension"/* "$overlay/$share/extension/"
    [ ! -d /usr/share/locale ] || ln -s /usr/share/locale "$overlay/usr/share/locale"
    rm -rf "$overlay$smk_installed"/lib/smarketing* "$overlay$smk_installed/lib/bitcode" "$overlay/$share/extension"/smarketing*
    if ! make -C "$build" -f "$smk_root/Makefile" -j"$(nproc)" PG_CONFIG="$smk_installed/bin/pg_config" \
            PG_CFLAGS="${PG_CFLAGS:--Wall -Wextra -Werror}" DESTDIR="$overlay" all install >"$smk_tmp/build.log" 2>&1; then
        cat "$smk_tmp/build.log" >&2
        return 1
    fi
    export PATH="$smk_bin:$PATH"
    [ "$(id -u)" -ne 0 ] || chown -R postgres "$smk_tmp"
}

# A cluster in the folder given, of the programs that smk_build laid out.
smk_cluster_start() {
    local folder=$1
    export PGHOST=$folder/run PGPORT=5499 PGUSER=postgres PGDATABASE=postgres
    export PGCLIENTENCODING=UTF8
    unset PGPASSWORD PGSERVICE PGOPTIONS PGTZ PGSSLMODE
    smk_as_user mkdir -p "$folder/run"
    smk_as_user initdb -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$folder/initdb.log" || {
        cat "$folder/initdb.log" >&2
        return 1
    }
    smk_as_user tee -a "$folder/data/postgresql.conf" >/dev/null <<CONF
listen_addresses = ''
port = $PGPORT
unix_socket_directories = '$folder/run'
timezone = 'Etc/UTC'
fsync = off
shared_buffers = '${SMK_SHARED_BUFFERS:-256MB}'
max_wal_size = '4GB'
${SMK_SERVER_SETTINGS:-}
CONF
    smk_as_user pg_ctl -D "$folder/data" -l "$folder/server.log" -w start >/dev/null || {
        cat "$folder/server.log" >&2
        return 1
    }
}

smk_cluster_stop() {
    [ ! -e "$1/data/postmaster.pid" ] || smk_as_user pg_ctl -D "$1/data" -m immediate stop >/dev/null 2>&1 || true
}

smk_server_start() {
    smk_build && smk_cluster_start "$smk_tmp"
}

smk_server_stop() {
    local folder
    for folder in "$smk_tmp" "$smk_tmp"/lane*; do smk_cluster_stop "$folder"; done
    rm -rf "$smk_tmp"
}
