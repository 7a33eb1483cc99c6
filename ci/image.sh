#!/bin/sh
# Builds the image of conform, FROM scratch: nothing is pulled.
#
#   ci/image.sh [TAG]              default: conform:latest
#
# CERTIFICATES names the bundle of authorities to put into it.
set -eu

tag=${1:-conform:latest}
certificates=${CERTIFICATES:-/etc/ssl/certs/ca-certificates.crt}
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
trap 'exit 130' INT TERM

cd "$root"
CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$context/conform" ./cmd/conform
cp "$certificates" "$context/ca-certificates.crt"
cp ci/Dockerfile "$context/Dockerfile"
# The classic builder is in every engine; buildx is not.
DOCKER_BUILDKIT=0 docker build --quiet --tag "$tag" "$context"
