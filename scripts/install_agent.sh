#!/bin/sh
# Kept for those who know the seed's scripts: on a VM it is the script that every load balancer serves.
curl -fsSL "http://${1:?the load balancer of the cluster, such as 10.0.1.10:5000}/install" | sh
