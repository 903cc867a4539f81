#!/bin/sh
# A Docker Engine in a container. DOCKER_TLS_CERTDIR empty: plain TCP on 2375. A folder: certificates are
# made there (client ones in client/) and the engine listens on 2376.
set -e
case "$1" in -*|"") ;; dockerd) shift ;; *) exec "$@" ;; esac

runtime=""
case "$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status)" in
    000001ffffffffff) ;;
    *) runtime="--add-runtime within-bounds=/usr/local/bin/runc-within-bounds.sh --default-runtime within-bounds" ;;
esac

certificates() {
    folder=$1
    mkdir -p "$folder/ca" "$folder/server" "$folder/client"
    # client/ may be a volume that an earlier engine wrote to; its certificates fit only that one's.
    [ -s "$folder/client/cert.pem" ] && [ -s "$folder/server/cert.pem" ] && return
    names="DNS:docker,DNS:localhost,DNS:$(hostname),IP:127.0.0.1"
    for address in $(hostname -I); do names="$names,IP:$address"; done
    openssl req -x509 -newkey rsa:2048 -nodes -days 825 -subj /CN=docker-ca \
        -keyout "$folder/ca/key.pem" -out "$folder/ca/cert.pem" 2>/dev/null
    for side in server client; do
        printf 'subjectAltName=%s\nextendedKeyUsage=%sAuth\n' "$names" "$side" >"$folder/$side/extensions"
        openssl req -newkey rsa:2048 -nodes -subj "/CN=docker-$side" \
            -keyout "$folder/$side/key.pem" -out "$folder/$side/request.pem" 2>/dev/null
        openssl x509 -req -days 825 -in "$folder/$side/request.pem" -extfile "$folder/$side/extensions" \
            -CA "$folder/ca/cert.pem" -CAkey "$folder/ca/key.pem" -CAcreateserial \
            -out "$folder/$side/cert.pem" 2>/dev/null
        cp "$folder/ca/cert.pem" "$folder/$side/ca.pem"
    done
}

if [ -n "${DOCKER_TLS_CERTDIR-}" ]; then
    certificates "$DOCKER_TLS_CERTDIR"
    server="$DOCKER_TLS_CERTDIR/server"
    listen="-H tcp://0.0.0.0:2376 --tlsverify --tlscacert $server/ca.pem --tlscert $server/cert.pem --tlskey $server/key.pem"
else
    listen="-H tcp://0.0.0.0:2375 --tls=false"
fi

# With cgroup v2 the processes must leave the root group before controllers can be given to its children.
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    mkdir -p /sys/fs/cgroup/init
    xargs -rn1 </sys/fs/cgroup/cgroup.procs >/sys/fs/cgroup/init/cgroup.procs 2>/dev/null || :
    sed -e 's/ / +/g' -e 's/^/+/' </sys/fs/cgroup/cgroup.controllers >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || :
fi
rm -f /var/run/docker.pid /run/docker/containerd/containerd.pid
# shellcheck disable=SC2086
exec dockerd -H unix:///var/run/docker.sock $listen $runtime "$@"
