#!/usr/bin/env bash
# Commit subjects have 72 characters at most, from the commit after this one on.
set -euo pipefail
SINCE=7c31aa5bb1fd9b5b03e81d9eb4cdb7d31c587988
git rev-parse --verify --quiet "$SINCE^{commit}" >/dev/null || exit 0 # an export or a shallow clone has no history
long=$(git log --no-merges --format='%h %s' "$SINCE..HEAD" | awk '{ subject = substr($0, length($1) + 2); if (length(subject) > 72) print $1 ": " subject " (" length(subject) " characters)" }')
[ -z "$long" ] && exit 0
echo "commit subjects over 72 characters; put the rest into the body:" >&2
echo "$long" >&2
exit 1
