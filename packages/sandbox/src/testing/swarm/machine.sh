# One machine of a throw-away swarm: an engine with processes, mounts, a network and a host name of its own, all of which end with this.
#   machine.sh NAME FOLDER ADDRESS GATEWAY REGISTRY
set -eu
name=$1 folder=$2 address=$3 gateway=$4 registry=$5
hostname "$name"
mount --make-rprivate /
# What engines leave in /run is theirs, and gone with them.
mount -t tmpfs tmpfs /run
ip link set lo up
# Whoever started this puts the cable here once it knows our pid.
until ip link show outside >/dev/null 2>&1; do sleep 0.02; done
ip address add "$address/30" dev outside
ip link set outside up
ip route add default via "$gateway"
exec dockerd --data-root "$folder/data" --host "unix://$folder/engine.sock" --pidfile "$folder/pid" \
  --iptables=false --ip-forward=false --ip-masq=false --bridge=none --insecure-registry "$registry"
