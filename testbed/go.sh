#!/usr/bin/env bash
# testbed/go.sh COMMAND ARGUMENTS...: runs "go COMMAND" for this module with the flags that all its builds share, so that
# nothing is compiled twice, and with the files of Kubernetes' HPA controller in the folder podautoscaler/.
#
# The controller decides in functions that are private to its package. Go lets nobody add a file to a package of a
# module, but an overlay can put the package's files beside ours. They are not in the repository.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

files=$(go list -f '{{range .GoFiles}}{{$.Dir}}/{{.}}{{"\n"}}{{end}}' k8s.io/kubernetes/pkg/controller/podautoscaler)
replace=''
while IFS= read -r file; do
  replace+="${replace:+, }\"$PWD/podautoscaler/upstream_${file##*/}\": \"$file\""
done <<< "$files"

command=$1
shift
CGO_ENABLED=0 exec go "$command" -trimpath -overlay=/dev/fd/3 "$@" 3<<< "{\"Replace\": {$replace}}"
