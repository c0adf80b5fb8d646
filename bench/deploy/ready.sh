#!/bin/bash
# Waits until every part of this node is ready; the same for every peer.
began=$(date +%s%3N)
for url in 127.0.0.1:6391/ready 127.0.0.1:7000/health 127.0.0.1:8080/readiness 127.0.0.1:8081/readiness 127.0.0.1:8082/readiness 127.0.0.1:8083/health 127.0.0.1:5000/health; do
  until curl -fs -o /dev/null -m 2 "http://$url"; do sleep 0.1; done
done
echo "ready $(($(date +%s%3N) - began))" >>/run/bench-waits
