#!/bin/sh
# Runs the instrumentation tests against the oldest supported clients and OpenTelemetry, in an environment of its own.
# With an argument ("newest") against the newest ones that the package index has.
set -eu
cd "$(dirname "$0")/../.."
environment=$(mktemp -d)
trap 'rm -rf "$environment"' EXIT
"${PYTHON:-python3}" -m venv "$environment"
if [ "${1:-oldest}" = newest ]; then
    set -- openai anthropic opentelemetry-sdk opentelemetry-instrumentation opentelemetry-exporter-otlp-proto-common
else
    set -- -r tests/instrumentation/requirements.oldest.txt
fi
"$environment/bin/pip" install --quiet --disable-pip-version-check --upgrade "$@" pytest
"$environment/bin/pip" install --quiet --disable-pip-version-check -e './instrumentation[export]'
"$environment/bin/python" -m pytest tests/instrumentation -q -p no:cacheprovider
