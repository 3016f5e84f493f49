#!/bin/sh
# What are two containers elsewhere: the sidecar, and the node. Both end with this.
ordinal=${POD_NAME##*-}
export RABBITMQ_DIST_PORT=$((25672 + ordinal))
address=$(echo "$POD_IP" | tr . ,)
# RabbitMQ looks its own port up past the module that finds nodes. One scheduler: there are more nodes than processors.
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+S 1:1 -erl_epmd_port $RABBITMQ_DIST_PORT -kernel inet_dist_use_interface {$address}"
export RABBITMQ_CTL_ERL_ARGS="+S 1:1"
cat "$FILES/rabbitmq.conf" - >"$SETTINGS" <<END
listeners.tcp.1 = $POD_IP:5672
mqtt.listeners.tcp.1 = $POD_IP:1883
management.tcp.ip = $POD_IP
prometheus.tcp.ip = $POD_IP
END
mkdir -p "$HOME/sidecar"
HOME=$HOME/sidecar sh "$FILES/start.sh" "$@" "$FILES/sidecar.escript" &
sidecar=$!
sh "$FILES/start.sh" rabbitmq-server &
node=$!
trap 'kill -TERM "$node"' TERM
# It returns at the signal, and once more when the node has ended.
wait "$node"
wait "$node"
status=$?
kill -KILL "$sidecar"
exit "$status"
