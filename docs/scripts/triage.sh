#!/usr/bin/env bash
# Sends a folder of cores to Inquest, waits, and prints which crashes they are: a table of groups, with an example of each.
# Ends with status 10 when a crash is among them that was not known before. Needs bash, curl and jq.
#
#   triage.sh [OPTION …] FOLDER
#
#   -b DIR       binaries (interpreters, libraries, extension modules, debug files) that are sent before the cores
#   -l NAME=VAL  a label of every core, such as release=2.4; may be repeated
#   -s FILE      the groups known so far, one hash a line; those of this run are added (default: inquest-groups.txt)
#   -n TIME      instead of a file: a group is new when its first crash came at TIME (RFC 3339) or later
#   -u URL       the service (default: $INQUEST_URL, else http://127.0.0.1:8080); $INQUEST_TOKEN is its token
#
# A core that was sent before is neither analysed nor counted again. Each core that is refused, or whose analysis fails, is told on
# standard error and the others go on.
# Status: 0 nothing new, 1 usage, 2 a core was refused, 3 an analysis failed, 4 the service does not answer, 10 a new group.
set -euo pipefail

url=${INQUEST_URL:-http://127.0.0.1:8080} state=inquest-groups.txt since='' binaries='' labels='{}'
usage() { sed -n '2,16s/^# \{0,1\}//p' "$0" >&2; exit 1; }
while getopts b:l:s:n:u:h option; do
  case $option in
    b) binaries=$OPTARG ;;
    l) [[ $OPTARG == ?*=* ]] || usage
       labels=$(jq -c --arg name "${OPTARG%%=*}" --arg value "${OPTARG#*=}" '.[$name] = $value' <<<"$labels") ;;
    s) state=$OPTARG ;;
    n) since=$OPTARG ;;
    u) url=${OPTARG%/} ;;
    *) usage ;;
  esac
done
shift $((OPTIND - 1))
[[ $# -eq 1 && -d $1 && ( -z $binaries || -d $binaries ) ]] || usage
folder=$1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 077
# The token goes by a file: a command line can be read by others.
: >"$work/headers"
[[ -z ${INQUEST_TOKEN:-} ]] || printf 'Authorization: Bearer %s\n' "$INQUEST_TOKEN" >"$work/headers"

say() { printf '%s\n' "$*" >&2; }

# ask ARGUMENTS…: the answer's body in $work/answer; its status in $status.
ask() {
  status=$(curl -sS --retry 2 --retry-connrefused -H "@$work/headers" -o "$work/answer" -w '%{http_code}' "$@") || {
    say "triage: $url does not answer"
    exit 4
  }
  # 503 and 507 are the service's own trouble; a wrong token fails every call alike.
  case $status in 401 | 403 | 503 | 507) problem >&2; exit 4 ;; esac
}
problem() { jq -r '"\(.title): \(.detail) \(.hint)"' "$work/answer" 2>/dev/null || printf 'status %s\n' "$status"; }
# curl reads ; and , in a file's name as its own unless the name is quoted.
quoted() { local name=${1//\\/\\\\}; printf '"%s"' "${name//\"/\\\"}"; }

if [[ -n $binaries ]]; then
  parts=()
  send() { ((${#parts[@]} == 0)) || { ask "${parts[@]}" "$url/v1/binaries"; [[ $status == 20? ]] || { say "triage: binaries: $(problem)"; exit 2; }; parts=(); }; }
  while IFS= read -r -d '' file; do
    [[ $(head -c 4 "$file" | od -An -tx1 | tr -d ' ') == 7f454c46 ]] || continue
    parts+=(-F "binary=@$(quoted "$file")")
    ((${#parts[@]} < 200)) || send
  done < <(find -L "$binaries" -type f -print0)
  send
fi

# Many cores in one request, each a job of its own; a page of a bulk tells of 200 at most.
refused=0 failed=0 cores=()
: >"$work/bulks"
submit() {
  ((${#cores[@]} > 0)) || return 0
  local parts=() core position why
  for core in "${cores[@]}"; do parts+=(-F "core=@$(quoted "$core")"); done
  ask -F "labels=$labels" "${parts[@]}" "$url/v1/bulk"
  [[ $status == 202 ]] || { say "triage: cores: $(problem)"; exit 2; }
  jq -r .id "$work/answer" >>"$work/bulks"
  ask "$url/v1/bulk/$(tail -n 1 "$work/bulks")?only=refused&limit=200"
  while IFS=$'\t' read -r position why; do
    refused=$((refused + 1))
    say "refused  ${cores[position]}: $why"
  done < <(jq -r '.items[] | [.position, "\(.error.code): \(.error.detail) \(.error.hint)"] | @tsv' "$work/answer")
  cores=()
}
while IFS= read -r -d '' core; do
  cores+=("$core")
  ((${#cores[@]} < 200)) || submit
done < <(find "$folder" -type f ! -name '.*' -print0 | sort -z)
submit

: >"$work/ended"
while read -r id; do
  until ask "$url/v1/bulk/$id?wait=60&limit=200" && jq -e '.done != false' "$work/answer" >/dev/null; do :; done
  jq -c '.items[]? | select(.status == "succeeded") | {id: .job_id, core: (.duplicate_of // .job_id), hash: (.signature.hash // null)}' "$work/answer" >>"$work/ended"
  while IFS= read -r why; do
    failed=$((failed + 1))
    say "failed   $why"
  done < <(jq -r '.items[]? | select(.job_id and .status != "succeeded") | "\(.filename): \(.error.code // .status // "deleted"): \(.error.detail // "")"' "$work/answer")
done <"$work/bulks"
# A core that lies in the folder twice is one.
jq -cs 'unique_by(.core)[]' "$work/ended" >"$work/once" && mv "$work/once" "$work/ended"

# One document for each group; a signature that was merged into another group leads to that.
: >"$work/groups"
while read -r hash; do
  ask "$url/v1/groups/$hash"
  [[ $status == 200 ]] && jq -c . "$work/answer" >>"$work/groups"
done < <(jq -r '.hash // empty' "$work/ended" | sort -u)

[[ -e $state || -n $since ]] || say "triage: $state is not there yet, so every group is new"
known=/dev/null
[[ -n $since || ! -e $state ]] || known=$state
jq -cs --rawfile known "$known" --arg since "$since" --slurpfile jobs "$work/ended" '
  ($known | split("\n") | map(select(. != ""))) as $known
  | ($since | if . == "" then null else (sub("\\.[0-9]+Z$"; "Z") | fromdateiso8601) end) as $start
  | unique_by(.signature.hash)
  | map(. as $group | ([.signature.hash] + [.signatures[].hash]) as $hashes | . + {
      here: ([$jobs[] | select(.hash | IN($hashes[]))] | length),
      new: (if $start then (.first_seen | sub("\\.[0-9]+Z$"; "Z") | fromdateiso8601) >= $start else ($hashes | any(IN($known[])) | not) end)})
  | sort_by([(.new | not), -.here, .signature.hash])' "$work/groups" >"$work/table"

jq -r '
  def cut($n): tostring | if length > $n then .[: $n - 1] + "…" else . + " " * ($n - length) end;
  def row: "\(.[0] | cut(4)) \(.[1] | cut(5)) \(.[2] | cut(6)) \(.[3] | cut(9)) \(.[4] | cut(8)) \(.[5] | cut(16)) \(.[6] | cut(22)) \(.[7])" | sub(" +$"; "");
  (["", "HERE", "COUNT", "STATUS", "TREND", "PYTHON", "EXECUTABLE", "CRASH"] | row),
  (.[] | [(if .new then "NEW" else "" end), .here, .count, .status, .trend.direction, (.python_versions | join(",")), (.executables | join(",")), .signature.title] | row)
' "$work/table"

while read -r group; do
  report=$(jq -r '.example.report // empty' <<<"$group")
  printf '\n%s %s\n' "$(jq -r 'if .new then "NEW GROUP" else "GROUP" end' <<<"$group")" "$(jq -r '"\(.signature.hash)  \(.signature.title)"' <<<"$group")"
  [[ -z $report ]] && continue
  ask -H 'Accept: text/plain' "$url$report"
  # The first two paragraphs: what died, where in Python, and the likeliest cause.
  [[ $status != 200 ]] || { printf '%s\n' "    example $url$report"; awk -v RS= 'NR < 3 { gsub("\n", "\n    "); print "    " $0 }' "$work/answer"; }
done < <(jq -c '.[]' "$work/table")

read -r groups new < <(jq -r '"\(length) \(map(select(.new)) | length)"' "$work/table")
unlike=$(jq -s 'map(select(.hash == null)) | length' "$work/ended")
printf '\n%s cores: %s groups, %s of them new; %s without a signature, %s failed, %s refused\n' \
  "$(wc -l <"$work/ended" | tr -d ' ')" "$groups" "$new" "$unlike" "$failed" "$refused"

if [[ -z $since ]]; then
  { [[ ! -e $state ]] || cat "$state"; jq -r '.[] | .signature.hash, .signatures[].hash' "$work/table"; } | sort -u >"$work/state"
  cat "$work/state" >"$state"
fi
((new == 0)) || exit 10
((refused == 0)) || exit 2
((failed == 0)) || exit 3
